"""What may never change is refused by the database, whoever asks; what may still change, may."""

import pytest
from django.db import IntegrityError, connection, transaction

from tenants.models import Tenant
from tests.rows import NOW, copy_row, furnish

pytestmark = [pytest.mark.django_db, pytest.mark.database]

# For each sealed table: a change of every kind that is refused, and what is still allowed.
REFUSED = {
    "tenants_auditentry": ["verb = 'other'", "at = now()", "seal_id = null"],
    "tenants_auditseal": ["sha256 = 'x'", "rows = 'x'"],
    "tenants_delivery": ["ok = false"],
    "tenants_notice": [
        "payload = '{\"a\": 1}'",
        "recipients = '[\"x\"]'",
        "key = 'other'",
        "channels = '{}'",
        "attachments = '[1]'",
    ],
    "tenants_opening": ["at = now()"],
    "tenants_bounce": ["status = '5.0.0'", "at = now()"],
    "tenants_authorisation": ["ceiling_minor = 5", "text = 'no'"],
    "billing_planversion": ["proration = 'none'", "terms = 'others'"],
    "billing_pricelist": ["name = 'other'"],
    "billing_acceptance": ["text_sha256 = 'x'"],
    "billing_negotiatedprice": ["params = '{\"a\": 1}'"],
    "billing_subscriptionitem": ["quantity = 9"],
    "billing_billingperiod": ["start = start - interval '1 day', whole_start = whole_start - interval '1 day'"],
    "billing_charge": ["amount_minor = 1", "details = '{\"a\": 1}'"],
    "billing_change": ["kind = 'keep'", "effective_at = now()"],
    "billing_formerterms": ["until = now()"],
    "billing_wayback": ["until = now()", "after = '{\"a\": 1}'"],
    "billing_pricemigration": ["reason = 'x'"],
    "billing_coupon": ["percent = 5", "name = 'Other'", "applies_to = '[\"base\"]'"],
    "billing_redemption": ["position = 2", "redeemed_at = now()"],
    "billing_applieddiscount": ["amount_minor = 5", "final_at = null"],
    "billing_chargecredit": ["amount_minor = 5"],
    "billing_account": ["kind = 'cash'"],
    "billing_ledgertransaction": ["at = now()", "seal_id = null"],
    "billing_ledgerseal": ["sha256 = 'x'", "rows = 'x'"],
    "billing_topup": ["amount_minor = 5", "reason = 'other'"],
    "billing_walletlot": ["amount_minor = 5", "expires_at = now()", "kind = 'paid'"],
    "billing_lotuse": ["amount_minor = 5"],
    "billing_posting": ["amount_minor = amount_minor * 2"],
    "billing_budget": ["amount_minor = 6", "hard = false", "set_at = now()"],
    "billing_budgetrelease": ["extra_minor = 6", "until = now()"],
    "billing_pack": ["quantity = 11", "expires = expires + interval '1 day'"],
    "billing_packuse": ["quantity = 5"],
    "invoices_withdrawncharge": ["charge_id = charge_id + 1"],
    "invoices_duplicateflag": ["amount_minor = 5", "kind = 'module'"],
    "invoices_invoice": ["total_minor = 5", "seller_copy = '{\"a\": 1}'", "number = 'X'"],
    "invoices_survey": ["score = 1", "words = 'other'"],
    "invoices_billhold": ["held_at = now()", "currency = 'USD'"],
    "invoices_invoiceline": ["amount_minor = 5", "name = 'Other'"],
    "invoices_creditnote": ["total_minor = 2"],
    "invoices_creditedcharge": ["gross_minor = -1"],
    "invoices_creditnoteline": ["gross_minor = 2"],
    "invoices_payment": ["amount_minor = 5", "reference = 'x'"],
    "invoices_paymentpart": ["amount_minor = 5"],
    "invoices_noticeuse": ["amount_minor = 5"],
    "invoices_mandate": ["single_minor = 5", "number = 'M2'"],
    "invoices_mandatenotice": ["amount_minor = 5"],
    "invoices_providermessage": ["reason = 'x'"],
    "invoices_refund": ["amount_minor = 5", "reason = 'x'"],
    "invoices_remittancecode": ["code = '34679ABX'", "tenant_id = tenant_id + 1"],
    "invoices_knownpayer": ["name = 'other'", "declaration = 'x'"],
    "invoices_bankfile": ["sha256 = 'x'", "rows = 5"],
    "invoices_bankcredit": ["amount_minor = 5", "reference = 'x'", "payer_name = 'x'"],
    "invoices_transferclaim": ["amount_minor = 5", "payer_name = 'x'"],
    "invoices_statementfile": ["sha256 = 'x'", "fees_minor = 5"],
    "invoices_statementrow": ["amount_minor = 5", "provider_number = 'x'"],
    "invoices_reconciledday": ["day = day + 1", "provider = 'wechat'"],
    "invoices_chargenotice": ["total_minor = 5", "announced_at = now()", "due_on = due_on + 1"],
    "invoices_allocation": ["amount_minor = 5"],
    "invoices_signingkey": ["public_key = 'x'", "fingerprint = repeat('c', 64)"],
    "invoices_evidencepack": ["sha256 = repeat('c', 64)", "made_at = now()"],
    "invoices_document": ["sha256 = 'x'"],
    "invoices_dunningact": ["day = 2", "at = now()"],
    "invoices_serviceloss": ["before = 'restricted'"],
    "invoices_writeoff": ["amount_minor = 5", "reason = 'other'"],
    "invoices_purchaserequest": ["total_minor = 5", "asked_by_id = null", "sha256 = 'x'"],
    "invoices_operatoract": ["amount_minor = 5", "limit_minor = null", "before = '{\"a\": 1}'", "asked_by_id = null"],
    "invoices_dispute": ["amount_minor = 5", "reason = 'x'", "line_id = null"],
    "invoices_disputeanswer": ["text = 'x'", "outcome = 'refund'"],
    "invoices_disputeevidence": ["text = 'x'", "side = 'customer'"],
    "invoices_quote": ["prices = '{\"a\": 1}'", "valid_until = valid_until + 1", "estimate = '{\"a\": 1}'"],
}
ALLOWED = {
    "tenants_bounce": "seen_at = now()",
    "tenants_notice": "status = 'failed', tries = 1, next_try_at = now()",
    "tenants_authorisation": "withdrawn_at = given_at, withdrawn_by_name = 'Alice'",
    "billing_planversion": "status = 'retired'",
    "billing_pricelist": "status = 'retired'",
    "billing_subscriptionitem": "during = tstzrange(lower(during), upper(during) - interval '1 day')",
    "billing_billingperiod": 'closed_at = now(), "end" = "end" - interval \'1 day\'',
    "billing_charge": "taken_at = now()",
    "billing_formerterms": "undone_at = now()",
    "billing_chargecredit": "undone_at = now()",
    "invoices_duplicateflag": "state = 'kept', settled_at = now()",
    "billing_pricemigration": "withdrawn_at = now()",
    "billing_change": "status = 'withdrawn', settled_at = now()",
    "billing_budget": "ended_at = now(), ended_by_name = 'x'",
    "billing_coupon": "active = false, valid_until = now(), budget_minor = 5, most_redemptions = 1, most_per_tenant = 1",
    "billing_redemption": "used_up_at = now()",
    "invoices_billhold": "released_at = now(), outcome = 'corrected'",
    "invoices_invoiceline": "credited_minor = 1",
    "invoices_dunningact": "outcome = 'done', note = 'n', settled_at = now()",
    "invoices_serviceloss": "lifted_at = now()",
    "invoices_dispute": "late_at = now()",
    "invoices_writeoff": "status = 'declined', approved_at = now(), approved_by_id = requested_by_id",
    "invoices_purchaserequest": "state = 'declined', decided_at = now(), reason = 'r'",
    "invoices_payment": "asks = 1, ask_at = now(), returned_minor = 1",
    "invoices_paymentpart": "live = false",
    "invoices_mandate": "status = 'ended', ended_at = now(), ended_by = 'us'",
    "invoices_mandatenotice": "accepted_at = now()",
    "invoices_refund": "status = 'declined', asks = 1",
    "invoices_remittancecode": "virtual_account = ''",
    "invoices_knownpayer": "removed_at = now()",
    "invoices_statementrow": "needs_second = true, reason = 'x'",
    "invoices_reconciledday": "statement_minor = 5, differences = 1",
    "invoices_signingkey": "secret = 's', retired_at = made_at",
    "invoices_chargenotice": "delivered_at = due_at, charge_at = due_at + interval '120 hours'",
}
# Only their drafts may change, so the row asked about is the published one.
PUBLISHED = {"billing_planversion", "billing_pricelist"}
# What takes another change back is done when it is written.
ASKED_ABOUT = dict.fromkeys(PUBLISHED, " WHERE status = 'published'") | {"billing_change": " WHERE kind <> 'undo'"}
# Triggers with tests of their own below, or beside the app they guard.
OTHERS = {
    "invoices_signingkey_retired",
    "billing_price_sealed",
    "billing_pricelistentry_sealed",
    "billing_price_into_draft",
    "billing_pricelistentry_into_draft",
    "billing_posting_balanced",
    "billing_packuse_held",
    "billing_ledgertransaction_stays",
    "billing_wallet_is_its_lots",
    "billing_walletlot_in_wallet",
    "invoices_invoiceline_into_draft",
    "invoices_invoice_settled",
    "invoices_invoice_begins_as_draft",
    "invoices_invoice_right",
    "invoices_quote_right",
    "invoices_billhold_ended",
    "invoices_invoice_held",
    "invoices_payment_moves",
    "invoices_payment_covered",
    "invoices_payment_announced",
    "invoices_noticeuse_within",
    "billing_charge_agreed",
    "billing_charge_cap_gives",
    "billing_budget_ends_once",
    "billing_budgetrelease_of_its_tenant",
    "billing_chargecredit_back_by_caps",
    "invoices_bankcredit_settled",
    "invoices_transferclaim_settled",
    "invoices_statementrow_settled",
    "invoices_reconciledday_settled",
    "invoices_statementrow_of_closed_day",
    "invoices_statementfile_of_closed_day",
    "invoices_writeoff_decided",
    "invoice_frozen_is_disputed",
    "dispute_freezes",
    "invoices_dispute_within",
    "invoices_dispute_moves",
    "invoices_disputeanswer_by",
    "invoices_disputeevidence_in_time",
    "invoices_payment_not_frozen",
    "invoices_dunningact_not_frozen",
    "tenants_tenant_one_level",
    "tenants_auditentry_stays",
    "tenants_notice_files",
    "billing_change_undo_in_time",
    "invoices_chargenotice_later",
    "invoices_duplicateflag_decided_once",
    "invoices_purchaserequest_answered",
    "invoices_operatoract_decided",
}


