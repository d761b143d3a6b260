"""A bill far from the customer's own history waits for a yes of the right person, or is put right; both sides are told."""

from decimal import Decimal

import pytest

from billing import quantities
from invoices import checking, drafting, holding
from invoices.models import BillHold, Invoice, Payment
from tenants.models import AuditEntry, Notice, User
from tests import portal, shop
from tests.invoices.deducting import BASE, MESSAGES
from tests.invoices.held import calm, drafts, planted, watch
from usage import ingest

pytestmark = pytest.mark.django_db
NOON = shop.at("2026-06-01 12:00")


@pytest.fixture
def acme():
    return shop.tenant()


@pytest.fixture
def alice(acme):
    return portal.person(acme, "alice")


@pytest.fixture
def carol():
    return User.objects.create_user("carol@example.com", "x", name="Carol", is_staff=True)


def whys(hold):
    return [(one["code"], one["why"], one["amount_minor"], one["usual_minor"]) for one in hold.reasons]


def test_ten_times_the_usual_use_is_held_with_its_figures(qingyu, acme):
    hold = planted(qingyu, acme)
    # stretched to the 31 days of May: 100.05, 110.83, 100.15, 103.54; between the middle two, and a fifth of it
    assert whys(hold)[0][:3] == ("messages", "above", 1_000_00)
    assert hold.reasons[0]["usual_minor"] == 101_84
    assert hold.reasons[0]["spread_minor"] == 20_37
    assert hold.reasons[0]["periods"] == 4
    assert (hold.total_minor, hold.invoice.status) == (1_199_00, "draft")
    assert not list(checking.faults())


def test_both_sides_are_told_once(qingyu, acme):
    hold = planted(qingyu, acme)
    shop.bill("2026-06-01 01:00")
    shop.bill("2026-06-02 01:00")
    letter = Notice.objects.get(kind="bill_held")
    assert (letter.payload["total_minor"], letter.payload["path"]) == (1_199_00, f"/c/acme/held/{hold.pk}/")
    assert AuditEntry.objects.filter(verb="bill.held", target=f"bill_hold:{hold.pk}").count() == 1


