"""Told at 50, 80 and 100 % of allowances and budgets, once for each level and period, and when a budget will not last."""

import pytest

from billing import watching
from tenants.models import Notice
from tests import shop
from tests.billing.capped import cap, close
from tests.billing.test_entitlements import PRICES

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(qingyu):
    s = shop.subscribe(shop.tenant(), shop.plan(qingyu, PRICES), "2026-01-01")
    close(s, "2026-01-01 09:00")
    return s.tenant


def told(when: str) -> list[tuple[str, object]]:
    before = set(Notice.objects.values_list("pk", flat=True))
    watching.tell(at=shop.at(when))
    fresh = Notice.objects.exclude(pk__in=before).order_by("kind", "pk")
    return [(one.kind, one.payload.get("level")) for one in fresh]


def test_each_level_of_an_allowance_is_told_once(acme):
    shop.use(acme, "400", "2026-01-02 12:00")
    assert told("2026-01-02 12:10") == []
    shop.use(acme, "100", "2026-01-03 12:00")
    assert told("2026-01-03 12:10") == [("allowance_used", 50)]
    assert told("2026-01-03 12:20") == []
    # 80 and 100 at once: the higher one alone, and 80 never after it.
    shop.use(acme, "600", "2026-01-04 12:00")
    assert told("2026-01-04 12:10") == [("allowance_used", 100)]
    assert told("2026-01-05 12:10") == []


def test_a_budget_tells_its_levels_its_forecast_and_its_end(acme):
    cap(acme, 100_00)
    shop.use(acme, "1500", "2026-01-10 12:00")
    # 50.00 of 100.00 after nine and a half days: 1,500 × 31 ÷ 9.5 is far above.
    assert ("budget_used", 50) in told("2026-01-10 12:10")
    assert Notice.objects.get(kind="budget_forecast").payload["cap_minor"] == 100_00
    shop.use(acme, "500", "2026-01-11 12:00")
    assert told("2026-01-11 12:10") == [("cap_reached", None)]
    assert told("2026-01-11 12:20") == []


def test_a_budget_that_only_warns_is_told_at_a_hundred(acme):
    cap(acme, 10_00, hard=False)
    shop.use(acme, "1100", "2026-01-10 12:00")
    assert ("budget_used", 100) in told("2026-01-10 12:10")
    assert not Notice.objects.filter(kind="cap_reached").exists()
