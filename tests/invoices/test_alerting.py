"""Who has too little in the balance is told so: in time, what is missing until when, and not every day the same."""

import pytest

from billing import wallets
from billing.models import Wallet
from billing.money import Money
from invoices import alerting, announcing
from tenants.errors import Invalid
from tenants.models import Notice
from tests import shop
from tests.invoices.deducting import BASE, top_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return shop.tenant()


def below(who, sold_by, amount):
    line = Money.of(amount, "CNY") if amount else None
    at = shop.at("2026-01-01 09:00")
    return wallets.set_alert(who, seller=sold_by, currency="CNY", below=line, at=at, by=None)


def told(when):
    alerting.tell(at=shop.at(when))
    keys = ("balance_minor", "alert_minor", "missing_minor", "until")
    return [tuple(n.payload[key] for key in keys) for n in Notice.objects.filter(kind="balance_low").order_by("pk")]


def test_nobody_is_told_who_did_not_ask(acme, qingyu):
    top_up(acme, qingyu, "1.00", "2026-01-01 08:00")
    assert told("2026-01-02 09:00") == []


def test_a_balance_below_the_line_is_told_once_until_it_changes(acme, qingyu):
    top_up(acme, qingyu, "100.00", "2026-01-01 08:00")
    below(acme, qingyu, "100.00")
    assert told("2026-01-02 09:00") == []
    below(acme, qingyu, "100.01")
    first = (100_00, 100_01, 0, "")
    assert told("2026-01-02 09:00") == told("2026-01-02 21:00") == told("2026-01-03 09:00") == [first]
    wallets.spend(
        acme,
        seller=qingyu,
        amount=Money.of("1.00", "CNY"),
        source="payment",
        source_id=1,
        at=shop.at("2026-01-03 10:00"),
    )
    # Not twice on one day; on the next the new balance.
    assert told("2026-01-02 23:00") == [first]
    assert told("2026-01-04 09:00") == [first, (99_00, 100_01, 0, "")]
    below(acme, qingyu, None)
    assert len(told("2026-01-05 09:00")) == 2


def test_an_alert_is_above_zero(acme, qingyu):
    with pytest.raises(Invalid):
        below(acme, qingyu, "0.00")
    assert not Wallet.objects.exclude(alert_minor=None).exists()


@pytest.fixture
def announced(acme, qingyu):
    """A renewal of 199.00 that is deducted on 1 February, announced a week before."""
    subscription = shop.subscribe(acme, shop.plan(qingyu, [BASE]), "2026-01-01", pays="wallet")
    shop.bill("2026-01-01 09:00")
    announcing.announce(at=shop.at("2026-01-25 00:00"))
    return subscription


def test_what_is_announced_and_not_there_is_told_with_the_day(announced, acme, qingyu):
    top_up(acme, qingyu, "150.00", "2026-01-20 08:00")
    assert told("2026-01-26 09:00") == [(150_00, 0, 49_00, "2026-02-01")]
    assert len(told("2026-01-27 09:00")) == 1
    top_up(acme, qingyu, "48.99", "2026-01-27 10:00")
    assert told("2026-01-28 09:00")[-1] == (198_99, 0, 1, "2026-02-01")
    top_up(acme, qingyu, "0.01", "2026-01-28 10:00")
    assert len(told("2026-01-29 09:00")) == 2


def test_only_what_comes_off_the_balance_in_thirty_days_counts(announced, acme):
    (row,) = alerting._announced(shop.at("2026-01-26 09:00")).popitem()[1]
    wallet = Wallet(tenant=acme, currency="CNY")
    at = shop.at("2026-01-26 09:00")
    assert alerting.forecast(wallet, [row], at=at).missing_minor == 199_00
    row.pays = "mandate"
    assert alerting.forecast(wallet, [row], at=at) == alerting.Forecast()
    row.pays = "wallet"
    assert alerting.forecast(wallet, [row], at=row.due_at - alerting.AHEAD).missing_minor == 199_00
    assert alerting.forecast(wallet, [row], at=shop.at("2026-01-01 09:00")).missing_minor == 0
