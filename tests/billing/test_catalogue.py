"""The catalogue: draft, publish, sealed; prices that could not be billed are refused with their path."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from billing import catalogue, defining, subscriptions
from billing.models import PlanVersion, Price, PriceList, PriceListEntry
from tenants.errors import DomainError, WrongState
from tenants.models import CustomerGroup
from tests import shop

pytestmark = pytest.mark.django_db
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "100.00"}
SMS = {"kind": "usage", "meter": "sms", "model": "per_unit", "unit_amount": "0.05"}
NOW = shop.at("2026-01-01 09:00")


def refusal(seller, *prices, **terms) -> tuple[str, str]:
    with pytest.raises(DomainError) as refused, transaction.atomic():
        shop.plan(seller, prices, code="bad", **terms)
    assert not PlanVersion.objects.filter(plan__code="bad").exists()
    return refused.value.code, refused.value.field


def test_it_publishes_the_next_version_and_keeps_the_old_one(qingyu):
    first = shop.plan(qingyu, [BASE])
    second = shop.plan(qingyu, [BASE | {"amount": "120.00"}])
    first.refresh_from_db()
    assert (first.number, first.status, second.number, second.status) == (1, "retired", 2, "published")
    assert first.prices.get().params == {"amount": "100.00"}


def test_it_takes_what_is_left_out_from_the_defaults_not_from_the_version_before(qingyu):
    shop.plan(qingyu, [BASE], trial_days=14, billing_day=5, proration="none")
    again = shop.plan(qingyu, [BASE])
    assert (again.number, again.trial_days, again.billing_day, again.proration) == (2, 0, None, "day")


def test_it_leaves_subscribers_on_their_version(qingyu):
    acme = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-01")
    shop.plan(qingyu, [BASE | {"amount": "120.00"}])
    shop.bill("2026-02-01 00:00")
    assert [invoice.total_minor for invoice in shop.bills(acme.tenant)] == [100_00, 100_00]


def test_it_copies_the_published_version_into_a_draft(qingyu):
    version = shop.plan(qingyu, [BASE], trial_days=7)
    fresh = catalogue.draft(version.plan, at=NOW, by=None)
    assert (fresh.status, fresh.number, fresh.trial_days, fresh.prices.get().params) == (
        "draft",
        2,
        7,
        {"amount": "100.00"},
    )
    assert catalogue.draft(version.plan, at=NOW, by=None) == fresh


def test_it_publishes_a_version_once(qingyu):
    with pytest.raises(WrongState):
        catalogue.publish(shop.plan(qingyu, [BASE]), at=NOW, by=None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_planversion SET interval = 'year'",
        "UPDATE billing_price SET params = '{}'",
        "DELETE FROM billing_price",
        "DELETE FROM billing_planversion",
        'INSERT INTO billing_price SELECT (jsonb_populate_record(p, \'{"id": 999999, "code": "more"}\')).* FROM billing_price p',
    ],
)
def test_the_database_seals_a_published_version(qingyu, statement):
    shop.plan(qingyu, [BASE])
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("prices", "terms", "field"),
    [
        ([], {}, "plan.prices"),
        ([BASE | {"amount": "-1"}], {}, "plan.prices[0].amount"),
        ([BASE | {"amount": "ten"}], {}, "plan.prices[0].amount"),
        ([BASE], {"interval": "month", "term": "week"}, "plan.term"),
        ([BASE], {"currency": "ZZZ"}, "plan.currency"),
        ([BASE | {"interval": "year"}], {"interval": "month"}, "plan.prices[0].interval"),
        (
            [SMS | {"code": "a", "match": {"region": "x"}}, SMS | {"code": "b", "match": {"kind": "y"}}],
            {},
            "plan.prices[1].match",
        ),
        ([BASE], {"trial_days": 3, "after_trial": "nowhere"}, "plan.after_trial"),
        ([BASE], {"minimum": "ten"}, "plan.minimum"),
        ([BASE], {"minimum": 10.5}, "plan.minimum"),
        ([SMS | {"code": "a", "meter": "nothing"}], {}, "plan.prices[0].meter"),
        ([BASE | {"colour": "red"}], {}, "plan.prices[0].colour"),
        ([BASE], {"colour": "red"}, "plan.colour"),
        ([BASE | {"kind": "magic"}], {}, "plan.prices[0].kind"),
        ([BASE], {"interval": "decade"}, "plan.interval"),
        (
            [
                {
                    "code": "tiers",
                    "kind": "base",
                    "model": "graduated",
                    "tiers": [{"up_to": "10", "unit_amount": "1"}, {"up_to": "5", "unit_amount": "1"}],
                }
            ],
            {},
            "plan.prices[0].tiers[1].up_to",
        ),
    ],
)
def test_it_refuses_what_could_not_be_billed(qingyu, prices, terms, field):
    _code, path = refusal(qingyu, *prices, **terms)
    assert path == field, path


def test_it_says_so_in_the_readers_language(qingyu):
    with translation.override("zh-hans"), pytest.raises(DomainError) as chinese:
        shop.plan(qingyu, [BASE | {"amount": "-1"}])
    with translation.override("en"), pytest.raises(DomainError) as english:
        shop.plan(qingyu, [BASE | {"amount": "-1"}])
    assert any("一" <= character <= "鿿" for character in chinese.value.message)
    assert english.value.message.isascii()


def test_it_bills_a_group_by_its_price_list(qingyu):
    version = shop.plan(qingyu, [BASE])
    group = CustomerGroup.objects.create(code="wholesale", name="批发")
    cheaper = PriceList.objects.create(seller=qingyu, code="wholesale", name="批发价", group=group)
    PriceListEntry.objects.create(
        price_list=cheaper, plan=version.plan, price_code="base", model="flat", params={"amount": "80.00"}
    )
    catalogue.publish_list(cheaper, at=NOW, by=None)
    dear, cheap = shop.tenant("dear"), shop.tenant("cheap", group="wholesale")
    for who in (dear, cheap):
        shop.subscribe(who, version, "2026-01-01")
    shop.bill("2026-01-01 00:00")
    assert [shop.bills(who)[0].total_minor for who in (dear, cheap)] == [100_00, 80_00]


def test_it_seals_a_published_price_list(qingyu):
    version = shop.plan(qingyu, [BASE])
    group = CustomerGroup.objects.create(code="wholesale", name="批发")
    cheaper = PriceList.objects.create(seller=qingyu, code="wholesale", name="批发价", group=group)
    entry = PriceListEntry.objects.create(
        price_list=cheaper, plan=version.plan, price_code="base", model="flat", params={"amount": "80.00"}
    )
    catalogue.publish_list(cheaper, at=NOW, by=None)
    with pytest.raises(IntegrityError, match="is sealed"), transaction.atomic():
        PriceListEntry.objects.filter(pk=entry.pk).update(params={"amount": "1.00"})


def test_it_knows_what_never_costs_anything(qingyu):
    free = shop.plan(qingyu, [BASE | {"amount": "0.00"}, SMS | {"code": "sms", "unit_amount": "0"}], code="free")
    assert all(
        defining.catalogue.parse_price({**p.params, "model": p.model}).is_free
        for p in Price.objects.filter(version=free)
    )
    assert subscriptions.on_sale(qingyu.pk, "free") == free


@pytest.mark.parametrize("match", [{}, {"region": "x"}])
def test_two_prices_may_charge_the_very_same_events(qingyu, match):
    prices = [SMS | {"code": code, "match": match} for code in ("carrier", "handling")]
    assert shop.plan(qingyu, prices).prices.count() == 2
