"""Two members confirm at the same moment: one change is made, and the other is told and asked again."""

from decimal import Decimal

import pytest

from billing import defining
from billing.models import Change
from invoices import confirming, wishes
from invoices.confirming import StalePreview
from invoices.models import Invoice
from tests import shop
from tests.billing.changes import SEAT, base, plan
from tests.usage.test_at_once import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.connections]
NOON = shop.at("2026-01-16 12:00")


@pytest.fixture
def acme():
    sold_by = shop.seller()
    defining.define_meters(sold_by, [shop.MESSAGES], at=shop.OPENED)
    made = shop.subscribe(
        shop.tenant(), plan(sold_by, "small", base("310.00"), SEAT), "2026-01-01", quantities={"seat": Decimal(3)}
    )
    shop.bill("2026-01-01 10:00")
    return made


def confirm(acme, quantity, held):
    wish = wishes.read({"do": "set_quantity", "price": "seat", "quantity": quantity})
    try:
        return confirming.confirm(acme, wish, held, at=NOON, by=None).change.pk
    except StalePreview as refusal:
        return refusal.code


def look(acme, quantity):
    wish = wishes.read({"do": "set_quantity", "price": "seat", "quantity": quantity})
    return confirming.look(acme, wish, at=NOON, by=None).held


def test_of_two_members_one_wins_and_the_other_is_told(acme):
    five, seven = look(acme, "5"), look(acme, "7")
    done = at_once(lambda: confirm(acme, "5", five), lambda: confirm(acme, "7", seven))
    assert sorted(isinstance(one, int) for one in done) == [False, True]
    assert "stale_preview" in done
    assert Change.objects.count() == Invoice.objects.filter(origin__startswith="change:").count() == 1


def test_one_confirmation_sent_four_times_at_once_is_done_once(acme):
    five = look(acme, "5")
    done = at_once(*[lambda: confirm(acme, "5", five)] * 4)
    assert len(set(done)) == 1
    assert Change.objects.count() == Invoice.objects.filter(origin__startswith="change:").count() == 1
