"""Price migration: each subscriber is told in time, moves at a term's end, and may leave before."""

from datetime import date

import pytest

from billing import catalogue, changing, closing, defining, migrating, previewing, subscriptions
from billing.models import Acceptance, Change, Subscription
from tenants.errors import Invalid, WrongState
from tenants.models import Notice
from tests import shop
from tests.billing.changes import MESSAGES, base, plan, shown

pytestmark = pytest.mark.django_db
AT = "2026-01-10 10:00"


@pytest.fixture
def old(qingyu):
    return plan(qingyu, "pro", base("199.00"), MESSAGES)


@pytest.fixture
def new(qingyu, old):
    data = {"code": "pro", "family": "scrm", "prices": [base("219.00"), MESSAGES | {"unit_amount": "0.06"}]}
    return defining.define_plan(qingyu, data, at=shop.at("2026-01-09 10:00"), by=None)


@pytest.fixture
def acme(old):
    made = shop.subscribe(shop.tenant(), old, "2026-01-01")
    closing.close([made.pk], at=shop.at("2026-01-01 09:00"))
    return made


def announce(version, on: str = "2026-02-10", at: str = AT):
    return migrating.announce(version, on=date.fromisoformat(on), reason="短信涨价", at=shop.at(at), by=None)


def close(subscription: Subscription, when: str) -> Subscription:
    closing.close([subscription.pk], at=shop.at(when))
    subscription.refresh_from_db()
    return subscription


def test_it_moves_at_the_first_terms_end_from_the_day_on(acme, new):
    _migration, moves = announce(new)
    assert [(move.before_minor, move.after_minor, str(move.on)) for move in moves] == [(199_00, 219_00, "2026-03-01")]
    close(acme, "2026-04-01 00:00")
    assert acme.version == new
    assert [line[5] for line in shown(acme)] == [199_00, 199_00, 219_00, 219_00]
    assert acme.acceptance.basis == Acceptance.Basis.NOTICE


def test_it_tells_each_with_the_difference_in_money(acme, new):
    announce(new)
    told = Notice.objects.get(kind="price_change_announced")
    assert (told.payload["difference_minor"], told.payload["first_day"]) == (20_00, "2026-03-01")
    assert [price["name"] for price in told.payload["prices"]] == ["base", "messages"]


def test_it_is_told_thirty_days_before(acme, new):
    with pytest.raises(Invalid) as refused:
        announce(new, "2026-02-08")
    assert refused.value.field == "on"
    assert not Change.objects.exists()


@pytest.mark.parametrize("leave", ["cancel", "stop"])
def test_nobody_who_leaves_is_moved(acme, new, leave):
    announce(new)
    close(acme, "2026-02-01 00:00")
    if leave == "cancel":
        changing.cancel(acme, at=shop.at("2026-02-20 10:00"), by=None)
    else:
        subscriptions.stop_renewing(acme, at=shop.at("2026-02-20 10:00"), by=None)
    close(acme, "2026-04-01 00:00")
    assert (acme.status, [line[5] for line in shown(acme)]) == ("ended", [199_00, 199_00])
    assert Change.objects.get(kind="plan").status == "withdrawn"


def test_it_moves_whoever_stays_after_all(acme, new):
    announce(new)
    changing.cancel(acme, at=shop.at("2026-01-20 10:00"), by=None)
    changing.keep(acme, at=shop.at("2026-01-21 10:00"), by=None)
    with pytest.raises(WrongState):
        changing.keep(acme, at=shop.at("2026-01-22 10:00"), by=None)
    assert close(acme, "2026-03-01 00:00").version == new


def test_it_is_in_the_next_bill_that_is_shown(acme, new):
    announce(new)
    close(acme, "2026-02-01 00:00")
    acme = Subscription.objects.select_related("version", "seller").get(pk=acme.pk)
    told = previewing.preview([acme], at=shop.at("2026-02-20 10:00"))[acme.pk]
    assert told.fixed_minor == 219_00


