"""Every rule of the tables of `invoices` is held by the database itself: a row that breaks it is refused by its name."""

import pytest
from django.db import connection

from tests.invoices.breaks_agreed import AGREED
from tests.invoices.breaks_at_the_bank import AT_THE_BANK
from tests.invoices.breaks_disputed import DISPUTED
from tests.invoices.breaks_held import HELD
from tests.invoices.breaks_of_acts import SECONDED
from tests.invoices.breaks_of_evidence import PROVEN
from tests.invoices.breaks_under_way import UNDER_WAY
from tests.invoices.breaks_undone import BREAKS as UNDONE
from tests.rows import Break, below_zero, broken, copy_row, furnish

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SECOND = {"sequence": "2", "number": "'QY-2'"}
DRAFT = {"status": "'draft'", "number": "null", "sequence": "null", "issued_at": "null"}
# A copy of the accepted quote as a draft of nothing yet.
WRITTEN = {
    **{"status": "'draft'", "sha256": "''", "number": "''"},
    **dict.fromkeys(("sent_at", "series_id", "sequence", "answered_at", "subscription_id"), "null"),
}
BREAKS: list[Break] = [
    *UNDONE,
    ("series_once_per_year", "invoices_numberseries", {"prefix": "'ZZ'"}),
    ("series_prefix_once_per_year", "invoices_numberseries", {"kind": "'credit_note'"}),
    ("series_kind_known", "invoices_numberseries", {"kind": "'poem'"}),
    *below_zero("invoices_numberseries", "last_number", "year"),
    ("invoice_number_once_in_series", "invoices_invoice", {"number": "'QY-2'"}),
    ("invoices_invoice_number_key", "invoices_invoice", {"sequence": "2"}),
    ("invoice_currency_form", "invoices_invoice", SECOND | {"currency": "'cny'"}),
    ("invoice_language_known", "invoices_invoice", SECOND | {"language": "'fr'"}),
    ("invoice_status_known", "invoices_invoice", SECOND | {"status": "'lost'"}),
    ("invoice_issued_is_whole", "invoices_invoice", SECOND | {"buyer_copy": "null"}),
    ("invoice_settled_within_total", "invoices_invoice", SECOND | {"paid_minor": "101"}),
    ("invoice_frozen_not_negative", "invoices_invoice", SECOND | {"frozen_minor": "-1"}),
    *below_zero("invoices_invoice", "sequence"),
    ("line_position_once", "invoices_invoiceline", {"charge_id": "charge_id + 1"}),
    ("invoices_invoiceline_charge_id_key", "invoices_invoiceline", {"position": "2"}),
    ("line_days_in_order", "invoices_invoiceline", {"service_end_on": "service_start_on"}),
    *below_zero("invoices_invoiceline", "position"),
    ("credit_note_number_once_in_series", "invoices_creditnote", {"number": "'QY-2'"}),
    ("invoices_creditnote_number_key", "invoices_creditnote", {"sequence": "2"}),
    ("credit_note_total_positive", "invoices_creditnote", SECOND | {"total_minor": "0"}),
    ("credit_note_language_known", "invoices_creditnote", SECOND | {"language": "'fr'"}),
    ("credit_note_returns_at_most_total", "invoices_creditnote", SECOND | {"returned_minor": "2"}),
    *below_zero("invoices_creditnote", "sequence"),
    ("credit_line_once", "invoices_creditnoteline", {}),
    ("credit_line_not_zero", "invoices_creditnoteline", {"gross_minor": "0"}),
    ("invoices_creditedcharge_charge_id_key", "invoices_creditedcharge", {"position": "2"}),
    ("credited_position_once", "invoices_creditedcharge", {"charge_id": "charge_id - 1"}),
    ("credited_discount_not_negative", "invoices_creditedcharge", {"discount_minor": "-1"}),
    *below_zero("invoices_creditedcharge", "position"),
    ("payment_reference_once", "invoices_payment", {}),
    ("payment_amount_positive", "invoices_payment", {"amount_minor": "0"}),
    ("payment_currency_form", "invoices_payment", {"currency": "'cny'"}),
    ("payment_method_known", "invoices_payment", {"method": "'barter'"}),
    ("payment_basis_known", "invoices_payment", {"reference": "'x'", "basis": "'whim'"}),
    (
        "payment_automatic_was_allowed",
        "invoices_payment",
        {"reference": "'x'", "basis": "'automatic'", "invoice_id": "(SELECT min(id) FROM invoices_invoice)"},
    ),
    ("payment_of_attempt_has_bill", "invoices_payment", {"reference": "'x'", "basis": "'by_hand'"}),
    ("payment_failed_says_why", "invoices_payment", {"reference": "'x'", "status": "'failed'"}),
    *HELD,
    *SECONDED,
    *DISPUTED,
    *PROVEN,
    *UNDER_WAY,
    *AGREED,
    *AT_THE_BANK,
    ("charge_notice_once", "invoices_chargenotice", {}),
    ("charge_notice_currency_form", "invoices_chargenotice", {"currency": "'cny'"}),
    ("charge_notice_pays_known", "invoices_chargenotice", {"version": "2", "pays": "'manual'"}),
    ("charge_notice_of_known", "invoices_chargenotice", {"version": "2", "of": "'whim'"}),
    ("charge_notice_via_known", "invoices_chargenotice", {"version": "2", "via": "'pigeon'"}),
    ("charge_notice_amounts", "invoices_chargenotice", {"version": "2", "ceiling_minor": "-1"}),
    (
        "charge_notice_waits",
        "invoices_chargenotice",
        {"version": "2", "delivered_at": "due_at", "charge_at": "due_at + interval '119 hours'"},
    ),
    *below_zero("invoices_chargenotice", "version"),
    ("payment_status_known", "invoices_payment", {"status": "'hoped'"}),
    ("allocation_once", "invoices_allocation", {}),
    ("allocation_amount_positive", "invoices_allocation", {"amount_minor": "0"}),
    ("document_once", "invoices_document", {}),
    ("document_kind_known", "invoices_document", {"kind": "'poem'"}),
    ("document_language_known", "invoices_document", {"language": "'fr'"}),
    *below_zero("invoices_document", "bytes"),
    ("quote_number_once", "invoices_quote", WRITTEN | {"number": "'QYQ-1'"}),
    ("quote_sequence_once_in_series", "invoices_quote", WRITTEN | {"series_id": "series_id", "sequence": "1"}),
    ("invoices_quote_supersedes_id_key", "invoices_quote", WRITTEN | {"supersedes_id": "id"}),
    ("invoices_quote_subscription_id_key", "invoices_quote", {"number": "'QYQ-2'", "sequence": "2"}),
    ("quote_status_known", "invoices_quote", SECOND | {"subscription_id": "null", "status": "'lost'"}),
    ("quote_currency_form", "invoices_quote", WRITTEN | {"currency": "'cny'"}),
    ("quote_language_known", "invoices_quote", WRITTEN | {"language": "'fr'"}),
    ("quote_pays_known", "invoices_quote", WRITTEN | {"pays": "'shells'"}),
    ("quote_days_in_order", "invoices_quote", WRITTEN | {"end_on": "start_on"}),
    ("quote_renews_or_ends", "invoices_quote", WRITTEN | {"renews": "true", "end_on": "start_on + 1"}),
    ("quote_minimum_not_negative", "invoices_quote", WRITTEN | {"minimum_minor": "-1"}),
    ("quote_ramp_is_whole", "invoices_quote", WRITTEN | {"ramp_percent": "2", "ramp_months": "3"}),
    ("quote_sent_is_whole", "invoices_quote", WRITTEN | {"sha256": "'-'"}),
    ("quote_accepted_says_how", "invoices_quote", WRITTEN | {"subscription_id": "subscription_id + 1"}),
    ("quote_answered_says_when", "invoices_quote", WRITTEN | {"answered_at": "sent_at"}),
    *(
        (name, table, WRITTEN | change)
        for name, table, change in below_zero("invoices_quote", "revision", "sequence", "ramp_months")
    ),
    ("dunning_schedule_once", "invoices_dunningschedule", {}),
    (
        "dunning_schedule_of_plan_or_tenant",
        "invoices_dunningschedule",
        {"tenant_id": "(SELECT min(id) FROM tenants_tenant)", "plan_id": "(SELECT min(id) FROM billing_plan)"},
    ),
    *below_zero("invoices_dunningschedule", "grace_days"),
    ("dunning_step_once", "invoices_dunningstep", {}),
    ("dunning_step_after_due", "invoices_dunningstep", {"day": "0"}),
    ("dunning_step_verb_known", "invoices_dunningstep", {"verb": "'shout'"}),
    ("dunning_act_once", "invoices_dunningact", {}),
    ("dunning_act_after_due", "invoices_dunningact", {"day": "0"}),
    ("dunning_act_verb_known", "invoices_dunningact", {"verb": "'shout'", "outcome": "'done'"}),
    ("dunning_act_outcome_known", "invoices_dunningact", {"day": "2", "outcome": "'hoped'"}),
    ("dunning_act_open_is_a_call", "invoices_dunningact", {"verb": "'remind'"}),
    ("service_loss_once", "invoices_serviceloss", {}),
    ("service_loss_known", "invoices_serviceloss", {"lifted_at": "at", "after": "'active'"}),
    ("write_off_once", "invoices_writeoff", {}),
    ("write_off_positive", "invoices_writeoff", {"amount_minor": "0"}),
    ("write_off_says_why", "invoices_writeoff", {"reason": "''"}),
    (
        "write_off_status_known",
        "invoices_writeoff",
        {"status": "'hoped'", "approved_at": "requested_at", "approved_by_id": "requested_by_id"},
    ),
    (
        "write_off_second_person",
        "invoices_writeoff",
        {"status": "'approved'", "approved_at": "requested_at", "approved_by_id": "requested_by_id"},
    ),
    ("run_status_known", "invoices_billingrun", {"status": "'lost'"}),
    *below_zero("invoices_billingrun", "due", "done", "charges", "invoices", "parked"),
    ("parked_once_per_stage", "invoices_parked", {}),
    ("parked_stage_known", "invoices_parked", {"stage": "'lunch'"}),
    *below_zero("invoices_parked", "tries"),
    ("import_status_known", "invoices_customerimport", {"status": "'lost'"}),
    *below_zero("invoices_customerimport", "rows", "imported"),
]


