"""Rows that break the rules of held bills; `test_constraints` tries them."""

from tests.rows import Break, below_zero

OTHER = {"invoice_id": "null"}
ENDED = OTHER | {"released_at": "now()", "outcome": "'released'", "reason": "'r'"}
SOMEBODY = "(SELECT min(id) FROM tenants_user)"
HELD: list[Break] = [
    ("bill_hold_once", "invoices_billhold", {}),
    ("bill_hold_currency_form", "invoices_billhold", OTHER | {"currency": "'cny'"}),
    ("bill_hold_says_why", "invoices_billhold", OTHER | {"reasons": "'[]'"}),
    ("bill_hold_outcome_known", "invoices_billhold", ENDED | {"outcome": "'forgotten'"}),
    ("bill_hold_ends_whole", "invoices_billhold", ENDED | {"reason": "''"}),
    ("bill_hold_asked_whole", "invoices_billhold", OTHER | {"asked_at": "now()"}),
    (
        "bill_hold_second_person",
        "invoices_billhold",
        ENDED | {"asked_at": "now()", "asked_by_id": SOMEBODY, "released_by_id": SOMEBODY},
    ),
    ("invoices_planadvice_subscription_id_key", "invoices_planadvice", {}),
    ("plan_advice_currency_form", "invoices_planadvice", {"currency": "'cny'"}),
    ("plan_advice_days_in_order", "invoices_planadvice", {"end": "first"}),
    ("peer_figure_once", "invoices_peerfigure", {}),
    ("peer_figure_anonymous", "invoices_peerfigure", {"customers": "9"}),
    ("peer_figure_band_known", "invoices_peerfigure", {"band": "'big'"}),
    ("peer_figure_measure_known", "invoices_peerfigure", {"measure": "'name'"}),
    ("peer_figure_currency_form", "invoices_peerfigure", {"currency": "'cny'"}),
    ("survey_once", "invoices_survey", {}),
    ("survey_score_range", "invoices_survey", {"score": "6"}),
    ("survey_occasion_form", "invoices_survey", {"occasion": "'whim'"}),
    *below_zero("invoices_survey", "score"),
    *below_zero("invoices_peerfigure", "customers"),
]
