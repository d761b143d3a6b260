"""Two closes at once share a pack: together they use what it holds, never more."""

import pytest

from billing import closing
from billing.models import Charge, PackUse
from tests import shop
from tests.billing.test_covering import BASE, MESSAGES, give
from tests.usage.test_at_once import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.connections]
PRICE = MESSAGES | {"included": "0"}


def test_two_closes_at_once_use_a_pack_once(qingyu):
    who = shop.tenant()
    plans = [shop.plan(qingyu, [BASE, PRICE], code=code) for code in ("one", "two", "three")]
    contracts = [shop.subscribe(who, plan, "2026-01-01") for plan in plans]
    for one in contracts:
        closing.close([one.pk], at=shop.at("2026-01-01 00:00"))
    give(who, "200", "2026-06-01 00:00")
    shop.use(who, "90", "2026-01-10 12:00")
    day = shop.at("2026-02-01 00:00")
    at_once(*(lambda pk=one.pk: closing.close([pk], at=day) for one in contracts))
    # Each of the three prices measures all 90 messages; 270 − 200 = 70 are paid for, whoever came first.
    assert sum(use.quantity for use in PackUse.objects.all()) == 200
    assert sum(row.quantity for row in Charge.objects.filter(code="messages")) == 70
