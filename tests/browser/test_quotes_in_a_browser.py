"""A quote in Chromium: read on a desk and on a phone, accepted with a tick of one's own, quiet and alone with its server."""

from datetime import date
from decimal import Decimal

import pytest

from invoices import quoting
from tests import portal
from tests.browser.test_pages_in_a_browser import AXE, LOOKS, SERIOUS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CAPPED = {"messages": {"model": "per_unit", "included": "1000", "unit_amount": "0.05", "maximum": "200.00"}}


@pytest.fixture
def quote(told):
    terms = quoting.Terms(
        version=told.subscription.version,
        start_on=date(2026, 11, 1),
        end_on=date(2027, 11, 1),
        valid_until=date(2026, 10, 30),
        label="上海分公司",
        quantities={"seat": Decimal(10)},
        modules=("analytics",),
        prices={"seat": {"model": "per_unit", "unit_amount": "48.00"}} | CAPPED,
        ramp_percent=Decimal("0.5"),
        ramp_months=3,
        expected={"messages": Decimal(3000)},
        clauses="上线前免费迁移数据。",
        clauses_en="Data is migrated free of charge before the start.",
    )
    drafted = quoting.draft(told.acme, terms, at=portal.NOON, by=None)
    return quoting.send(drafted, at=portal.NOON, by=None)


@pytest.mark.parametrize(("language", "scheme", "size"), LOOKS, ids=["desk", "phone"])
def test_a_quote_is_reachable_quiet_and_stays_home(window, told, quote, language, scheme, size):
    seen = window(viewport=size, color_scheme=scheme)
    seen.speak(language)
    seen.log_in()
    seen.page.goto(f"/c/acme/quotes/{quote.pk}/")
    for unfold in seen.page.locator(".plan details > summary").all():
        unfold.click()
    seen.page.evaluate(AXE)
    assert seen.page.evaluate(SERIOUS) == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert seen.faults == []


def test_a_member_ticks_and_accepts(window, told, quote):
    seen = window()
    seen.speak("en")
    seen.log_in()
    seen.page.goto(f"/c/acme/quotes/{quote.pk}/")
    box = seen.page.get_by_role("checkbox")
    assert not box.is_checked()
    # Unticked, the browser itself does not send the form.
    seen.page.get_by_role("button", name="Accept, first bill").click()
    quote.refresh_from_db()
    assert quote.status == "sent"
    box.check()
    seen.page.get_by_role("button", name="Accept, first bill").click()
    seen.page.get_by_text("Accepted. The contract has begun").wait_for()
    quote.refresh_from_db()
    assert (quote.status, quote.answered_by) == ("accepted", told.alice)
