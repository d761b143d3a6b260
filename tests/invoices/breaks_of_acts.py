"""What breaks each rule of the tables of second people: purchases to approve, and acts with money."""

from tests.rows import Break

REQUEST, ACT = "invoices_purchaserequest", "invoices_operatoract"
# A copy beside the one that waits.
OTHER, NEXT = {"sha256": "'other'"}, {"key": "'next'"}
SECONDED: list[Break] = [
    ("purchase_request_once", REQUEST, {}),
    ("purchase_request_state_known", REQUEST, OTHER | {"state": "'lost'", "decided_at": "now()"}),
    ("purchase_request_currency_form", REQUEST, OTHER | {"currency": "'cny'"}),
    ("purchase_request_lasts", REQUEST, OTHER | {"expires_at": "asked_at"}),
    ("purchase_request_decided_says_when", REQUEST, OTHER | {"state": "'declined'"}),
    (
        "purchase_request_two_people",
        REQUEST,
        OTHER | {"state": "'approved'", "decided_at": "now()", "decided_by_id": "asked_by_id"},
    ),
    ("operator_act_once", ACT, {}),
    ("operator_act_kind_known", ACT, NEXT | {"kind": "'whim'"}),
    ("operator_act_state_known", ACT, NEXT | {"state": "'lost'"}),
    ("operator_act_currency_form", ACT, NEXT | {"currency": "'cny'"}),
    ("operator_act_amounts", ACT, NEXT | {"amount_minor": "-1"}),
    ("operator_act_says_why", ACT, NEXT | {"reason": "''"}),
    ("operator_act_second_person", ACT, NEXT | {"state": "'done'"}),
    # Units have no amount, and so are above every limit.
    ("operator_act_second_person", ACT, NEXT | {"state": "'done'", "amount_minor": "null"}),
    (
        "operator_act_two_people",
        ACT,
        NEXT | {"state": "'done'", "approved_by_id": "asked_by_id", "approved_at": "now()"},
    ),
    ("operator_act_decided_says_when", ACT, NEXT | {"approved_by_id": "asked_by_id"}),
    (
        "operator_act_reversed_once",
        ACT,
        NEXT | {"reverses_id": "(SELECT id FROM invoices_operatoract WHERE state = 'done')"},
    ),
]
