"""Rows that break the rules of money under way; `test_constraints` tries them."""

from tests.rows import Break, below_zero

ENDED = {"status": "'ended'", "ended_at": "now()", "ended_by": "'us'"}
# What a provider was told of a bill, told once more.
FOR_BILL = {
    "notice_id": "null",
    "invoice_id": "(SELECT invoice_id FROM invoices_mandatenotice WHERE invoice_id IS NOT NULL)",
}
UNDER_WAY: list[Break] = [
    ("payment_product_known", "invoices_payment", {"product": "'cash'"}),
    ("payment_product_of_provider", "invoices_payment", {"method": "'alipay'"}),
    ("payment_debit_has_mandate", "invoices_payment", {"method": "'alipay'", "product": "'debit'"}),
    ("payment_purpose_known", "invoices_payment", {"purpose": "'fun'"}),
    ("payment_returned_within", "invoices_payment", {"returned_minor": "101"}),
    *below_zero("invoices_payment", "asks"),
    ("payment_part_once", "invoices_paymentpart", {"live": "false"}),
    ("payment_part_one_live", "invoices_paymentpart", {"payment_id": "payment_id + 1"}),
    ("payment_part_positive", "invoices_paymentpart", {"amount_minor": "0"}),
    ("mandate_number_once", "invoices_mandate", ENDED | {"provider_number": "'C2'"}),
    ("mandate_provider_number_once", "invoices_mandate", ENDED | {"number": "'M2'"}),
    ("mandate_one_in_force", "invoices_mandate", {"number": "'M2'", "provider_number": "'C2'"}),
    ("mandate_provider_known", "invoices_mandate", {"provider": "'bank'"}),
    ("mandate_status_known", "invoices_mandate", {"status": "'lost'"}),
    ("mandate_ended_by_known", "invoices_mandate", {"status": "'ended'"}),
    ("mandate_single_positive", "invoices_mandate", {"single_minor": "0"}),
    ("mandate_currency_form", "invoices_mandate", {"currency": "'cny'"}),
    ("mandate_active_is_signed", "invoices_mandate", {"signed_at": "null"}),
    *below_zero("invoices_mandate", "asks", "every_months"),
    ("mandate_notice_once", "invoices_mandatenotice", {}),
    ("mandate_notice_once_for_bill", "invoices_mandatenotice", FOR_BILL),
    ("mandate_notice_of_one_thing", "invoices_mandatenotice", {"notice_id": "null"}),
    ("mandate_notice_positive", "invoices_mandatenotice", {"amount_minor": "0"}),
    ("provider_account_once", "invoices_provideraccount", {"app_id": "'b'"}),
    ("provider_account_merchant_once", "invoices_provideraccount", {"seller_id": "seller_id + 1"}),
    ("provider_account_provider_known", "invoices_provideraccount", {"provider": "'bank'"}),
    ("provider_account_keys_sealed", "invoices_provideraccount", {"secrets": "'{\"key\": 1}'"}),
    ("provider_message_verdict_known", "invoices_providermessage", {"verdict": "'perhaps'"}),
    ("provider_message_refused_says_why", "invoices_providermessage", {"verdict": "'refused'"}),
    ("refund_amount_positive", "invoices_refund", {"amount_minor": "0"}),
    ("refund_currency_form", "invoices_refund", {"currency": "'cny'"}),
    ("refund_to_known", "invoices_refund", {"to": "'moon'"}),
    ("refund_status_known", "invoices_refund", {"status": "'lost'"}),
    ("refund_failed_says_why", "invoices_refund", {"status": "'failed'"}),
    ("refund_second_person", "invoices_refund", {"status": "'approved'", "needs_second": "true"}),
    ("refund_arrived_has_time", "invoices_refund", {"status": "'succeeded'"}),
    ("refund_one_waiting", "invoices_refund", {"reference": "'R2'"}),
    ("invoices_refund_reference_key", "invoices_refund", {"status": "'declined'"}),
    *below_zero("invoices_refund", "asks"),
]
