"""Warnings before a pack lapses: once each, the last one that is due, only where something is left."""

import json
from decimal import Decimal

import pytest

from billing import lapsing, packs
from tenants import letters
from tenants.models import Notice
from tests import shop
from usage.models import Meter

pytestmark = pytest.mark.django_db
PRICE = {"code": "messages", "kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "0.05"}


@pytest.fixture
def acme(qingyu):
    return shop.subscribe(shop.tenant(), shop.plan(qingyu, [PRICE]), "2026-01-01")


def give(tenant, expires: str, quantity: str = "500", when: str = "2026-01-01 00:00"):
    meter, at = Meter.objects.get(code="messages"), shop.at(when)
    return packs.grant(tenant, meter, Decimal(quantity), shop.at(expires), reason="开户赠送", at=at, by=None)


def warned(when: str) -> list[str]:
    lapsing.warn(at=shop.at(when))
    return list(Notice.objects.order_by("pk").values_list("key", flat=True))


def test_it_warns_thirty_seven_and_one_days_before_once_each(acme):
    pk = give(acme.tenant, "2026-04-01 00:00").pk
    assert warned("2026-03-01 23:59") == []
    assert warned("2026-03-02 00:00") == [f"pack-lapsing:{pk}:30"]
    assert warned("2026-03-24 23:59") == [f"pack-lapsing:{pk}:30"]
    assert warned("2026-03-25 00:00") == warned("2026-03-25 12:00") == [f"pack-lapsing:{pk}:{n}" for n in (30, 7)]
    assert warned("2026-03-31 00:00") == [f"pack-lapsing:{pk}:{n}" for n in (30, 7, 1)]
    assert warned("2026-04-01 00:00") == [f"pack-lapsing:{pk}:{n}" for n in (30, 7, 1)]


def test_it_sends_only_the_last_warning_that_is_due(acme):
    pk = give(acme.tenant, "2026-04-01 00:00").pk
    assert warned("2026-03-31 12:00") == [f"pack-lapsing:{pk}:1"]


def test_it_does_not_warn_of_a_short_pack_on_its_first_day(acme):
    pk = give(acme.tenant, "2026-01-06 00:00").pk
    assert warned("2026-01-01 12:00") == []
    assert warned("2026-01-05 00:00") == [f"pack-lapsing:{pk}:1"]


def test_it_is_silent_where_nothing_is_left(acme):
    give(acme.tenant, "2026-01-20 00:00", quantity="100")
    shop.bill("2026-01-01 00:00")
    shop.use(acme.tenant, "100", "2026-01-02 12:00")
    # The running period has used it up, although nothing is written down before its close.
    assert warned("2026-01-13 12:00") == []


def test_it_says_how_much_until_when(acme):
    give(acme.tenant, "2026-04-01 00:00")
    shop.bill("2026-03-01 00:00")
    shop.use(acme.tenant, "120", "2026-03-02 12:00")
    lapsing.warn(at=shop.at("2026-03-25 12:00"))
    notice = Notice.objects.get()
    assert json.loads(json.dumps(notice.payload)) == notice.payload
    assert (notice.payload["left"], notice.payload["quantity"], notice.payload["last_day"]) == (
        "380",
        "500",
        "2026-03-31",
    )
    letter = letters.compose(notice.kind, notice.payload, "zh-hans", notice.seller)
    assert letter.subject == "资源包「消息」还剩 380\u00a0条，可用到3月31日（周二）（苏州acme家居有限公司）"


def test_it_follows_the_days_that_are_set(acme, settings):
    settings.PACK_WARNING_DAYS = []
    give(acme.tenant, "2026-04-01 00:00")
    assert warned("2026-03-31 12:00") == []


def test_it_counts_the_running_period_of_a_pack_that_has_lapsed_in_it(acme):
    give(acme.tenant, "2026-01-10 00:00")
    shop.bill("2026-01-01 00:00")
    shop.use(acme.tenant, "120", "2026-01-02 12:00")
    (one,) = lapsing.standing(acme.tenant, at=shop.at("2026-01-20 12:00"))
    assert (one.running, one.left) == (120, 380)