def run(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount


def where(table: str) -> str:
    return ASKED_ABOUT.get(table, "")


def refuses(statement: str, match: str = "") -> None:
    with pytest.raises(IntegrityError, match=match), transaction.atomic():
        assert run(statement), f"no row was there to refuse: {statement}"


@pytest.mark.parametrize(
    "statement", [f"UPDATE {t} SET {change}{where(t)}" for t, changes in REFUSED.items() for change in changes]
)
def test_it_refuses_a_change(statement):
    furnish()
    refuses(statement, "sealed")


@pytest.mark.parametrize("table", REFUSED)
def test_it_refuses_a_deletion(table):
    furnish()
    refuses(f"DELETE FROM {table}{where(table)}", "sealed")


@pytest.mark.parametrize("table", ALLOWED)
def test_it_lets_the_rest_change(table):
    furnish()
    assert run(f"UPDATE {table} SET {ALLOWED[table]}{where(table)}") > 0


def test_it_withdraws_an_authorisation_once():
    furnish()
    run("UPDATE tenants_authorisation SET withdrawn_at = given_at")
    refuses("UPDATE tenants_authorisation SET withdrawn_at = null", "sealed")


@pytest.mark.parametrize("table", ["billing_price", "billing_pricelistentry"])
def test_it_seals_the_parts_of_what_was_published(table):
    furnish()
    assert run(f"UPDATE {table} SET params = '{{}}'") > 0  # still a draft
    publish()
    refuses(f"UPDATE {table} SET params = '{{\"a\": 1}}'", "sealed")
    refuses(f"DELETE FROM {table}", "sealed")
    names = "price_list_id, plan_id, model" if table == "billing_pricelistentry" else "version_id, name, name_en, model"
    refuses(f"INSERT INTO {table} ({names}) SELECT {names} FROM {table}", "only a draft takes new rows")


def publish() -> None:
    run("UPDATE billing_pricelist SET status = 'retired' WHERE status = 'draft'")
    run(
        "UPDATE billing_planversion SET status = 'published', published_at = now(), sha256 = 'x' WHERE status = 'draft'"
    )


def test_it_refuses_postings_that_do_not_balance():
    furnish()
    fresh = "INSERT INTO billing_posting (transaction_id, account_id, tenant_id, amount_minor)"
    refuses(f"{fresh} SELECT transaction_id, account_id, tenant_id, 5 FROM billing_posting LIMIT 1", "sum to zero")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"number": "2", "quantity": "5"}, "more is used than the pack holds"),  # 6 of 10 are used
        ({"number": "2", "quantity": "-7"}, "more is given back than was used"),
        ({"number": "1", "part": "'change:1'", "quantity": "-1"}, "more is given back than was used"),
        ({"number": "2", "quantity": "1", "tenant_id": "{stranger}"}, "customer's own"),
    ],
)
def test_it_lets_a_pack_be_used_for_what_it_holds(changes, match):
    furnish()
    stranger = Tenant.objects.create(code="stranger", name="Stranger", opened_at=NOW)
    with pytest.raises(IntegrityError, match=match), transaction.atomic():
        copy_row("billing_packuse", {name: value.format(stranger=stranger.pk) for name, value in changes.items()})
    copy_row("billing_packuse", {"number": "2", "quantity": "4"})
    copy_row("billing_packuse", {"number": "3", "quantity": "-10"})


