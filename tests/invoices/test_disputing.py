"""A dispute freezes what it is about and nothing else; it is answered, appealed once, and dunned for only after it."""

from datetime import date
from decimal import Decimal

import pytest

from billing.models import Subscription
from invoices import answering_disputes, checking, dispute_evidence, dispute_rules, disputing, dunning, refunding
from invoices.claiming import Receipt
from invoices.models import CreditNote, Dispute, DisputeTerms, DunningAct, DunningSchedule, Invoice, Refund
from tenants.errors import Invalid, WrongState
from tenants.models import AuditEntry, Notice, Tenant, User
from tests import shop
from tests.invoices.deducting import BASE, MESSAGES, tick, top_up

pytestmark = pytest.mark.django_db
SEAT = {"code": "seat", "kind": "seat", "model": "per_unit", "unit_amount": "200.00"}
OPENED = shop.at("2026-02-01 10:00")


@pytest.fixture
def acme():
    return shop.tenant()


@pytest.fixture
def bill(qingyu, acme):
    """799.00 by hand, due on 1 February: a base of 199.00 and three seats of 200.00."""
    shop.subscribe(acme, shop.plan(qingyu, [BASE, SEAT]), "2026-02-01", pays="manual", quantities={"seat": Decimal(3)})
    shop.bill("2026-02-01 09:00")
    return Invoice.objects.get()


@pytest.fixture
def operator():
    return User.objects.create_user(email="op@mingzhang.example", password="x", is_staff=True)


@pytest.fixture
def second():
    return User.objects.create_user(email="op2@mingzhang.example", password="x", is_staff=True)


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def line(bill, code):
    return bill.lines.get(code=code)


def dispute(bill, code=None, *, when="2026-02-01 10:00", by=None, **how):
    made = disputing.open(
        bill, line=line(bill, code) if code else None, reason="多算了", at=shop.at(when), by=by, **how
    )
    assert not list(checking.faults())
    return made


def settle(row, outcome, *, when="2026-02-05 10:00", by=None, **how):
    done = answering_disputes.settle(row, outcome=outcome, text="按合同", at=shop.at(when), by=by, **how)
    assert not list(checking.faults())
    return done


def frozen(bill):
    row = fresh(bill)
    return row.frozen_minor, row.claimable_minor


def state():
    return Subscription.objects.get().status


def test_only_its_line_is_frozen(bill):
    made = dispute(bill, "seat")
    assert (made.amount_minor, made.state, str(made.answer_due_on)) == (600_00, "open", "2026-02-08")
    assert frozen(bill) == (600_00, 199_00)


def test_what_was_paid_counts_for_the_rest_first(bill):
    shop.pay(bill, "100.00", "2026-02-01 09:30")
    dispute(bill, "seat")
    assert frozen(bill) == (600_00, 99_00)
    shop.pay(bill, "99.00", "2026-02-01 11:00")
    assert frozen(bill) == (600_00, 0)
    shop.pay(bill, "200.00", "2026-02-01 12:00")
    assert frozen(bill) == (400_00, 0)


def test_a_paid_bill_freezes_nothing_and_can_still_be_refunded(bill, acme):
    shop.pay(bill, "799.00", "2026-02-01 09:30")
    made = dispute(bill, "seat")
    assert frozen(bill) == (0, 0)
    settle(made, "refund", amount_minor=200_00)
    assert [(r.amount_minor, r.to) for r in Refund.objects.all()] == [(200_00, "origin")]
    assert fresh(made).state == "answered"


def test_a_bill_as_a_whole_is_credited_over_its_lines(bill):
    settle(dispute(bill), "credit", amount_minor=79_90)
    assert [(n.line.code, n.gross_minor) for n in CreditNote.objects.get().lines.order_by("line__position")] == [
        ("base", 19_90),
        ("seat", 60_00),
    ]


def test_a_full_credit_settles_it(bill):
    made = settle(dispute(bill, "seat"), "credit")
    assert (made.state, made.given_minor, made.contested_minor) == ("settled", 600_00, 0)
    assert frozen(bill) == (0, 199_00)


def test_a_refund_of_what_is_not_paid_lowers_what_is_due_and_returns_the_rest(bill):
    shop.pay(bill, "499.00", "2026-02-01 09:30")
    settle(dispute(bill, "seat"), "refund", amount_minor=400_00)
    assert [n.total_minor for n in CreditNote.objects.order_by("pk")] == [300_00, 100_00]
    assert [r.amount_minor for r in Refund.objects.all()] == [100_00]
    assert fresh(bill).paid_minor == 399_00


