"""Revenue is earned by days: all of it at the end, never above, whenever and however often a month is run."""

from datetime import date

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from billing import ledger
from billing.models import LedgerTransaction
from invoices import checking, crediting, earning
from invoices.deferral import earned
from invoices.models import Invoice
from tenants.errors import WrongState
from tests import shop

YEAR = {"code": "base", "kind": "base", "model": "flat", "amount": "365.00"}
LATER = shop.at("2027-06-01 00:00")
MONTHS = [date(2026, month, 1) for month in range(1, 13)]


@given(
    net=st.integers(min_value=-(10**9), max_value=10**9),
    days=st.integers(min_value=0, max_value=4000),
    steps=st.lists(st.integers(min_value=-50, max_value=4100), max_size=20),
    credits=st.lists(st.integers(min_value=0, max_value=100), max_size=20),
)
def test_what_was_posted_is_all_at_the_end_and_never_above(net, days, steps, credits):
    posted, left = 0, net
    for elapsed, credit in zip(sorted(steps), [*credits, *[0] * len(steps)], strict=False):
        left -= credit if left >= credit else 0
        posted += earned(left, days, elapsed) - posted
        assert min(left, 0) <= posted <= max(left, 0)
    posted += earned(left, days, days) - posted
    assert posted == left


def test_a_day_more_never_earns_less():
    assert all(earned(1001, 31, n) <= earned(1001, 31, n + 1) for n in range(31))


@pytest.fixture
def bill(qingyu):
    plan = shop.plan(qingyu, [YEAR], interval="year")
    shop.subscribe(shop.tenant(), plan, "2026-01-01")
    shop.bill("2026-01-01 09:00")
    return Invoice.objects.get()


def revenue(sold_by):
    return -ledger.balance(seller_id=sold_by.pk, currency="CNY", kind="revenue")


def run(*months):
    done = [earning.earn(month, at=LATER) for month in months]
    assert not list(checking.faults())
    return [one.sums["CNY"] for one in done]


@pytest.mark.django_db
def test_a_line_earns_its_days_month_by_month(bill, qingyu):
    assert run(*MONTHS[:3]) == [31_00, 28_00, 31_00]
    assert run(*MONTHS[3:])
    assert revenue(qingyu) == 365_00
    assert ledger.balance(seller_id=qingyu.pk, currency="CNY", kind="revenue_deferred") == 0
    booked = LedgerTransaction.objects.filter(source="line").order_by("pk").first()
    assert (booked.kind, booked.at) == ("earned 2026-01", shop.at("2026-01-31 23:59:59"))


@pytest.mark.django_db
def test_running_a_month_again_changes_nothing(bill, qingyu):
    run(MONTHS[0])
    assert run(MONTHS[0]) == [0]
    assert revenue(qingyu) == 31_00


@pytest.mark.django_db
def test_a_month_that_was_left_out_comes_with_the_next_and_then_nothing(bill, qingyu):
    assert run(MONTHS[2], MONTHS[0], MONTHS[1], MONTHS[2]) == [90_00, 0, 0, 0]


@pytest.mark.django_db
def test_a_later_credit_takes_back_what_was_earned_of_it(bill, qingyu):
    run(*MONTHS[:3])
    crediting.credit(bill, reason="补偿", amounts={bill.lines.get().pk: 73_00}, at=shop.at("2026-04-10 09:00"), by=None)
    # 292.00 over 365 days: 0.80 a day, of 120 days; 90.00 had been posted.
    assert run(MONTHS[3]) == [6_00]
    crediting.void(bill, reason="开错了", at=shop.at("2026-05-10 09:00"), by=None)
    assert run(MONTHS[4]) == [-96_00]
    assert revenue(qingyu) == 0


@pytest.mark.django_db
def test_a_credit_note_of_a_later_month_is_not_seen_earlier(bill, qingyu):
    crediting.void(bill, reason="开错了", at=shop.at("2026-02-01 00:00"), by=None)
    assert run(MONTHS[0], MONTHS[1]) == [31_00, -31_00]


@pytest.mark.django_db
def test_tax_is_never_revenue(qingyu):
    qingyu.tax_rate = "0.06"
    qingyu.save()
    shop.subscribe(shop.tenant(), shop.plan(qingyu, [YEAR]), "2026-01-01")
    shop.bill("2026-01-01 09:00")
    bill = Invoice.objects.get()
    assert run(MONTHS[0]) == [bill.total_minor - bill.tax_minor]


@pytest.mark.django_db
def test_usage_is_earned_when_it_is_billed(qingyu):
    usage = {"code": "messages", "kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "0.05"}
    acme = shop.tenant()
    shop.subscribe(acme, shop.plan(qingyu, [usage]), "2026-01-01")
    shop.use(acme, "100", "2026-01-10 12:00")
    shop.bill("2026-02-01 00:00")
    assert run(MONTHS[0], MONTHS[1]) == [0, 5_00]


@pytest.mark.django_db
def test_many_lines_are_posted_in_batches(bill, qingyu, monkeypatch):
    monkeypatch.setattr(earning, "BATCH", 2)
    for code in "bcde":
        shop.subscribe(shop.tenant(code), bill.lines.get().charge.subscription.version, "2026-01-01")
    shop.bill("2026-01-01 09:00")
    done = earning.earn(MONTHS[0], at=LATER)
    assert (done.lines, done.sums["CNY"]) == (5, 155_00)


@pytest.mark.django_db
def test_the_tick_runs_every_month_that_is_over(bill, qingyu):
    assert earning.catch_up(at=shop.at("2026-01-31 23:59")).lines == 0
    assert earning.catch_up(at=shop.at("2026-04-01 00:00")).sums["CNY"] == 90_00
    assert earning.catch_up(at=shop.at("2026-04-02 00:00")).lines == 0
    assert list(LedgerTransaction.objects.filter(source="line").order_by("pk").values_list("kind", flat=True)) == [
        f"earned 2026-0{month}" for month in (1, 2, 3)
    ]


@pytest.mark.django_db
def test_a_month_that_is_not_over_is_refused(bill):
    with pytest.raises(WrongState):
        earning.earn(MONTHS[0], at=shop.at("2026-01-31 23:59"))


@pytest.mark.django_db
def test_the_command_runs_one_month_and_refuses_what_is_none(bill, qingyu, capsys):
    call_command("earn", month="2026-01")
    assert "1 lines earned CNY 31.00." in capsys.readouterr().out
    with pytest.raises(CommandError, match="2026-13"):
        call_command("earn", month="2026-13")
