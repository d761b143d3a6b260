"""Rows that break the rules of what was agreed and announced; `test_constraints` tries them."""

from tests.rows import Break

AGREED: list[Break] = [
    (
        "payment_automatic_is_of_a_bill",
        "invoices_payment",
        {
            "reference": "'x'",
            "basis": "'automatic'",
            "method": "'alipay'",
            "product": "'qr'",
            "authorisation_id": "(SELECT min(id) FROM tenants_authorisation)",
            "notice_id": "(SELECT min(id) FROM invoices_chargenotice)",
        },
    ),
    (
        "charge_notice_not_known_before",
        "invoices_chargenotice",
        {
            "version": "99",
            "via": "'notice'",
            "announced_at": "due_at",
            "delivered_at": "due_at - interval '1 day'",
            "charge_at": "due_at + interval '9 days'",
        },
    ),
    ("notice_use_once", "invoices_noticeuse", {}),
    ("notice_use_positive", "invoices_noticeuse", {"amount_minor": "0"}),
]
