"""Every rule of the tables of `tenants` is held by the database itself: a row that breaks it is refused by its name."""

import pytest
from django.db import IntegrityError, connection

from tests.rows import Break, below_zero, broken, furnish
from tests.tenants.breaks_telling import TELLING

pytestmark = [pytest.mark.django_db, pytest.mark.database]

EMAIL = {"email": "'other@acme.example'"}
BREAKS: list[Break] = [
    ("tenants_customergroup_code_key", "tenants_customergroup", {}),
    ("tenants_tag_name_key", "tenants_tag", {}),
    ("tenants_user_email_key", "tenants_user", {}),
    ("user_email_once_in_any_case", "tenants_user", {"email": "upper(email)"}),
    ("user_language_known", "tenants_user", EMAIL | {"language": "'fr'"}),
    ("tenants_user_groups_user_id_group_id_ef9ea837_uniq", "tenants_user_groups", {}),
    ("tenants_user_user_permis_user_id_permission_id_e7cb44b9_uniq", "tenants_user_user_permissions", {}),
    ("idempotency_key_once", "tenants_idempotencykey", {}),
    *below_zero("tenants_idempotencykey", "status"),
    ("tenants_seller_code_key", "tenants_seller", {"number_prefix": "'ZZ'"}),
    ("seller_number_prefix_once", "tenants_seller", {"code": "'other'"}),
    ("seller_currency_form", "tenants_seller", {"currency": "'cny'"}),
    ("seller_tax_rate_range", "tenants_seller", {"tax_rate": "1"}),
    ("seller_tax_status_known", "tenants_seller", {"tax_status": "'none'"}),
    ("seller_refund_limit_not_negative", "tenants_seller", {"refund_limit_minor": "-1"}),
    ("seller_hold_whole", "tenants_seller", {"hold_factor": "5"}),
    ("seller_act_limit_not_negative", "tenants_seller", {"act_limit_minor": "-1"}),
    ("tenant_purchase_limit_not_negative", "tenants_tenant", {"purchase_limit_minor": "-1"}),
    ("tenants_auditseal_number_key", "tenants_auditseal", {}),
    ("audit_seal_first_has_none_before", "tenants_auditseal", {"number": "2"}),
    ("audit_seal_holds_something", "tenants_auditseal", {"number": "2", "previous": "'-'", "count": "0"}),
    *below_zero("tenants_seller", "payment_days"),
    ("tenants_tenant_code_key", "tenants_tenant", {}),
    ("tenant_currency_form", "tenants_tenant", {"currency": "'RM'"}),
    ("tenant_language_known", "tenants_tenant", {"language": "'fr'"}),
    ("tenant_status_known", "tenants_tenant", {"status": "'lost'"}),
    ("tenants_tenant_tags_tenant_id_tag_id_bb98abba_uniq", "tenants_tenant_tags", {}),
    ("contact_email_once_per_tenant", "tenants_contact", {}),
    ("contact_role_known", "tenants_contact", EMAIL | {"role": "'boss'"}),
    ("contact_of_bills_has_email", "tenants_contact", {"email": "''"}),
    ("member_once_per_tenant", "tenants_member", {}),
    ("member_role_known", "tenants_member", {"role": "'king'"}),
    ("tenants_apikey_prefix_key", "tenants_apikey", {}),
    ("authorisation_currency_form", "tenants_authorisation", {"currency": "'¥'"}),
    ("authorisation_ceiling_positive", "tenants_authorisation", {"ceiling_minor": "0"}),
    ("authorisation_per_month_positive", "tenants_authorisation", {"per_month_minor": "0"}),
    ("authorisation_scope_form", "tenants_authorisation", {"scope": "'everything'"}),
    ("authorisation_scope_form", "tenants_authorisation", {"scope": "'renews,all'"}),
    ("authorisation_way_known", "tenants_authorisation", {"way": "'cash'"}),
    ("authorisation_days_in_order", "tenants_authorisation", {"valid_until": "given_at"}),
    (
        "authorisation_days_in_order",
        "tenants_authorisation",
        {"valid_from": "given_at + interval '2 days'", "valid_until": "given_at + interval '1 day'"},
    ),
    ("authorisation_withdrawn_after_given", "tenants_authorisation", {"withdrawn_at": "given_at - interval '1 s'"}),
    ("notice_once_per_key", "tenants_notice", {}),
    ("notice_status_known", "tenants_notice", {"status": "'lost'"}),
    ("notice_language_known", "tenants_notice", {"language": "'fr'"}),
    ("notice_delivered_says_when", "tenants_notice", {"status": "'delivered'"}),
    *below_zero("tenants_notice", "tries"),
    ("delivery_number_once", "tenants_delivery", {}),
    *below_zero("tenants_delivery", "number"),
    *TELLING,
]


@pytest.mark.parametrize(("name", "table", "changes"), BREAKS, ids=[name for name, _table, _changes in BREAKS])
def test_the_database_refuses(name, table, changes):
    furnish()
    assert broken(table, changes) == name


def test_a_company_is_not_its_own_parent():
    tenant = furnish()
    with pytest.raises(IntegrityError, match="tenant_not_its_own_parent"), connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_tenant SET parent_id = id WHERE id = %s", [tenant.pk])
