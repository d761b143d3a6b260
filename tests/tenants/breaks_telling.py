"""How a row about telling a company breaks a rule of its table."""

from tests.rows import Break

DELIVERY = {"delivery_id": "(SELECT max(id) FROM tenants_delivery)"}
TELLING: list[Break] = [
    ("tenant_reminder_days_known", "tenants_tenant", {"reminder_days": "'{2}'"}),
    ("notice_channels_known", "tenants_notice", {"channels": "'{pigeon}'"}),
    ("preference_once_per_kind", "tenants_noticepreference", {}),
    ("preference_keeps_what_is_needed", "tenants_noticepreference", {"kind": "'charge_announced'"}),
    ("preference_keeps_what_is_needed", "tenants_noticepreference", {"kind": "'unheard_of'"}),
    ("tenants_wecombot_tenant_id_key", "tenants_wecombot", {}),
    ("wecom_bot_fingerprint_form", "tenants_wecombot", {"fingerprint": "'x'"}),
    ("wecom_bot_within_its_rate", "tenants_wecombot", {"taken": "array_fill(now(), ARRAY[21])"}),
    ("opening_once_per_person", "tenants_opening", {}),
    ("tenants_bounce_delivery_id_key", "tenants_bounce", {}),
    ("bounce_is_for_good", "tenants_bounce", {"status": "'4.2.2'"}),
]