def test_nothing_is_held_until_the_seller_says_so(qingyu, acme):
    shop.subscribe(acme, shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-01")
    shop.bill("2026-01-01 00:00")
    calm(acme)
    shop.use(acme, "90000", "2026-05-10 10:00")
    shop.bill("2026-06-01 00:00")
    assert not BillHold.objects.exists()
    assert len(shop.bills(acme)) == 6


def test_a_calm_customer_is_never_held(qingyu, acme):
    watch(qingyu)
    shop.subscribe(acme, shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-01")
    shop.bill("2026-01-01 00:00")
    calm(acme, last=8)
    assert not BillHold.objects.exists()


def test_use_of_what_was_always_zero_is_held(qingyu, acme):
    watch(qingyu)
    shop.subscribe(acme, shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-01")
    for month in range(1, 6):
        shop.bill(f"2026-{month:02d}-01 00:00")
    shop.use(acme, "3000", "2026-05-10 10:00")
    shop.bill("2026-06-01 00:00")
    assert whys(BillHold.objects.get())[0] == ("messages", "zero", 150_00, 0)


def test_a_line_that_no_bill_had_and_nobody_confirmed_is_held(qingyu, acme):
    watch(qingyu)
    quarterly = MESSAGES | {"code": "calls", "unit_amount": "1.00"}
    sold = shop.plan(qingyu, [BASE | {"interval": "month"}, quarterly], interval="quarter", term="quarter")
    shop.subscribe(acme, sold, "2026-01-01")
    shop.use(acme, "400", "2026-02-10 10:00")
    for month in range(1, 5):
        shop.bill(f"2026-{month:02d}-01 00:00")
    assert whys(BillHold.objects.get())[0] == ("calls", "new", 400_00, 0)


def test_seats_that_a_member_confirmed_explain_the_growth(qingyu, acme):
    watch(qingyu)
    seat = {"code": "seat", "kind": "seat", "model": "per_unit", "unit_amount": "20.00"}
    bought = shop.subscribe(
        acme, shop.plan(qingyu, [BASE, seat, MESSAGES]), "2026-01-01", quantities={"seat": Decimal(5)}
    )
    shop.bill("2026-01-01 00:00")
    calm(acme)
    moment = shop.at("2026-05-01 09:00")
    quantities.set_quantity(bought, "seat", Decimal(50), at=moment, by=None)
    shop.use(acme, "20000", "2026-05-10 10:00")
    shop.bill("2026-06-01 00:00")
    assert not BillHold.objects.exists()


def test_a_member_agrees_and_it_is_issued_and_deducted_at_once(qingyu, acme, alice):
    hold = planted(qingyu, acme, pays="wallet")
    assert not Payment.objects.filter(amount_minor=1_199_00).exists()
    holding.release(hold, at=NOON, by=alice, reason="同意", total_minor=hold.total_minor)
    bill = Invoice.objects.get(pk=hold.invoice_id)
    assert (bill.status, bill.paid_minor) == ("paid", 1_199_00)
    assert Payment.objects.get(invoice=bill).basis == "confirmed"
    hold.refresh_from_db()
    assert (hold.outcome, hold.released_by, hold.released_at) == ("released", alice, NOON)
    assert not list(checking.faults())


def test_an_operator_agrees_with_a_reason_and_it_is_issued(qingyu, acme, carol):
    hold = planted(qingyu, acme)
    holding.release(hold, at=NOON, by=carol, reason="客户来电确认")
    bill = Invoice.objects.get(pk=hold.invoice_id)
    assert (bill.status, bill.issued_by) == ("open", carol)
    entry = AuditEntry.objects.get(verb="bill.hold_released")
    assert (entry.by, entry.detail["reason"]) == (carol, "客户来电确认")


def test_above_the_limit_it_takes_two_operators(qingyu, acme, carol):
    qingyu.act_limit_minor = 1_000_00
    hold = planted(qingyu, acme)
    holding.release(hold, at=NOON, by=carol, reason="客户来电确认")
    hold.refresh_from_db()
    assert (hold.asked_by, hold.released_at, hold.invoice.status) == (carol, None, "draft")
    dave = User.objects.create_user("dave@example.com", "x", name="Dave", is_staff=True)
    holding.release(hold, at=NOON, by=dave, reason="已核对")
    assert Invoice.objects.get(pk=hold.invoice_id).status == "open"


def test_after_a_yes_nothing_is_asked_again(qingyu, acme, carol):
    hold = planted(qingyu, acme)
    holding.release(hold, at=NOON, by=carol, reason="对")
    shop.use(acme, "20500", "2026-06-10 10:00")
    shop.bill("2026-07-01 00:00")
    assert BillHold.objects.count() == 1
    assert not drafts().exists()


def void(who, key, when):
    (answer,) = ingest.accept(who, [{"key": f"void-{key}", "void": key}], at=shop.at(when))
    assert answer.status == "accepted", answer


def test_what_was_wrong_is_put_right_and_the_bill_is_issued(qingyu, acme, carol):
    hold = planted(qingyu, acme)
    shop.use(acme, "2100", "2026-05-11 10:00")
    void(acme, "the-odd-one", "2026-06-01 10:00")
    holding.correct(hold, at=NOON, by=carol, reason="重复上报，已作废")
    hold.refresh_from_db()
    bill = Invoice.objects.get(pk=hold.invoice_id)
    assert (hold.outcome, bill.status, bill.subtotal_minor) == ("corrected", "open", 199_00 + 105_00)
    assert not list(checking.faults())


def test_what_is_still_far_after_a_correction_stays_held(qingyu, acme, carol):
    hold = planted(qingyu, acme)
    shop.use(acme, "9000", "2026-05-11 10:00")
    void(acme, "the-odd-one", "2026-06-01 10:00")
    holding.correct(hold, at=NOON, by=carol, reason="作废一条")
    hold.refresh_from_db()
    assert (hold.released_at, hold.subtotal_minor, hold.invoice.status) == (None, 199_00 + 450_00, "draft")
    assert whys(hold)[0][2] == 450_00


def test_a_draft_that_is_written_anew_stays_held_by_the_same_row(qingyu, acme):
    hold = planted(qingyu, acme)
    drafting.discard([hold.invoice_id], at=NOON, by=None)
    hold.refresh_from_db()
    assert hold.invoice is None
    shop.bill("2026-06-01 13:00")
    hold.refresh_from_db()
    assert hold.invoice.status == "draft"
    assert BillHold.objects.count() == 1
    assert Notice.objects.filter(kind="bill_held").count() == 1


def test_after_three_days_the_operators_are_alarmed_and_the_customer_is_told_again(qingyu, acme, caplog):
    hold = planted(qingyu, acme)
    assert holding.alarm(at=shop.at("2026-06-03 23:59")) == 0
    assert holding.alarm(at=shop.at("2026-06-04 00:00")) == 1
    assert holding.alarm(at=shop.at("2026-06-05 00:00")) == 0
    assert list(Notice.objects.filter(kind="bill_held").order_by("pk").values_list("key", flat=True)) == [
        f"bill-held:{hold.pk}",
        f"bill-still-held:{hold.pk}",
    ]


def test_a_hold_of_which_nothing_is_left_ends(qingyu, acme, carol):
    hold = planted(qingyu, acme)
    assert holding.tidy(at=NOON) == 0
    drafting.discard([hold.invoice_id], at=NOON, by=None)
    assert holding.tidy(at=NOON) == 0, "its charges wait to be drafted anew"
