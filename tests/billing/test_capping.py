"""Hard caps at the close (CONTRACTS rule 19): a maximum with a line of its own, whatever arrives late."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing import capping, previewing
from billing.models import Charge, ChargeCredit, Subscription
from billing.relief import Cap, Relief, Spot, spread
from tests import shop
from tests.billing.capped import CALLS, STORAGE, cap, charged, close, quantity, tell, void

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(qingyu):
    who = shop.tenant()
    return shop.subscribe(who, shop.plan(qingyu, [CALLS, STORAGE]), "2026-01-01")


def test_narrow_caps_go_first_and_spread_by_what_is_left():
    spots = [Spot("a", 1, "calls", 7, 100), Spot("b", 2, "calls", 7, 50), Spot("c", 2, "storage", 8, 60)]
    assert spread(spots, [Cap(90, meter_id=7)]) == {"a": Relief(40), "b": Relief(20), "c": Relief()}
    both = spread(spots, [Cap(75), Cap(90, meter_id=7)])
    assert both == {"a": Relief(40, 30), "b": Relief(20, 15), "c": Relief(0, 30)}
    assert spread(spots, [Cap(1000)]) == {"a": Relief(), "b": Relief(), "c": Relief()}


def test_its_line_says_the_cap_and_what_usage_came_to(acme):
    budget = cap(acme.tenant, 40_00, meter="messages")
    shop.use(acme.tenant, "1000", "2026-01-10 12:00")
    close(acme, "2026-02-01 00:00")
    line = Charge.objects.get(reason="cap")
    assert (line.code, line.kind, line.price.code, line.amount_minor, line.undiscounted_minor) == (
        "calls",
        "usage",
        "calls",
        -60_00,
        -60_00,
    )
    assert line.details["cap_minor"] == 40_00
    assert (line.details["usage_minor"], line.details["budget"]) == (100_00, budget.pk)
    assert "¥40.00" in line.details["steps"][0]["zh"]
    (part,) = ChargeCredit.objects.filter(credit=line)
    assert (part.charge.code, part.amount_minor) == ("calls", 60_00)


def test_a_second_close_changes_nothing(acme):
    cap(acme.tenant, 40_00)
    shop.use(acme.tenant, "1000", "2026-01-10 12:00")
    close(acme, "2026-02-01 00:00")
    before = Charge.objects.count()
    close(acme, "2026-02-01 00:00")
    close(acme, "2026-02-01 06:00")
    assert (Charge.objects.count(), charged(acme.tenant)) == (before, 40_00)


def test_recomputing_agrees_on_usage_and_on_the_cap(acme):
    cap(acme.tenant, 40_00)
    shop.use(acme.tenant, "1000", "2026-01-10 12:00")
    shop.use(acme.tenant, "30", "2026-01-10 12:00", meter="storage")
    close(acme, "2026-02-01 00:00")
    tell(acme.tenant, "50", "2026-01-20 12:00", "2026-02-03 12:00")
    close(acme, "2026-03-01 00:00")
    rows = Charge.objects.filter(service_start_on="2026-01-01")
    found = [previewing.recompute(row) for row in rows]
    assert found
    assert all(one.agrees for one in found)
    (worth, said) = capping.again(rows.filter(reason="cap").first())
    assert (worth.amount_minor, said) == (-95_00, -95_00)


def test_the_preview_is_the_bill(acme):
    cap(acme.tenant, 40_00)
    shop.use(acme.tenant, "1000", "2026-01-10 12:00")
    close(acme, "2026-01-01 09:00")
    fresh = Subscription.objects.select_related("version", "seller").get(pk=acme.pk)
    (one,) = previewing.preview([fresh], at=shop.at("2026-01-31 23:00")).values()
    assert (one.so_far_minor, one.expected_minor) == (40_00, 40_00)
    close(acme, "2026-02-01 00:00")
    assert charged(acme.tenant) == 40_00


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["messages", "storage"]),
        st.integers(1, 600),
        # Told in time, after the first close, or after the second; and then perhaps taken back.
        st.sampled_from(["2026-01-20 12:00", "2026-02-02 12:00", "2026-02-03 12:00"]),
        st.sampled_from([None, None, None, "2026-02-02 13:00", "2026-02-03 13:00"]),
    ),
    min_size=1,
    max_size=6,
)
NUMBERS = iter(range(10**6))


@settings(
    max_examples=15, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events=EVENTS, most=st.integers(0, 90_00), meter=st.sampled_from([None, "messages"]), again=st.booleans())
def test_however_usage_arrives_it_never_passes_the_cap_and_k_runs_equal_one(qingyu, plan, events, most, meter, again):
    numbered = list(enumerate(events))
    often, once = (_customer(plan, most, meter) for _each in range(2))
    for s, closes in ((often, ["2026-02-01 00:00", "2026-02-02 18:00", "2026-02-03 18:00"]), (once, [])):
        _play(s, numbered if s is often else numbered[::-1], closes, most, meter, again)
        close(s, "2026-03-01 00:00")
    sums = [
        {row: charged(s.tenant, code=row) for row in ("calls", "storage", "cap")} | {"q": quantity(s.tenant)}
        for s in (often, once)
    ]
    assert sums[0] == sums[1]
    bounded = charged(often.tenant, code="calls") if meter else charged(often.tenant)
    usage = sum(
        row.undiscounted_minor
        for row in Charge.objects.filter(tenant=often.tenant, service_start_on="2026-01-01", kind="usage").exclude(
            reason="cap"
        )
        if meter is None or row.code == "calls"
    )
    assert bounded == min(most, usage)


@pytest.fixture
def plan(qingyu):
    return shop.plan(qingyu, [CALLS, STORAGE])


def _customer(plan, most, meter):
    who = shop.tenant(f"c{next(NUMBERS)}")
    s = shop.subscribe(who, plan, "2026-01-01")
    close(s, "2026-01-01 09:00")
    cap(who, most, **({"meter": meter} if meter else {}))
    return s


def _play(s, events, closes, most, meter, again):
    told = [(when, "use", n, one) for n, one in events for when in [one[2]]]
    told += [(one[3], "void", n, one) for n, one in events if one[3] and one[3] > one[2]]
    for at in (*closes, "2026-02-28 00:00"):
        for when, what, n, (metered, amount, first, _void) in sorted(told, key=lambda x: (x[0], x[1])):
            if when < at:
                occurred = "2026-01-20 11:00"
                key = f"e{n}-{metered}-{amount}-{first}"
                if what == "use":
                    tell(s.tenant, str(amount), occurred, when, key=key, meter=metered)
                else:
                    void(s.tenant, key, when)
        told = [one for one in told if one[0] >= at]
        if at in closes:
            for _time in range(2 if again else 1):
                _close_for_late(s, at)
            assert (charged(s.tenant, code="calls") if meter else charged(s.tenant)) <= most


def _close_for_late(s, at):
    """Close at any instant: late usage is measured whenever somebody closes who is due; here everybody always is."""
    type(s).objects.filter(pk=s.pk).update(next_at=shop.at(at))
    close(s, at)


def test_amounts_are_whole_minor_units(acme):
    cap(acme.tenant, 33_33)
    shop.use(acme.tenant, "1000", "2026-01-10 12:00")
    shop.use(acme.tenant, "77", "2026-01-10 12:00", meter="storage")
    close(acme, "2026-02-01 00:00")
    assert charged(acme.tenant) == 33_33
    assert quantity(acme.tenant) == Decimal(1077)