def test_a_refund_above_the_limit_waits_for_a_second_person_and_so_does_the_money(bill, qingyu, operator, second):
    qingyu.refund_limit_minor = 100_00
    qingyu.save()
    shop.pay(bill, "799.00", "2026-02-01 09:30")
    made = settle(dispute(bill, "seat"), "refund", by=operator)
    (row,) = Refund.objects.all()
    assert (row.status, made.state, CreditNote.objects.count()) == ("requested", "answered", 0)
    refunding.decline(row, reason="先核对", at=shop.at("2026-02-06 10:00"), by=second)
    assert answering_disputes.waits_again(made)
    again = settle(made, "explain", when="2026-02-06 11:00", by=second)
    assert (again.state, again.given_minor) == ("answered", 0)


def test_nothing_is_dunned_for_what_is_wholly_frozen(bill, acme):
    dispute(bill)
    tick("2026-02-02 00:00")
    assert state() == "active"
    assert dunning.dun(at=shop.at("2026-02-02 10:00")) == 0
    assert not DunningAct.objects.exists()


def test_a_part_in_dispute_is_left_out_of_reminders(bill):
    dispute(bill, "seat")
    tick("2026-02-02 00:00")
    assert state() == "past_due"
    dunning.dun(at=shop.at("2026-02-02 10:00"))
    assert [n.payload["due_minor"] for n in Notice.objects.filter(kind="payment_reminder")] == [199_00]


def test_opening_one_gives_the_service_back(bill, acme, qingyu):
    made = DunningSchedule.objects.create(seller=qingyu)
    made.steps.create(day=1, verb="suspend")
    tick("2026-02-02 00:00")
    dunning.dun(at=shop.at("2026-02-02 10:00"))
    assert (state(), Tenant.objects.get(pk=acme.pk).status) == ("past_due", "suspended")
    opened = dispute(bill, when="2026-02-02 11:00")
    assert (state(), Tenant.objects.get(pk=acme.pk).status) == ("active", "active")
    settle(opened, "explain", when="2026-02-03 10:00")
    assert str(fresh(bill).due_again_on) == "2026-02-08"
    for day in range(4, 9):
        tick(f"2026-02-{day:02d} 00:00")
        assert dunning.dun(at=shop.at(f"2026-02-{day:02d} 10:00")) == 0
    tick("2026-02-09 00:00")
    dunning.dun(at=shop.at("2026-02-09 10:00"))
    assert (state(), Tenant.objects.get(pk=acme.pk).status) == ("past_due", "suspended")
    assert [(a.day, a.verb, str(a.since)) for a in DunningAct.objects.order_by("pk")] == [
        (1, "suspend", "None"),
        (1, "suspend", "2026-02-08"),
    ]


def test_days_that_were_left_are_left_again(qingyu, acme):
    qingyu.payment_days = 20
    qingyu.save()
    shop.subscribe(acme, shop.plan(qingyu, [BASE]), "2026-02-01", pays="manual")
    shop.bill("2026-02-01 09:00")
    (bill,) = Invoice.objects.all()
    settle(dispute(bill, when="2026-02-03 10:00"), "explain", when="2026-02-09 10:00")
    assert (str(bill.due_on), str(fresh(bill).due_again_on)) == ("2026-02-21", "2026-02-27")


def test_what_is_withdrawn_is_due_at_once_and_may_be_disputed_once_more(bill):
    made = disputing.withdraw(dispute(bill, "seat"), at=shop.at("2026-02-03 10:00"), by=None)
    assert (made.state, frozen(bill)) == ("withdrawn", (0, 799_00))
    again = dispute(bill, "seat", when="2026-02-03 11:00")
    disputing.withdraw(again, at=shop.at("2026-02-03 12:00"), by=None)
    with pytest.raises(dispute_rules.AlreadyDisputed):
        dispute(bill, "seat", when="2026-02-03 13:00")


def test_an_appeal_freezes_what_was_not_given_back_and_is_answered_for_good(bill, operator, second):
    made = settle(dispute(bill, "seat"), "credit", amount_minor=200_00, by=operator)
    assert (made.state, str(made.appeal_until)) == ("answered", "2026-02-19")
    made = disputing.appeal(made, text="只用了一个", at=shop.at("2026-02-10 10:00"), by=None)
    assert (frozen(bill), str(made.answer_due_on)) == ((400_00, 199_00), "2026-02-17")
    made = settle(made, "credit", amount_minor=100_00, when="2026-02-11 10:00", by=second)
    assert (made.state, made.given_minor, frozen(bill)) == ("settled", 300_00, (0, 499_00))
    with pytest.raises(WrongState, match=r"appealed before|申诉"):
        disputing.appeal(made, text="还是不对", at=shop.at("2026-02-12 10:00"), by=None)


