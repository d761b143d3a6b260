"""New prices that the seller announced, on the customer's page: told with the way to leave, and not to be taken back."""

from datetime import date

import pytest
import time_machine

from billing import catalogue, migrating
from billing.models import Change
from tests import portal
from tests.invoices.test_pages_access import logged_in
from tests.invoices.test_pages_changing import text

pytestmark = pytest.mark.django_db
PAGE = "/c/acme/subscription/"


@pytest.fixture
def told():
    with time_machine.travel(portal.NOON, tick=False):
        story = portal.story()
        plan = story.subscription.plan
        draft = catalogue.draft(plan, at=portal.NOON, by=None)
        base = draft.prices.filter(kind="base").get()
        base.params = base.params | {"amount": "1499.00"}
        base.save()
        new = catalogue.publish(draft, at=portal.NOON, by=None)
        migrating.announce(new, on=date(2027, 3, 1), reason="Costs rose", at=portal.NOON, by=None)
        yield story


def test_it_tells_the_new_prices_and_how_to_leave(told):
    change = Change.objects.get(subscription=told.subscription)
    move = migrating.outlook(change, at=portal.NOON)
    assert move.difference_minor > 0
    page = logged_in(told.alice).get(PAGE, headers={"accept-language": "en"})
    shown = text(page)
    for words in ("New prices from", "Costs rose", "Do not go on: cancel"):
        assert words in shown
    assert f"{move.before_minor / 100:,.2f} → ¥{move.after_minor / 100:,.2f}" in shown
    assert "do=cancel" in page.content.decode()
    assert "Take it back" not in shown
    assert "has new prices" in text(logged_in(told.alice).get(PAGE + "history/", headers={"accept-language": "en"}))


def test_who_cancels_is_told_that_they_do_not_reach_him(told):
    alice = logged_in(told.alice)
    subscription = told.subscription
    subscription.refresh_from_db()
    subscription.cancelled_at = portal.NOON
    subscription.save(update_fields=["cancelled_at"])
    shown = text(alice.get(PAGE, headers={"accept-language": "en"}))
    assert "the new prices do not reach you" in shown
    assert "Do not go on: cancel" not in shown