def test_it_refuses_a_line_on_an_issued_invoice():
    furnish()
    with pytest.raises(IntegrityError, match="only a draft takes new lines"), transaction.atomic():
        copy_row("invoices_invoiceline", {"charge_id": "charge_id + 1", "position": "2"})


def test_it_refuses_a_settlement_without_its_cause():
    furnish()  # one fen was allocated and one credited
    run("UPDATE invoices_invoice SET paid_minor = 1, credited_minor = 1 WHERE status <> 'draft'")
    run("SET CONSTRAINTS ALL IMMEDIATE")
    refuses("UPDATE invoices_invoice SET paid_minor = 50 WHERE status <> 'draft'", "allocations and credit notes")


def test_it_decides_a_write_off_once():
    furnish()
    run("UPDATE invoices_writeoff SET status = 'declined', approved_at = now(), approved_by_id = requested_by_id")
    refuses("UPDATE invoices_writeoff SET status = 'requested', approved_at = null, approved_by_id = null", "before")


def test_it_answers_a_quote_once():
    furnish()
    refuses("UPDATE invoices_quote SET reason = 'other' WHERE status = 'accepted'", "given once")
    refuses(
        "UPDATE invoices_quote SET status = 'sent', answered_at = null, subscription_id = null WHERE sent_at IS NOT NULL",
        "given once",
    )
    assert run("UPDATE invoices_quote SET reason = reason WHERE status = 'accepted'") == 1


