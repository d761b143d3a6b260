"""Each step of a schedule is done once for a bill, on its day and within working hours; what it took is given back at once."""

import pytest

from billing.models import Subscription
from invoices import checking, crediting, dunning, dunning_days, writing_off
from invoices.dunning_days import Step
from invoices.models import DunningAct, DunningSchedule, Invoice, Payment, ServiceLoss
from tenants import lifecycle
from tenants.errors import WrongState
from tenants.models import Notice, Tenant, User
from tests import shop
from tests.invoices.deducting import BASE, MESSAGES, tick, top_up

pytestmark = pytest.mark.django_db
MANUAL = {"pays": "manual"}


@pytest.fixture
def acme():
    return shop.tenant()


@pytest.fixture
def sub(qingyu, acme):
    """Due on the day of issue, 31 January; by hand."""
    begun = shop.subscribe(acme, shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-31", **MANUAL)
    shop.bill("2026-01-31 09:00")
    return begun


@pytest.fixture
def bill(sub):
    return Invoice.objects.get()


@pytest.fixture
def operator():
    return User.objects.create_user(email="op@mingzhang.example", password="x", is_staff=True)


def schedule(seller, *steps, grace=0, **whose):
    made = DunningSchedule.objects.create(seller=seller, grace_days=grace, **whose)
    for day, verb in steps:
        made.steps.create(day=day, verb=verb)
    return made


def dun(when):
    done = dunning.dun(at=shop.at(when))
    assert not list(checking.faults())
    return done


def acts():
    return [(a.day, a.verb, a.outcome) for a in DunningAct.objects.order_by("pk")]


def reminders():
    return list(Notice.objects.filter(kind="payment_reminder").order_by("pk"))


def state(who):
    return Tenant.objects.get(pk=who.pk).status


def test_the_usual_schedule_retries_and_reminds_and_takes_nothing(bill, acme):
    for day in range(1, 28):
        dun(f"2026-02-{day:02d} 09:00")
    assert acts() == [
        (day, verb, out) for day in (1, 3, 5, 7, 14) for verb, out in (("retry", "nothing"), ("remind", "done"))
    ]
    dun("2026-03-02 09:00")
    assert acts()[-1] == (30, "remind", "done")
    assert dun("2026-12-02 09:00") == 0
    assert len(reminders()) == 6
    assert state(acme) == "active"


def test_a_step_is_done_once_however_often_it_is_asked_for(bill):
    assert dun("2026-02-01 09:00") == 2
    assert dun("2026-02-01 09:00") == 0
    assert dun("2026-02-02 21:59") == 0


def test_when_it_comes_next_is_when_something_is_done_also_for_a_bill_that_is_paid_by_hand(bill, acme):
    for day in (1, 3, 5):
        following = dunning.following([acme.pk], at=shop.at(f"2026-02-{day:02d} 08:59"))
        assert following == shop.at(f"2026-02-{day:02d} 09:00")
        assert dun(f"2026-02-{day:02d} 09:00") == 2


def test_where_only_agreements_are_dunned_a_bill_paid_by_hand_is_neither_awaited_nor_dunned(bill, acme):
    assert dunning.following([acme.pk], at=shop.at("2026-02-01 08:59"), pays="mandate") is None
    assert dunning.dun(at=shop.at("2026-02-01 09:00"), pays="mandate") == 0
    assert acts() == []


@pytest.mark.parametrize(("when", "done"), [("06:59", 0), ("08:59", 0), ("09:00", 2), ("21:59", 2), ("22:00", 0)])
def test_it_keeps_to_working_hours(bill, when, done):
    assert dun(f"2026-02-01 {when}") == done


def test_the_hours_are_a_setting(bill, settings):
    settings.WORKING_HOURS = [10, 12]
    assert dun("2026-02-01 09:59") == 0
    assert dun("2026-02-01 10:00") == 2


def test_a_bill_on_its_due_day_is_left_alone(bill):
    assert dun("2026-01-31 12:00") == 0


def test_a_paid_bill_is_not_dunned(bill):
    shop.pay(bill, "199.00", "2026-02-01 08:00")
    assert dun("2026-02-01 09:00") == 0


def test_what_a_machine_that_stood_still_missed_is_said_once(bill):
    dun("2026-02-06 09:00")
    assert acts() == [
        (1, "retry", "overtaken"),
        (1, "remind", "overtaken"),
        (3, "retry", "overtaken"),
        (3, "remind", "overtaken"),
        (5, "retry", "nothing"),
        (5, "remind", "done"),
    ]
    assert len(reminders()) == 1


def test_a_reminder_says_how_much_and_what_to_do(bill):
    dun("2026-02-01 09:00")
    (told,) = reminders()
    assert (told.payload["number"], told.payload["due_minor"], told.payload["due_on"]) == (
        bill.number,
        199_00,
        "2026-01-31",
    )
    assert told.payload["reason"] == ""
    assert "对公转账" in told.payload["advice"]


def test_a_reminder_says_how_much_the_balance_is_short_of(qingyu, acme):
    top_up(acme, qingyu, "150.00", "2026-01-30 09:00")
    shop.subscribe(acme, shop.plan(qingyu, [BASE]), "2026-01-31", pays="wallet")
    tick("2026-01-31 00:00")
    tick("2026-02-05 00:00")
    dun("2026-02-06 09:00")
    assert acts() == [(1, "retry", "failed"), (1, "remind", "done")]
    assert DunningAct.objects.get(verb="retry").reason == "wallet_too_low"
    assert "还差 ¥49.00" in reminders()[0].payload["reason"]
    # The balance did not change, so it was not tried again.
    assert Payment.objects.count() == 1


def test_the_most_particular_schedule_holds(qingyu, acme, sub, bill):
    seller = schedule(qingyu, (1, "remind"))
    assert dunning_days.schedules([bill])[bill.pk].steps == (Step(1, "remind"),)
    schedule(qingyu, (2, "remind"), plan=sub.plan)
    assert dunning_days.schedules([bill])[bill.pk].steps == (Step(2, "remind"),)
    schedule(qingyu, (3, "remind"), tenant=acme)
    assert dunning_days.schedules([bill])[bill.pk].steps == (Step(3, "remind"),)
    seller.steps.all().delete()
    assert dunning_days.schedules([bill])[bill.pk].steps == (Step(3, "remind"),)


def test_another_sellers_schedule_is_not_ours(bill):
    schedule(shop.seller("other"), (1, "suspend"))
    assert dunning_days.schedules([bill])[bill.pk] == dunning_days.USUAL


def test_a_schedule_without_steps_does_nothing(qingyu, bill):
    schedule(qingyu)
    assert dun("2026-03-02 09:00") == 0


def test_grace_delays_what_is_taken_and_nothing_else(qingyu, bill, acme):
    schedule(qingyu, (1, "remind"), (2, "restrict"), (4, "suspend"), grace=7)
    dun("2026-02-05 09:00")
    assert acts() == [(1, "remind", "done")]
    dun("2026-02-07 09:00")
    assert state(acme) == "active"
    dun("2026-02-08 09:00")
    assert acts()[1:] == [(2, "restrict", "done"), (4, "suspend", "done")]
    assert state(acme) == "suspended"


def test_a_reminder_warns_of_what_is_taken_next(qingyu, bill):
    schedule(qingyu, (1, "remind"), (10, "suspend"))
    dun("2026-02-01 09:00")
    assert "2月10日" in reminders()[0].payload["warning"]
    assert "停用" in reminders()[0].payload["warning"]


def test_service_comes_back_at_once_when_the_bill_is_paid(qingyu, bill, acme):
    schedule(qingyu, (1, "restrict"), (2, "suspend"))
    dun("2026-02-01 09:00")
    assert state(acme) == "restricted"
    dun("2026-02-02 09:00")
    assert state(acme) == "suspended"
    restricted, suspended = (told.payload["taken"] for told in reminders())
    assert "受到限制" in restricted
    assert "停用" in suspended
    shop.pay(bill, "100.00", "2026-02-02 10:00")
    assert state(acme) == "suspended"
    shop.pay(bill, "99.00", "2026-02-02 11:00")
    assert state(acme) == "active"
    assert set(ServiceLoss.objects.values_list("lifted_at", flat=True)) == {shop.at("2026-02-02 11:00")}


def test_a_credit_note_gives_it_back_too(qingyu, bill, acme):
    schedule(qingyu, (1, "suspend"))
    dun("2026-02-01 09:00")
    crediting.void(bill, reason="误开", at=shop.at("2026-02-03 10:00"), by=None)
    assert state(acme) == "active"


def test_an_operators_own_suspension_stays(qingyu, bill, acme):
    schedule(qingyu, (1, "restrict"))
    dun("2026-02-01 09:00")
    lifecycle.suspend(acme, at=shop.at("2026-02-02 09:00"), by=None, reason="滥用")
    shop.pay(bill, "199.00", "2026-02-03 09:00")
    assert state(acme) == "suspended"
    assert not ServiceLoss.objects.filter(lifted_at=None).exists()


def test_what_an_operator_restricted_before_is_restricted_again(qingyu, bill, acme):
    schedule(qingyu, (1, "suspend"))
    lifecycle.restrict(acme, at=shop.at("2026-01-31 10:00"), by=None, reason="试用")
    dun("2026-02-01 09:00")
    assert state(acme) == "suspended"
    shop.pay(bill, "199.00", "2026-02-03 09:00")
    assert state(acme) == "restricted"


def test_an_operators_mercy_is_not_undone_and_his_later_suspension_stays(qingyu, bill, acme):
    schedule(qingyu, (1, "suspend"))
    dun("2026-02-01 09:00")
    lifecycle.restore(acme, at=shop.at("2026-02-01 10:00"), by=None, reason="客户承诺付款")
    assert dun("2026-02-02 09:00") == 0
    assert state(acme) == "active"
    lifecycle.suspend(acme, at=shop.at("2026-02-02 10:00"), by=None, reason="滥用")
    shop.pay(bill, "199.00", "2026-02-03 09:00")
    assert state(acme) == "suspended"


def test_restricting_never_lightens_a_suspension(qingyu, bill, acme):
    schedule(qingyu, (1, "restrict"))
    lifecycle.suspend(acme, at=shop.at("2026-01-31 10:00"), by=None, reason="滥用")
    dun("2026-02-01 09:00")
    assert (state(acme), acts()) == ("suspended", [(1, "restrict", "nothing")])
    assert reminders() == []


def test_another_overdue_bill_keeps_it_away(qingyu, acme, bill):
    schedule(qingyu, (1, "suspend"))
    dun("2026-02-01 09:00")
    shop.bill("2026-02-28 09:00")
    shop.pay(bill, "199.00", "2026-03-03 09:00")
    assert state(acme) == "suspended"
    second = Invoice.objects.open().get()
    shop.pay(second, "199.00", "2026-03-03 10:00")
    assert state(acme) == "active"


def test_it_is_taken_from_who_uses_the_service_and_told_who_pays(qingyu):
    parent, child = shop.tenant("parent"), shop.tenant("child", parent="parent")
    shop.subscribe(child, shop.plan(qingyu, [BASE]), "2026-01-31", **MANUAL)
    shop.bill("2026-01-31 09:00")
    schedule(qingyu, (1, "suspend"))
    dun("2026-02-01 09:00")
    assert (state(parent), state(child)) == ("active", "suspended")
    assert reminders()[0].tenant == parent
    shop.pay(Invoice.objects.get(), "199.00", "2026-02-01 10:00")
    assert state(child) == "active"


def test_a_call_waits_for_somebody_who_says_what_came_of_it(qingyu, bill, operator):
    schedule(qingyu, (1, "call"))
    dun("2026-02-01 09:00")
    (task,) = dunning.calls()
    dunning.called(task, note="周五付", at=shop.at("2026-02-01 10:00"), by=operator)
    assert list(dunning.calls()) == []
    with pytest.raises(WrongState):
        dunning.called(task, note="again", at=shop.at("2026-02-01 11:00"), by=operator)
    assert DunningAct.objects.get().note == "周五付"


def test_nobody_has_to_call_when_it_is_paid(qingyu, bill):
    schedule(qingyu, (1, "call"))
    dun("2026-02-01 09:00")
    shop.pay(bill, "199.00", "2026-02-01 10:00")
    assert list(dunning.calls()) == []
    dun("2026-02-01 11:00")
    assert acts() == [(1, "call", "nothing")]


def test_the_subscription_ends_and_nothing_is_deducted_for_it(qingyu, acme, bill):
    schedule(qingyu, (10, "end"))
    shop.use(acme, "100", "2026-02-05 10:00")
    top_up(acme, qingyu, "500.00", "2026-02-09 09:00")
    dun("2026-02-10 09:00")
    tick("2026-02-11 00:00")
    assert Subscription.objects.get().status == "ended"
    assert not Payment.objects.exists()
    assert [(b.status, b.total_minor) for b in Invoice.objects.order_by("pk")] == [("open", 199_00), ("open", 5_00)]
    shop.pay(bill, "199.00", "2026-02-12 09:00")
    assert Subscription.objects.get().status == "ended"


def test_a_step_that_fails_stops_no_other_and_is_told(qingyu, bill, monkeypatch):
    schedule(qingyu, (1, "remind"), (1, "call"))

    def breaks(*_args, **_kwargs):
        raise RuntimeError("no letter")

    monkeypatch.setattr(dunning.reminding, "remind", breaks)
    with pytest.raises(RuntimeError, match="no letter"):
        dunning.dun(at=shop.at("2026-02-01 09:00"))
    assert acts() == [(1, "call", "open")]
    monkeypatch.undo()
    dun("2026-02-01 10:00")
    assert acts() == [(1, "call", "open"), (1, "remind", "done")]


def test_service_lost_for_a_debt_that_was_given_up_stays_lost(qingyu, acme, bill, operator):
    schedule(qingyu, (1, "suspend"))
    dun("2026-02-01 09:00")
    second = User.objects.create_user(email="two@mingzhang.example", password="x")
    asked = writing_off.request(bill, reason="失联", at=shop.at("2026-02-20 09:00"), by=operator)
    writing_off.approve(asked, at=shop.at("2026-02-20 10:00"), by=second)
    shop.bill("2026-02-28 09:00")
    shop.pay(Invoice.objects.open().get(), "199.00", "2026-02-28 10:00")
    assert state(acme) == "suspended"
    top_up(acme, qingyu, "500.00", "2026-03-01 09:00")
    dunning.collection.pay_now(bill, at=shop.at("2026-03-01 10:00"), by=None)
    assert state(acme) == "active"
