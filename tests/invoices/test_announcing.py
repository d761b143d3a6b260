"""Renewals are announced a week before, with a ceiling of arrears; five days are counted from when the notice arrived."""

import pytest

from billing.models import Subscription
from invoices import announcing
from invoices.forthcoming import elapsed_days
from invoices.models import ChargeNotice, Invoice
from tenants.models import Delivery, Notice
from tests import shop
from tests.invoices.deducting import BASE, MESSAGES, days, deliver, notices, states, tick
from usage.periods import Interval, Schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return shop.tenant()


@pytest.fixture
def sub(qingyu, acme):
    """A monthly plan from 31 January: its first bill is announced, and deducted on 5 February."""
    begun = shop.subscribe(acme, shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-31", pays="wallet")
    tick("2026-01-31 00:00")
    return begun


def renewals():
    return [told for told in notices() if told[0] == "renewal"]


def test_nothing_is_announced_earlier_than_a_week_before(sub):
    announcing.announce(at=shop.at("2026-02-20 23:59"))
    assert renewals() == []
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    assert renewals() == [("renewal", "2026-02-28", None, 0, 199_00)]


def test_announcing_twice_changes_nothing(sub):
    assert announcing.announce(at=shop.at("2026-02-21 00:00")) == 1
    assert announcing.announce(at=shop.at("2026-02-21 00:00")) == 0
    assert announcing.announce(at=shop.at("2026-02-23 10:00")) == 0
    assert Notice.objects.filter(kind="charge_announced", created_at=shop.at("2026-02-21 00:00")).count() == 1


def test_the_lead_is_never_under_five_days(sub, settings):
    settings.ANNOUNCE_DAYS = 1
    assert announcing.announce(at=shop.at("2026-02-22 23:59")) == 0
    assert announcing.announce(at=shop.at("2026-02-23 00:00")) == 1


def test_the_ceiling_is_the_usage_so_far_for_the_whole_period(sub, acme):
    shop.use(acme, "800", "2026-02-10 10:00")  # 40.00 in 21 of 28 days: 53.33
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    assert renewals() == [("renewal", "2026-02-28", None, 54_00, 253_00)]
    (said,) = Notice.objects.filter(kind="charge_announced", created_at=shop.at("2026-02-21 00:00"))
    assert said.payload["total_minor"] == 253_00
    assert said.payload["charge_at"] == "2026-02-27T16:00:00+00:00"
    assert [line["name"] for line in said.payload["lines"]] == ["base"]


@pytest.mark.parametrize(
    ("instant", "elapsed"),
    [("2026-01-31 00:00", 1), ("2026-01-31 18:00", 1), ("2026-02-02 12:00", 2.5), ("2026-02-21 00:00", 21)],
)
def test_days_elapse_by_the_local_clock_and_one_at_least(instant, elapsed):
    span = Schedule(shop.at("2026-01-31 00:00").date(), Interval.MONTH, "Asia/Shanghai").span(0)
    assert elapsed_days(span, shop.at(instant)) == elapsed


def test_it_is_deducted_when_due_if_the_notice_came_in_time(sub):
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    deliver("2026-02-23 00:00")
    assert renewals() == [("renewal", "2026-02-28", "02-28 00:00", 0, 199_00)]


def test_five_days_are_counted_from_when_the_notice_came(sub):
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    deliver("2026-02-25 09:00")
    assert renewals() == [("renewal", "2026-02-28", "03-02 09:00", 0, 199_00)]


def test_only_the_first_arrival_counts(sub):
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    notice = ChargeNotice.objects.get(of="renewal")
    announcing.delivered(notice, at=shop.at("2026-02-24 09:00"))
    announcing.delivered(notice, at=shop.at("2026-02-25 09:00"))
    assert notice.delivered_at == shop.at("2026-02-24 09:00")


def test_what_comes_back_was_not_delivered(sub):
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    notice = announcing.delivered(ChargeNotice.objects.get(of="renewal"), at=shop.at("2026-02-21 00:01"))
    announcing.bounced(notice, at=shop.at("2026-02-21 00:02"))
    assert (notice.delivered_at, notice.charge_at) == (None, None)


def test_it_asks_the_outbox_what_arrived(sub):
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    assert announcing.take_deliveries(at=shop.at("2026-02-21 00:10")) == 0
    notice = ChargeNotice.objects.get(of="renewal")
    sent = Notice.objects.get(key=notice.key)
    Delivery.objects.create(tenant=sent.tenant, notice=sent, number=1, at=shop.at("2026-02-21 00:05"), ok=True)
    Notice.objects.filter(pk=sent.pk).update(status="delivered", delivered_at=shop.at("2026-02-21 00:05"))
    assert announcing.take_deliveries(at=shop.at("2026-02-21 00:10")) == 1
    notice.refresh_from_db()
    assert notice.delivered_at == shop.at("2026-02-21 00:05")


def test_one_notice_per_payer_and_day(qingyu, acme, sub):
    shop.subscribe(acme, shop.plan(qingyu, [BASE], code="other"), "2026-01-31", pays="wallet", label="two")
    shop.bill("2026-01-31 09:00")
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    assert renewals() == [("renewal", "2026-02-28", None, 0, 398_00)]


def test_nothing_is_announced_to_who_pays_by_hand(sub):
    Subscription.objects.update(pays="manual")
    assert announcing.announce(at=shop.at("2026-02-21 00:00")) == 0


def test_nothing_is_announced_for_what_ends(qingyu):
    other = shop.tenant("other")
    shop.subscribe(other, shop.plan(qingyu, [BASE], code="short"), "2026-01-31", pays="wallet", renews=False)
    tick("2026-01-31 00:00")
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    assert not ChargeNotice.objects.filter(tenant=other, of="renewal", total_minor__gt=0).exists()


def test_the_tax_on_top_is_in_the_total():
    seller = shop.seller("net", tax_rate="0.06", tax_inclusive=False)
    who = shop.tenant("net")
    shop.subscribe(who, shop.plan(seller, [BASE | {"tax_rate": "0.06"}]), "2026-01-31", pays="wallet")
    tick("2026-01-31 00:00")
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    notice = ChargeNotice.objects.get(of="renewal")
    assert (notice.renewal_minor, notice.total_minor) == (199_00, 210_94)


def test_a_confirmation_raises_what_was_announced_and_keeps_its_day(sub, qingyu, acme):
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    deliver("2026-02-21 00:00")
    second = shop.subscribe(acme, shop.plan(qingyu, [BASE], code="other"), "2026-02-28", pays="wallet", label="two")
    assert announcing.confirmed(second, at=shop.at("2026-02-26 10:00")) == 1
    assert renewals() == [
        ("renewal", "2026-02-28", "02-28 00:00", 0, 199_00),
        ("renewal", "2026-02-28", "02-28 00:00", 0, 398_00),
    ]
    assert announcing.confirmed(second, at=shop.at("2026-02-26 11:00")) == 0
    assert Notice.objects.filter(kind="charge_announced").count() == 2  # the first bill's, and the renewal's


def test_a_confirmation_is_a_notice_where_none_was_sent(qingyu, acme):
    begun = shop.subscribe(acme, shop.plan(qingyu, [BASE], alignment="calendar"), "2026-01-29", pays="wallet")
    shop.bill("2026-01-29 09:00")
    assert announcing.confirmed(begun, at=shop.at("2026-01-29 09:00")) == 1
    assert renewals() == [("renewal", "2026-02-01", "02-03 09:00", 0, 199_00)]


def test_the_first_days_of_a_daily_plan_are_deducted_together(qingyu, acme):
    daily = shop.plan(qingyu, [BASE | {"amount": "10.00"}], interval="day", term="day")
    begun = shop.subscribe(acme, daily, "2026-01-01", pays="wallet")
    shop.bill("2026-01-01 09:00")
    announcing.confirmed(begun, at=shop.at("2026-01-01 09:00"))
    assert [(due, when) for _of, due, when, _ceiling, _total in renewals()] == [
        *((f"2026-01-0{day}", "01-06 09:00") for day in range(2, 7)),
        ("2026-01-07", "01-07 00:00"),
        ("2026-01-08", "01-08 00:00"),
    ]
    days("2026-01-02", "2026-01-06")
    together = Invoice.objects.get(origin="")
    assert (together.status, together.total_minor) == ("draft", 50_00)
    shop.bill("2026-01-06 08:59")
    together.refresh_from_db()
    assert together.status == "draft"
    shop.bill("2026-01-06 09:00")
    together.refresh_from_db()
    assert (together.status, str(together.due_on)) == ("open", "2026-01-06")


def test_arrears_above_the_ceiling_get_a_bill_and_a_notice_of_their_own(sub, acme):
    shop.use(acme, "800", "2026-02-10 10:00")
    tick("2026-02-21 00:00")
    shop.use(acme, "300", "2026-02-27 10:00")  # 55.00 in all, above 54.00
    tick("2026-02-28 00:00")
    assert notices()[1:] == [
        ("renewal", "2026-02-28", "02-28 00:00", 54_00, 253_00),
        ("bill", "2026-02-28", "03-05 00:00", 55_00, 55_00),
    ]
    assert states()[1:] == [("open", 199_00, "02-28"), ("draft", 55_00, None)]


def test_a_bill_that_was_not_announced_waits_for_its_own_notice(sub):
    assert states() == [("draft", 199_00, None)]
    assert notices() == [("bill", "2026-01-31", "02-05 00:00", 199_00, 199_00)]


def test_a_draft_waits_as_long_as_its_own_notice_says(qingyu, acme):
    shop.subscribe(acme, shop.plan(qingyu, [BASE]), "2026-01-31", pays="wallet")
    tick("2026-01-31 00:00", arrives=False)
    deliver("2026-02-02 10:00")
    shop.bill("2026-02-07 09:59")
    assert states() == [("draft", 199_00, None)]
    shop.bill("2026-02-07 10:00")
    assert states() == [("open", 199_00, "02-07")]