def test_negotiated_prices_go_on(old, new):
    made = shop.subscribe(shop.tenant(), old, "2026-01-01", negotiated={"base": {"model": "flat", "amount": "150.00"}})
    closing.close([made.pk], at=shop.at("2026-01-01 09:00"))
    _migration, moves = announce(new)
    assert moves[0].difference_minor == 0
    close(made, "2026-03-01 00:00")
    assert (made.version, shown(made)[-1][5]) == (new, 150_00)


def test_it_is_taken_back_for_those_who_have_not_moved(acme, new):
    migration, _moves = announce(new)
    assert migrating.withdraw(migration, at=shop.at("2026-02-20 10:00"), by=None) == 1
    assert Notice.objects.get(kind="price_change_withdrawn").payload["first_day"] == "2026-03-01"
    assert close(acme, "2026-04-01 00:00").version != new
    with pytest.raises(WrongState):
        migrating.withdraw(migration, at=shop.at("2026-02-21 10:00"), by=None)


def test_it_is_announced_once(acme, new):
    announce(new)
    with pytest.raises(migrating.AlreadyAnnounced):
        announce(new)


def test_it_says_who_stays_and_why(qingyu, old, new, acme):
    leaving = shop.subscribe(shop.tenant("leaving"), catalogue_version(old), "2026-01-01", renews=False)
    closing.close([leaving.pk], at=shop.at("2026-01-01 09:00"))
    _migration, moves = announce(new)
    assert {move.subscription.pk: bool(move.stays) for move in moves} == {acme.pk: False, leaving.pk: True}


def catalogue_version(version):
    """Return the version as it was on sale, for a customer who bought it then."""
    version.status = "published"
    return version


def test_a_draft_moves_nobody(qingyu, old):
    draft = catalogue.draft(old.plan, at=shop.at(AT), by=None)
    with pytest.raises(Invalid) as refused:
        announce(draft)
    assert refused.value.field == "version"


def test_it_tells_what_the_last_periods_usage_comes_to_more(acme, new):
    shop.use(acme.tenant, "1300", "2026-01-15 09:00")
    close(acme, "2026-02-01 00:00")
    announce(new, "2026-04-01", "2026-02-05 10:00")
    told = Notice.objects.get(kind="price_change_announced")
    # 1000 of 1300 are included: 300 × (0.06 − 0.05)
    assert told.payload["usage_difference_minor"] == 3_00
    waiting = Change.objects.get()
    move = migrating.outlook(waiting, at=shop.at("2026-02-06 10:00"))
    assert (move.difference_minor, move.usage_difference_minor, move.stays) == (20_00, 3_00, "")


def test_it_says_nothing_of_usage_before_a_period_closed(acme, new):
    announce(new)
    assert Notice.objects.get(kind="price_change_announced").payload["usage_difference_minor"] is None


def test_it_announces_only_what_was_shown(acme, new):
    shown_before = migrating.seal(migrating.propose(new, on=date(2026, 4, 1), at=shop.at("2026-01-10 10:00")))
    shop.use(acme.tenant, "1300", "2026-01-15 09:00")
    close(acme, "2026-02-01 00:00")
    with pytest.raises(migrating.MovedMeanwhile):
        migrating.announce(
            new, on=date(2026, 4, 1), reason="x", at=shop.at("2026-02-05 10:00"), by=None, held=shown_before
        )
    assert not Change.objects.exists()


def test_a_version_in_another_currency_moves_nobody(qingyu, old, acme):
    data = {"code": "pro", "family": "scrm", "currency": "USD", "prices": [base("29.00"), MESSAGES]}
    dollars = defining.define_plan(qingyu, data, at=shop.at("2026-01-09 10:00"), by=None)
    (move,) = migrating.propose(dollars, on=date(2026, 4, 1), at=shop.at(AT))
    assert move.stays == "新版本用另一种币种定价。"


def test_it_counts_who_moved_who_waits_and_who_left(acme, new):
    migration, _moves = announce(new)
    one = migrating.progress().get(pk=migration.pk)
    assert (one.moved, one.waiting, one.left) == (0, 1, 0)
    close(acme, "2026-03-01 00:00")
    one = migrating.progress().get(pk=migration.pk)
    assert (one.moved, one.waiting, one.left) == (1, 0, 0)
