"""What holds of every contract, whatever becomes of it: one close is many, credits are bounded, parts are the whole."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import changing, closing, quantities
from billing.models import BillingPeriod, Charge, ChargeCredit, Subscription
from tenants.errors import DomainError
from tests import shop
from tests.billing import changes
from usage import ingest

DAY = timedelta(days=1)
# The first day of every story, and how long it is told.
START, DAYS = date(2026, 1, 31), 100
LAST = shop.at("2026-05-12 00:00")
FEW = settings(max_examples=10, suppress_health_check=list(HealthCheck))

PLANS: dict[str, list[dict[str, Any]]] = {
    "basic": [changes.base("99.00"), changes.SEAT, changes.MESSAGES],
    "team": [changes.base("301.01"), changes.SEAT | {"unit_amount": "33.33"}, changes.ANALYTICS, changes.MESSAGES],
    "weekly": [changes.base("40.00"), changes.SEAT, changes.MESSAGES | {"included": "10"}],
    "arrears": [changes.base("10.00"), changes.SEAT | {"timing": "arrears"}, changes.MESSAGES],
}
TERMS: dict[str, dict[str, Any]] = {
    "basic": {"minimum": "150.00"},
    "team": {"credit_removals": True, "refund": "pro_rata"},
    "weekly": {"interval": "week"},
    "arrears": {"proration": "second", "alignment": "calendar"},
}

actions = st.one_of(
    st.tuples(st.just("use"), st.integers(1, 900)),
    st.tuples(st.just("seats"), st.integers(0, 9)),
    st.tuples(st.just("plan"), st.tuples(st.sampled_from(sorted(PLANS)), st.sampled_from([None, "now", "period_end"]))),
    st.tuples(st.sampled_from(["add", "remove", "pause", "resume", "keep", "pause", "resume"]), st.none()),
    st.tuples(st.just("cancel"), st.sampled_from(["now", "period_end", "period_end"])),
)
moments = st.integers(1, DAYS * 24 * 60 - 1).map(
    lambda minute: shop.at("2026-01-31 09:00") + minute * timedelta(minutes=1)
)
stories = st.lists(st.tuples(moments, actions), min_size=3, max_size=8).map(
    lambda steps: sorted(steps, key=lambda step: step[0])
)


@pytest.fixture
def shelf(db: None, qingyu: Any) -> dict[str, Any]:
    """Plans of one product, and a customer."""
    versions = {code: changes.plan(qingyu, code, *prices, **TERMS[code]) for code, prices in PLANS.items()}
    return {"plans": versions, "tenant": shop.tenant("acme")}


def _do(shelf: dict[str, Any], s: Subscription, at: datetime, action: Any) -> None:
    verb, said = action
    if verb == "use":
        event = {"key": f"{at}", "meter": "messages", "quantity": str(said), "occurred_at": at.isoformat()}
        ingest.accept(shelf["tenant"], [event], at=at)
    elif verb == "seats":
        quantities.set_quantity(s, "seat", Decimal(said), at=at, by=None)
    elif verb == "plan":
        changing.change_plan(s, shelf["plans"][said[0]], when=said[1], at=at, by=None)
    elif verb in ("add", "remove"):
        {"add": quantities.add_module, "remove": quantities.remove_module}[verb](s, "analytics", at=at, by=None)
    elif verb == "cancel":
        changing.cancel(s, when=said, at=at, by=None)
    else:
        {"pause": changing.pause, "resume": changing.resume, "keep": changing.keep}[verb](s, at=at, by=None)


def lived(shelf: dict[str, Any], first: str, story: Any, closes: list[datetime]) -> tuple[list[Any], list[Any]]:
    """Live a story with closes at some instants besides those of the verbs; return its charges and refusals. Keep nothing."""
    with transaction.atomic():
        s = shop.subscribe(shelf["tenant"], shelf["plans"][first], START.isoformat(), quantities={"seat": Decimal(3)})
        refused = []
        steps = sorted([*story, *((at, None) for at in closes)], key=lambda step: (step[0], step[1] is not None))
        for at, action in [*steps, (LAST, None)]:
            try:
                if action is None:
                    closing.close([s.pk], at=at)
                else:
                    with transaction.atomic():
                        _do(shelf, s, at, action)
            except DomainError as refusal:
                refused.append((at, action, refusal.code))
        _check(s)
        rows = Charge.objects.filter(subscription=s).exclude(amount_minor=0, undiscounted_minor=0)
        told = rows.values_list(
            "code", "service_start_on", "service_end_on", "quantity", "amount_minor", "undiscounted_minor", "reason"
        )
        found = sorted(told)
        _again(s)
        transaction.set_rollback(True)
    return found, refused


def _check(s: Subscription) -> None:
    """Credits are bounded by what was charged, line by line and in all; periods do not overlap."""
    back = ChargeCredit.objects.filter(credit__subscription=s).values("charge").annotate(sum=Sum("amount_minor"))
    for credited in back:
        assert credited["sum"] <= Charge.objects.get(pk=credited["charge"]).amount_minor
    rows = Charge.objects.filter(subscription=s).exclude(kind__in=["usage", "minimum"])
    for row in rows.values("price").annotate(sum=Sum("amount_minor")):
        assert row["sum"] >= 0
    by_rhythm = defaultdict(list)
    for period in BillingPeriod.objects.filter(subscription=s).order_by("start", "end"):
        by_rhythm[period.interval].append(period)
    for periods in by_rhythm.values():
        assert all(one.end <= other.start for one, other in pairwise(periods))


def _again(s: Subscription) -> None:
    """A close that has been done is done again: nothing comes of it."""
    before = list(Charge.objects.order_by("pk").values()), list(BillingPeriod.objects.order_by("pk").values())
    for _n in range(2):
        Subscription.objects.filter(pk=s.pk).update(next_at=LAST)
        closing.close([s.pk], at=LAST)
    after = list(Charge.objects.order_by("pk").values()), list(BillingPeriod.objects.order_by("pk").values())
    assert after == before


@FEW
@given(
    first=st.sampled_from(sorted(PLANS)),
    story=stories,
    closes=st.lists(st.integers(0, DAYS * 24).map(lambda n: LAST - timedelta(hours=n)), max_size=8),
)
def test_closing_at_many_instants_charges_what_closing_once_charges(
    shelf: dict[str, Any], first: str, story: Any, closes: list[datetime]
) -> None:
    assert lived(shelf, first, story, closes) == lived(shelf, first, story, [])


@settings(FEW, max_examples=3)
@given(first=st.sampled_from(sorted(PLANS)), story=stories)
def test_closing_day_by_day_charges_what_closing_once_charges(shelf: dict[str, Any], first: str, story: Any) -> None:
    days = [shop.at("2026-02-01 00:00") + n * DAY for n in range(DAYS)]
    assert lived(shelf, first, story, days) == lived(shelf, first, story, [])


changed = st.one_of(
    st.tuples(st.just("seats"), st.integers(0, 9)),
    st.tuples(st.just("plan"), st.tuples(st.sampled_from(sorted(PLANS)), st.just("now"))),
)
inside = st.integers(1, 27 * 24 * 60).map(lambda minute: shop.at("2026-01-31 09:00") + minute * timedelta(minutes=1))


@FEW
@given(
    first=st.sampled_from(sorted(PLANS)),
    story=st.lists(st.tuples(inside, changed), min_size=2, max_size=8).map(lambda s: sorted(s, key=lambda one: one[0])),
    end=st.booleans(),
)
def test_credits_never_exceed_what_was_charged_for_the_time(
    shelf: dict[str, Any], first: str, story: Any, end: bool
) -> None:
    cancelled = [(shop.at("2026-02-27 23:00"), ("cancel", "now"))] if end else []
    lived(shelf, first, [*story, *cancelled], [])


@FEW
@given(
    events=st.lists(
        st.tuples(st.integers(0, 58 * 24 * 60), st.integers(1, 900), st.integers(0, 30 * 24 * 60)),
        min_size=1,
        max_size=8,
        unique_by=lambda event: event[0],
    ),
    turn=st.one_of(st.none(), st.integers(1, 58)),
)
def test_the_order_of_arrival_changes_no_charge_before_discount(
    shelf: dict[str, Any], events: list[tuple[int, int, int]], turn: int | None
) -> None:
    """Events that come late, after their period was closed, come to what they had come to on time."""
    assert _arrived(shelf, events, turn, late=True) == _arrived(shelf, events, turn, late=False)


def _arrived(shelf: dict[str, Any], events: list[tuple[int, int, int]], turn: int | None, *, late: bool) -> Any:
    minute, begin = timedelta(minutes=1), shop.at("2026-01-31 10:00")
    told = sorted(
        (begin + (when + (delay if late else 0)) * minute, begin + when * minute, q) for when, q, delay in events
    )
    days = [(shop.at("2026-02-01 00:00") + n * DAY, None, 0) for n in range(6, DAYS + 7, 9)]
    with transaction.atomic():
        s = shop.subscribe(shelf["tenant"], shelf["plans"]["basic"], START.isoformat())
        turns = [(shop.at("2026-01-31 00:00") + turn * DAY + 9 * 60 * minute, None, -1)] if turn else []
        for at, occurred, quantity in sorted([*told, *days, *turns], key=lambda one: one[0]):
            if quantity < 0:
                changing.change_plan(s, shelf["plans"]["team"], when="now", at=at, by=None)
            elif occurred is None:
                closing.close([s.pk], at=at)
            else:
                event = {"key": f"{occurred}", "meter": "messages", "quantity": f"{quantity}"}
                ingest.accept(shelf["tenant"], [event | {"occurred_at": occurred.isoformat()}], at=at)
        rows = Charge.objects.filter(subscription=s).values_list("code", "price", "period__start")
        found = sorted((row for row in rows.annotate(sum=Sum("undiscounted_minor")) if row[-1]), key=str)
        transaction.set_rollback(True)
    return found
