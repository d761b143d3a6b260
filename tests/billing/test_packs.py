"""Resource packs: granted with a reason, drawn on in the order of the rule, written down once."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from billing import packs
from billing.models import BillingPeriod, Pack, PackUse, Price
from billing.packs import Ask, Place
from tenants.errors import Invalid
from tenants.models import AuditEntry
from tests import shop
from usage import ingest
from usage.measuring import Want
from usage.models import Meter

pytestmark = pytest.mark.django_db
MESSAGES = {"code": "messages", "kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "0.05"}
NOW = shop.at("2026-01-01 00:00")


@pytest.fixture
def acme(qingyu):
    return shop.subscribe(shop.tenant(), shop.plan(qingyu, [MESSAGES]), "2026-01-01")


def give(tenant, quantity: str, expires: str, *, meter: str = "messages", when: str = "2026-01-01 00:00", **more):
    found = Meter.objects.get(code=meter)
    at = shop.at(when)
    return packs.grant(tenant, found, Decimal(quantity), shop.at(expires), reason="开户赠送", at=at, by=None, **more)


def period(subscription, start: str, end: str) -> BillingPeriod:
    since, until = shop.at(f"{start} 00:00"), shop.at(f"{end} 00:00")
    return BillingPeriod.objects.get_or_create(
        tenant=subscription.tenant,
        subscription=subscription,
        interval="month",
        start=since,
        defaults={"end": until, "whole_start": since, "whole_end": until, "zone": "Asia/Shanghai"},
    )[0]


def ask(subscription, start: str, end: str, *, included: str = "0", key: str = "", **more) -> Ask:
    of, meter, price = period(subscription, start, end), Meter.objects.get(code="messages"), Price.objects.get()
    return Ask(
        key=key or start,
        want=Want(start, subscription.tenant_id, meter.pk, "sum", False, of.start, of.end),
        included=Decimal(included),
        seller_id=subscription.seller_id,
        price_id=price.pk,
        period_id=of.pk,
        **more,
    )


def settle(*asks: Ask) -> dict:
    with transaction.atomic():
        covers = packs.draw(asks)
        packs.record(covers.values(), at=NOW)
    return {key: (cover.measured, cover.quantity) for key, cover in covers.items()}


def uses() -> list[tuple[str, str, int, Decimal]]:
    rows = PackUse.objects.order_by("pk").select_related("period", "pack")
    return [(str(row.pack.quantity.normalize()), str(row.period.start_on), row.number, row.quantity) for row in rows]


def test_it_grants_a_pack_and_says_so_in_the_log(acme):
    pack = give(acme.tenant, "500", "2026-04-01 00:00")
    assert (pack.valid_from, pack.source, pack.priority) == (NOW, "grant", 0)
    entry = AuditEntry.objects.get(verb="pack.granted")
    assert (entry.target, entry.detail["quantity"], entry.detail["meter"]) == (f"pack:{pack.pk}", "500", "messages")


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("meter", {"meter": "storage"}),
        ("quantity", {"quantity": "0"}),
        ("quantity", {"quantity": "-5"}),
        ("quantity", {"quantity": "NaN"}),
        ("quantity", {"quantity": "0.00000000001"}),
        ("quantity", {"quantity": "1e20"}),
        ("expires", {"expires": "2026-01-01 00:00"}),
        ("valid_from", {"valid_from": shop.at("2025-12-31 23:59")}),
        ("expires", {"valid_from": shop.at("2026-05-01 00:00")}),
        ("priority", {"priority": -1}),
        ("match.colour", {"match": {"colour": "red"}}),
    ],
)
def test_it_refuses_a_pack_that_nobody_could_use(acme, field, change):
    wanted = {"quantity": "500", "expires": "2026-04-01 00:00", **change}
    with pytest.raises(Invalid) as refusal:
        give(acme.tenant, wanted.pop("quantity"), wanted.pop("expires"), **wanted)
    assert refusal.value.field == field
    assert not Pack.objects.exists()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_it_refuses_a_pack_without_a_reason(acme, reason):
    with pytest.raises(Invalid) as refusal:
        packs.grant(
            acme.tenant,
            Meter.objects.get(code="messages"),
            Decimal(5),
            shop.at("2026-04-01 00:00"),
            reason=reason,
            at=NOW,
            by=None,
        )
    assert refusal.value.field == "reason"


def test_it_asks_one_thing_where_nobody_has_a_pack(acme):
    wanted = [ask(acme, "2026-01-01", "2026-02-01"), ask(acme, "2026-02-01", "2026-03-01")]
    with transaction.atomic(), CaptureQueriesContext(connection) as asked:
        assert packs.draw(wanted) == {}
    assert len(asked) == 1


def test_it_asks_as_much_for_many_packs_and_periods_as_for_one(acme):
    def questions(months: int) -> int:
        wanted = [ask(acme, f"2026-0{n}-01", f"2026-0{n + 1}-01") for n in range(1, months + 1)]
        with transaction.atomic(), CaptureQueriesContext(connection) as asked:
            packs.draw(wanted)
        return len(asked)

    give(acme.tenant, "5", "2026-01-15 00:00")
    few = questions(1)
    give(acme.tenant, "5", "2026-03-15 00:00")
    give(acme.tenant, "5", "2026-06-15 12:30")
    assert questions(5) == few


def test_it_covers_what_exceeds_the_included_units(acme):
    give(acme.tenant, "300", "2026-04-01 00:00")
    shop.use(acme.tenant, "1500", "2026-01-10 12:00")
    assert settle(ask(acme, "2026-01-01", "2026-02-01", included="1000")) == {
        "2026-01-01": (Decimal(1500), Decimal(300))
    }
    assert uses() == [("3E+2", "2026-01-01", 1, Decimal(300))]


def test_it_goes_on_across_period_borders_with_what_is_left(acme):
    give(acme.tenant, "250", "2026-04-01 00:00")
    for month in (1, 2, 3):
        shop.use(acme.tenant, "100", f"2026-0{month}-10 12:00")
    borders = ("2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01")
    covered = [settle(ask(acme, start, end))[start][1] for start, end in pairwise(borders)]
    assert covered == [Decimal(100), Decimal(100), Decimal(50)]


def test_it_lets_the_earlier_period_draw_first_whatever_the_order_of_the_questions(acme):
    give(acme.tenant, "120", "2026-04-01 00:00")
    for month in (1, 2):
        shop.use(acme.tenant, "100", f"2026-0{month}-10 12:00")
    asks = [ask(acme, "2026-02-01", "2026-03-01"), ask(acme, "2026-01-01", "2026-02-01")]
    found = settle(*asks)
    assert (found["2026-01-01"][1], found["2026-02-01"][1]) == (Decimal(100), Decimal(20))


def test_it_cuts_inside_an_hour_to_the_instant(acme):
    give(acme.tenant, "100", "2026-01-10 12:30")
    shop.use(acme.tenant, "10", "2026-01-10 12:29")
    shop.use(acme.tenant, "20", "2026-01-10 12:30")
    shop.use(acme.tenant, "40", "2026-01-10 13:30")
    found = settle(ask(acme, "2026-01-01", "2026-02-01"))
    assert found["2026-01-01"] == (Decimal(70), Decimal(10))


def parts(subscription, included: str) -> list[Ask]:
    """January in two parts, cut on the 16th by a change: 1,500 used before it."""
    middle = shop.at("2026-01-16 00:00")
    first, second = (ask(subscription, "2026-01-01", "2026-02-01", included="1000", key=key) for key in ("a", "b"))
    return [
        replace(first, want=replace(first.want, key="a", end=middle)),
        replace(
            second,
            want=replace(second.want, key="b", start=middle),
            included=Decimal(included),
            part="from:2026-01-15T16:00:00Z",
            before=Decimal(1500),
            earlier=(first.place,),
        ),
    ]


def test_it_counts_what_a_pack_covered_before_a_change_as_not_used_of_what_is_included(acme):
    give(acme.tenant, "600", "2026-04-01 00:00")
    shop.use(acme.tenant, "1500", "2026-01-10 12:00")
    shop.use(acme.tenant, "400", "2026-01-20 12:00")
    # 500 of the first part are covered, so 1,000 count against the new allowance of 1,200: 200 more are free.
    assert settle(*parts(acme, "1200")) == {"a": (1500, 500), "b": (400, 100)}


def test_it_knows_an_earlier_part_from_the_books(acme):
    give(acme.tenant, "600", "2026-04-01 00:00")
    shop.use(acme.tenant, "1500", "2026-01-10 12:00")
    shop.use(acme.tenant, "400", "2026-01-20 12:00")
    first, second = parts(acme, "1200")
    settle(first)
    assert settle(second) == {"b": (400, 100)}


def test_it_uses_nothing_of_another_customers_pack(acme):
    give(shop.tenant("other"), "100", "2026-04-01 00:00")
    shop.use(acme.tenant, "10", "2026-01-10 12:00")
    assert settle(ask(acme, "2026-01-01", "2026-02-01")) == {}


def test_it_writes_down_nothing_twice(acme):
    give(acme.tenant, "300", "2026-04-01 00:00")
    shop.use(acme.tenant, "100", "2026-01-10 12:00")
    january = ask(acme, "2026-01-01", "2026-02-01")
    assert settle(january) == settle(january)
    assert uses() == [("3E+2", "2026-01-01", 1, Decimal(100))]


def test_it_writes_late_usage_as_a_difference(acme):
    give(acme.tenant, "300", "2026-04-01 00:00")
    shop.use(acme.tenant, "100", "2026-01-10 12:00")
    january = ask(acme, "2026-01-01", "2026-02-01")
    settle(january)
    shop.use(acme.tenant, "50", "2026-01-20 12:00")
    assert settle(january)["2026-01-01"] == (Decimal(150), Decimal(150))
    assert [row[2:] for row in uses()] == [(1, Decimal(100)), (2, Decimal(50))]
    assert packs.used([january.place]) == {january.place: {Pack.objects.get().pk: Decimal(150)}}


def test_it_takes_nothing_from_a_later_period_for_late_usage(acme):
    give(acme.tenant, "150", "2026-04-01 00:00")
    shop.use(acme.tenant, "100", "2026-01-10 12:00")
    shop.use(acme.tenant, "40", "2026-02-10 12:00")
    january, february = ask(acme, "2026-01-01", "2026-02-01"), ask(acme, "2026-02-01", "2026-03-01")
    settle(january)
    settle(february)
    shop.use(acme.tenant, "70", "2026-01-20 12:00")
    # 170 were used in January: the 100 that it had, and the 10 that nobody has.
    assert settle(january)["2026-01-01"] == (Decimal(170), Decimal(110))
    assert packs.used([february.place])[february.place] == {Pack.objects.get().pk: Decimal(40)}


def test_it_gives_back_what_a_void_takes_away(acme):
    give(acme.tenant, "300", "2026-04-01 00:00")
    shop.use(acme.tenant, "100", "2026-01-10 12:00", key="wrong")
    january = ask(acme, "2026-01-01", "2026-02-01")
    settle(january)
    (answer,) = ingest.accept(acme.tenant, [{"key": "undo", "void": "wrong"}], at=shop.at("2026-01-11 12:00"))
    assert answer.status == "accepted", answer
    assert settle(january)["2026-01-01"] == (Decimal(0), Decimal(0))
    assert [row[3] for row in uses()] == [Decimal(100), Decimal(-100)]
    assert packs.left(acme.tenant)[0].used == 0


def test_it_expects_without_writing(acme):
    give(acme.tenant, "100", "2026-01-16 12:00")
    shop.use(acme.tenant, "30", "2026-01-10 12:00")
    january, now = ask(acme, "2026-01-01", "2026-02-01"), shop.at("2026-01-11 00:00")
    assert packs.expected([january], at=now)["2026-01-01"].quantity == 30
    # 42 more in the 21 days to come: 11 of them before the pack lapses at noon of the 16th, 5½ days.
    assert packs.expected([january], at=now, more={"2026-01-01": Decimal(42)})["2026-01-01"].quantity == 41
    assert not PackUse.objects.exists()


def test_the_database_keeps_a_pack_from_giving_more_than_it_holds(acme):
    pack = give(acme.tenant, "10", "2026-04-01 00:00")
    january = ask(acme, "2026-01-01", "2026-02-01")
    over = {"tenant": acme.tenant, "pack": pack, "period_id": january.period_id, "price_id": january.price_id}
    with pytest.raises(IntegrityError, match="more is used than the pack holds"), transaction.atomic():
        PackUse.objects.create(**over, quantity=Decimal(11), at=NOW)


def test_it_lists_packs_in_the_order_in_which_they_are_used(acme):
    give(acme.tenant, "1", "2026-04-01 00:00", priority=1)
    give(acme.tenant, "2", "2026-04-01 00:00")
    give(acme.tenant, "3", "2026-03-01 00:00")
    assert [int(pack.quantity) for pack in packs.left(acme.tenant)] == [3, 2, 1]


def test_a_place_is_told_apart_by_its_part(acme):
    assert Place(1, 2, "") != Place(1, 2, "change:1")