def test_an_appeal_that_is_taken_back_leaves_the_first_answer(bill):
    made = settle(dispute(bill, "seat"), "explain")
    made = disputing.appeal(made, text="不对", at=shop.at("2026-02-10 10:00"), by=None)
    made = disputing.withdraw(made, at=shop.at("2026-02-11 10:00"), by=None)
    assert (made.state, frozen(bill)) == ("settled", (0, 799_00))
    with pytest.raises(dispute_rules.AlreadyDisputed):
        dispute(bill, "seat", when="2026-02-12 10:00")


def test_the_days_are_the_sellers(bill, qingyu):
    DisputeTerms.objects.create(seller=qingyu, answer_days=3, appeal_days=10, grace_days=9)
    made = dispute(bill)
    assert str(made.answer_due_on) == "2026-02-04"
    made = settle(made, "explain")
    assert (str(made.appeal_until), str(fresh(bill).due_again_on)) == ("2026-02-15", "2026-02-14")


def test_a_late_answer_is_told_once_and_alarms(bill):
    made = dispute(bill)
    assert disputing.tell_late(at=shop.at("2026-02-08 23:00")) == 0
    assert disputing.tell_late(at=shop.at("2026-02-09 00:00")) == 1
    assert disputing.tell_late(at=shop.at("2026-02-10 00:00")) == 0
    assert Notice.objects.filter(kind="dispute_late").count() == 1
    assert fresh(made).late_at is not None
    assert frozen(bill) == (799_00, 0)


def test_it_is_told_and_kept(bill):
    settle(dispute(bill, "seat"), "explain")
    assert list(Notice.objects.filter(kind__startswith="dispute").order_by("pk").values_list("kind", flat=True)) == [
        "dispute_opened",
        "dispute_answered",
    ]
    kept = AuditEntry.objects.filter(verb__startswith="dispute.").order_by("pk")
    assert list(kept.values_list("verb", flat=True)) == ["dispute.opened", "dispute.answered"]


def test_evidence_of_both_sides_stays(bill, operator):
    made = dispute(bill)
    shown = dispute_evidence.add(
        made, side="customer", text="看附件", file=Receipt("用量.pdf", b"%PDF-1.7 x"), at=OPENED, by=None
    )
    assert (shown.file_type, dispute_evidence.content(shown)) == ("application/pdf", b"%PDF-1.7 x")
    dispute_evidence.add(made, side="seller", text="事件清单", at=OPENED, by=operator)
    with pytest.raises(Invalid):
        dispute_evidence.add(made, side="seller", at=OPENED, by=operator)


@pytest.fixture
def metered(qingyu, acme):
    """A base and messages: 1,000 free, then 0.05; 1,400 in February, of which 600 on the 20th."""
    messages = MESSAGES | {"included": "1000"}
    shop.subscribe(acme, shop.plan(qingyu, [BASE, messages]), "2026-02-01", pays="manual")
    for day, quantity in ((3, "500"), (10, "300"), (20, "600")):
        shop.use(acme, quantity, f"2026-02-{day:02d} 10:00")
    shop.bill("2026-02-01 09:00")
    shop.bill("2026-03-01 09:00")
    return Invoice.objects.order_by("pk").last()


def test_a_day_is_what_the_line_comes_to_less_what_it_comes_to_without_it(metered):
    row = line(metered, "messages")
    assert row.gross_minor == 20_00
    days = [(3, 3), (10, 10), (20, 20), (1, 27), (4, 9)]
    found = [dispute_rules.of_days(row, (date(2026, 2, first), date(2026, 2, last + 1))) for first, last in days]
    assert found == [20_00, 15_00, 20_00, 20_00, 0]
    made = dispute(metered, "messages", when="2026-03-01 10:00", days=(date(2026, 2, 10), date(2026, 2, 11)))
    assert made.amount_minor == 15_00


def test_a_part_is_deducted_and_the_frozen_part_is_not(qingyu, acme):
    shop.subscribe(acme, shop.plan(qingyu, [BASE]), "2026-02-01", pays="wallet")
    tick("2026-02-01 00:00")
    (bill,) = Invoice.objects.all()
    if bill.status == "open":
        dispute(bill, "base", amount_minor=99_00)
        top_up(acme, qingyu, "500.00", "2026-02-03 10:00")
        for day in range(4, 12):
            tick(f"2026-02-{day:02d} 00:00")
        assert fresh(bill).paid_minor in (0, 100_00)
        assert Dispute.objects.get().state == "open"
