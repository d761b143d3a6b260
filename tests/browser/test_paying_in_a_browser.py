"""Paying in Chromium, with the payment sandbox: a bill turns to paid by itself, and every page about money is reachable."""

import os

import pytest

from tests.browser import paying
from tests.browser.conftest import Watched
from tests.browser.test_pages_in_a_browser import AXE, LOOKS, SERIOUS
from tests.sandbox import sandbox, sandbox_keys

__all__ = ["sandbox", "sandbox_keys"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def home(live_server) -> str:
    return live_server.url.replace("localhost", "127.0.0.1")


@pytest.fixture
def selling(told, sandbox, settings, home):
    paying.accounts_of(told, sandbox, settings, home)
    return told


@pytest.mark.parametrize(("language", "scheme", "size"), LOOKS, ids=["desk", "phone"])
def test_every_page_about_money_is_reachable_and_fits(window, selling, sandbox, language, scheme, size):
    pages = paying.addresses(selling, sandbox)
    seen = window(viewport=size, color_scheme=scheme)
    seen.speak(language)
    seen.log_in()
    found = []
    for name, address in pages.items():
        answer = seen.page.goto(address)
        assert answer.status == 200, name
        if "SHOTS" in os.environ:
            seen.page.screenshot(path=f"{os.environ['SHOTS']}/{name}-{size['width']}.png", full_page=True)
        seen.page.evaluate(AXE)
        found += [f"{name} {text}" for text in seen.page.evaluate(SERIOUS)]
        if seen.page.evaluate("document.documentElement.scrollWidth") > size["width"]:
            found.append(f"{name} scrolls sideways")
    assert found == []
    assert seen.faults == []


@pytest.mark.parametrize("way", ["WeChat Pay", "Alipay", "Alipay's page"])
def test_a_bill_is_paid_by_its_code_and_turns_to_paid_by_itself(chromium, window, selling, sandbox, way):
    bill = selling.bills[1]
    seen = window()
    seen.speak("en")
    seen.log_in()
    seen.page.get_by_label("Next deduction").get_by_role("link", name="Pay").click()
    button = f"on {way}" if "page" in way else f"with {way}"
    seen.page.get_by_role("button", name=f"Pay ¥2,653.00 {button}").click()
    seen.page.wait_for_url("**/payments/*/")
    seen.page.get_by_text("Not paid yet.").wait_for()
    link = "Go to Alipay" if "page" in way else "Open it on this device"
    provider = Watched(chromium, sandbox.base)
    provider.page.goto(seen.page.get_by_role("link", name=link).get_attribute("href"))
    provider.page.locator("button").first.click()
    provider.page.wait_for_load_state()
    provider.context.close()
    assert sandbox.deliver() == 1
    seen.page.get_by_text("Paid. We have it in writing").wait_for()
    seen.page.get_by_role("img", name="Code to scan").wait_for(state="hidden")
    bill.refresh_from_db()
    assert (bill.status, bill.due_minor) == ("paid", 0)
    assert seen.faults == []


def test_an_agreement_is_read_ticked_and_signed(chromium, window, selling, sandbox):
    seen = window()
    seen.speak("en")
    seen.log_in()
    seen.page.goto("/c/acme/controls/agreements/")
    seen.page.get_by_label("WeChat Pay").check()
    seen.page.fill("#single", "500")
    seen.page.fill("#per_month", "2000")
    seen.page.get_by_role("button", name="Read what you agree to").click()
    seen.page.get_by_role("checkbox").check()
    seen.page.locator("main form button[type=submit]").last.click()
    seen.page.wait_for_url("**/agreements/*/")
    provider = Watched(chromium, sandbox.base)
    provider.page.goto(seen.page.get_by_role("link", name="Sign at WeChat Pay").get_attribute("href"))
    provider.page.locator("button").first.click()
    provider.page.wait_for_load_state()
    provider.context.close()
    sandbox.deliver()
    seen.page.get_by_text("In force. Nothing is deducted").wait_for()
    assert selling.acme.mandates.get().status == "active"
    assert seen.faults == []
