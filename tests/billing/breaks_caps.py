"""What breaks each constraint of budgets: (constraint, table, changes of the row that `tests.rows.furnish` makes)."""

OTHER = {"price_code": "'x'"}
BREAKS = [
    ("charge_credit_of_one_sign", "billing_chargecredit", {"amount_minor": "-1", "undiscounted_minor": "1"}),
    ("budget_not_negative", "billing_budget", OTHER | {"amount_minor": "-1"}),
    ("budget_currency_form", "billing_budget", {"currency": "'cny'"}),
    ("budget_reach_known", "billing_budget", OTHER | {"on_reach": "'beep'"}),
    ("budget_ends_after_start", "billing_budget", OTHER | {"ended_at": "set_at - interval '1 s'"}),
    ("budget_of_one_thing", "billing_budget", OTHER | {"meter_id": "(SELECT min(id) FROM usage_meter)"}),
    ("budget_one_in_force", "billing_budget", {}),
    ("budget_release_adds", "billing_budgetrelease", {"extra_minor": "0"}),
    ("budget_release_ends", "billing_budgetrelease", {"until": "released_at"}),
]
