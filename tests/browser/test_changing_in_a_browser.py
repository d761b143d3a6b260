"""Changing a contract in Chromium: every step reachable, quiet, narrow enough for a phone, and done by clicks alone."""

import os

import pytest

from tests.browser import changing
from tests.browser.test_pages_in_a_browser import AXE, LOOKS, SERIOUS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("language", "scheme", "size"), LOOKS, ids=["desk", "phone"])
def test_every_step_of_a_change_is_reachable_and_fits(window, told, language, scheme, size):
    changing.offers(told)
    seen = window(viewport=size, color_scheme=scheme)
    seen.speak(language)
    seen.log_in()
    found = []
    for name, address in changing.addresses(told).items():
        seen.page.goto(address)
        assert seen.page.url.endswith(address), name
        if "SHOTS" in os.environ:
            seen.page.screenshot(path=f"{os.environ['SHOTS']}/{name}-{size['width']}.png", full_page=True)
        seen.page.evaluate(AXE)
        found += [f"{name} {text}" for text in seen.page.evaluate(SERIOUS)]
        if seen.page.evaluate("document.documentElement.scrollWidth") > size["width"]:
            found.append(f"{name} scrolls sideways")
    assert found == []
    assert seen.faults == []