def test_it_lets_a_draft_quote_be_written_and_not_be_answered():
    furnish()
    assert run("UPDATE invoices_quote SET clauses = 'more' WHERE status = 'draft'") == 1
    with pytest.raises(IntegrityError, match="begins as a draft"), transaction.atomic():
        copy_row(
            "invoices_quote", {"number": "'QYQ-2'", "sequence": "2", "subscription_id": "null", "status": "'expired'"}
        )
    assert run("DELETE FROM invoices_quote WHERE status = 'draft'") == 1


def test_it_lets_the_discount_of_a_draft_go():
    furnish()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_applieddiscount (tenant_id, charge_id, redemption_id, position, amount_minor)"
            " SELECT tenant_id, charge_id + 1, redemption_id, 1, 5 FROM billing_applieddiscount"
        )
    assert run("UPDATE billing_applieddiscount SET amount_minor = 6 WHERE final_at IS NULL") == 1
    assert run("DELETE FROM billing_applieddiscount WHERE final_at IS NULL") == 1


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("invoices_bankcredit", "reason = 'x' WHERE state = 'matched'"),
        ("invoices_transferclaim", "reason = 'x' WHERE state = 'matched'"),
        ("invoices_statementrow", "reason = 'x' WHERE state = 'resolved'"),
        ("invoices_reconciledday", "differences = 1 WHERE state = 'closed'"),
    ],
)
def test_it_decides_about_money_at_the_bank_once(table, change):
    furnish()
    run(
        "UPDATE invoices_statementrow SET state = 'resolved', resolution = 'other_day', reason = 'r', resolved_at = now()"
        " WHERE line IS NULL"
    )
    run("UPDATE invoices_reconciledday SET state = 'closed', closed_at = now()")
    refuses(f"UPDATE {table} SET {change}", "settled before|is closed")


def test_it_adds_nothing_to_a_closed_day():
    furnish()
    run("UPDATE invoices_reconciledday SET state = 'closed', closed_at = now()")
    refuses("UPDATE invoices_statementrow SET needs_second = true", "day is closed")
    for table, change in (("invoices_statementrow", {"line": "2"}), ("invoices_statementfile", {"sha256": "'x'"})):
        with pytest.raises(IntegrityError, match="is closed"), transaction.atomic():
            copy_row(table, change)


def test_every_trigger_has_its_test():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text NOT LIKE 'usage_%'"
        )
        found = {row[0] for row in cursor.fetchall()}
    assert found == {f"{table}_sealed" for table in REFUSED} | OTHERS


UNDO = {"kind": "'undo'", "status": "'applied'", "settled_at": "at", "undoes_id": "null", "undoes_on": "null"}


@pytest.mark.parametrize(
    "what",
    [
        {"undoes_what": "'change'", "undoes_id": "(SELECT max(id) FROM billing_change)"},
        {"undoes_what": "'renewal'", "undoes_on": "at::date + 900"},
    ],
)
def test_it_takes_back_within_the_hours_only(what):
    furnish()
    with pytest.raises(IntegrityError, match="cannot be taken back now"), transaction.atomic():
        copy_row("billing_change", UNDO | what)


def test_it_decides_about_what_was_found_twice_once():
    furnish()
    run("UPDATE invoices_duplicateflag SET state = 'kept', settled_at = now()")
    refuses("UPDATE invoices_duplicateflag SET state = 'corrected', settled_at = now()", "decided already")