@pytest.mark.parametrize(("name", "table", "changes"), BREAKS, ids=[name for name, _table, _changes in BREAKS])
def test_the_database_refuses(name, table, changes):
    furnish()
    assert broken(table, changes) == name


def test_it_drafts_one_group_once():
    furnish()
    copy_row("invoices_invoice", DRAFT)
    assert broken("invoices_invoice", DRAFT) == "invoice_one_draft_per_group"


ATTEMPT = {"invoice_id": "(SELECT min(id) FROM invoices_invoice)", "basis": "'confirmed'"}


def test_it_lets_one_attempt_be_under_way():
    furnish()
    copy_row("invoices_payment", ATTEMPT | {"reference": "'1'", "status": "'intended'"})
    second = ATTEMPT | {"reference": "'2'", "status": "'unknown'"}
    assert broken("invoices_payment", second) == "payment_one_live_attempt"


def test_it_tries_a_wallet_once_in_each_state():
    furnish()
    failed = ATTEMPT | {"status": "'failed'", "failure": "'wallet_too_low'", "wallet_moves": "3"}
    copy_row("invoices_payment", failed | {"reference": "'1'"})
    assert broken("invoices_payment", failed | {"reference": "'2'"}) == "payment_tried_once_per_state"
    copy_row("invoices_payment", failed | {"reference": "'2'", "wallet_moves": "4"})


def test_it_asks_for_no_negative_total():
    furnish()
    bad = SECOND | {"total_minor": "-1"}
    assert broken("invoices_invoice", bad) == "invoice_settled_within_total"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE invoices_invoice DROP CONSTRAINT invoice_settled_within_total")
    assert broken("invoices_invoice", bad) == "invoice_total_not_negative"
