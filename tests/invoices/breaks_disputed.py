"""Rows that break the rules of disputes; `test_constraints` tries them."""

from tests.rows import Break

DISPUTE, ANSWER, EVIDENCE = "invoices_dispute", "invoices_disputeanswer", "invoices_disputeevidence"
# Another day of the same line; another answer of somebody else.
NEXT = {"starts_on": "starts_on + 1", "ends_on": "ends_on + 1"}
OVER = {"state": "'settled'", "closed_at": "opened_at"}
SECOND = {"number": "2", "by_id": "null"}
DISPUTED: list[Break] = [
    (
        "invoice_due_again_is_later",
        "invoices_invoice",
        {"sequence": "2", "number": "'QY-2'", "frozen_minor": "0", "due_again_on": "due_on - 1"},
    ),
    ("invoices_disputeterms_seller_id_key", "invoices_disputeterms", {}),
    ("dispute_terms_answer", "invoices_disputeterms", {"answer_days": "0"}),
    ("dispute_terms_appeal", "invoices_disputeterms", {"appeal_days": "0"}),
    ("dispute_terms_grace", "invoices_disputeterms", {"grace_days": "4"}),
    ("dispute_amount_positive", DISPUTE, NEXT | {"amount_minor": "0"}),
    ("dispute_given_within", DISPUTE, NEXT | {"given_minor": "-1"}),
    ("dispute_state_known", DISPUTE, NEXT | {"state": "'lost'"}),
    ("dispute_says_why", DISPUTE, NEXT | {"reason": "''"}),
    ("dispute_days_of_line", DISPUTE, {"ends_on": "starts_on"}),
    ("dispute_answered_has_time", DISPUTE, NEXT | {"state": "'answered'"}),
    ("dispute_appeal_says_why", DISPUTE, NEXT | {"appeal": "'x'"}),
    ("dispute_closed_has_time", DISPUTE, NEXT | {"closed_at": "opened_at"}),
    ("dispute_one_live", DISPUTE, NEXT),
    ("dispute_days_once", DISPUTE, OVER),
    ("dispute_answer_once", ANSWER, {"by_id": "null"}),
    ("dispute_answer_another_person", ANSWER, {"number": "2"}),
    ("dispute_answer_few", ANSWER, SECOND | {"number": "5"}),
    ("dispute_answer_outcome_known", ANSWER, SECOND | {"outcome": "'whim'"}),
    ("dispute_answer_gives", ANSWER, SECOND | {"outcome": "'explain'"}),
    ("dispute_answer_says_why", ANSWER, SECOND | {"text": "''"}),
    ("dispute_evidence_side_known", EVIDENCE, {"side": "'moon'"}),
    ("dispute_evidence_type_known", EVIDENCE, {"file_type": "'application/x-msdownload'"}),
]
