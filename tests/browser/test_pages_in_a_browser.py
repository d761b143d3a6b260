"""The customer's pages in Chromium: reachable for everybody, quiet, and alone with their own server."""

from pathlib import Path

import pytest

from tests import portal

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
AXE = (Path(__file__).parent / "axe.min.js").read_text()
LOOKS = [
    ("zh-hans", "light", {"width": 1280, "height": 900}),
    ("en", "dark", {"width": 390, "height": 844}),
]
SERIOUS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .filter(v => ["serious", "critical"].includes(v.impact))
  .map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.target + " " + n.failureSummary).join(" | "))"""


@pytest.mark.parametrize(("language", "scheme", "size"), LOOKS, ids=["desk", "phone"])
def test_every_page_is_reachable_quiet_and_stays_home(window, told, language, scheme, size):
    """No serious finding of axe, no sideways scrolling, no error of a script or of the policy, no other host."""
    seen = window(viewport=size, color_scheme=scheme)
    seen.speak(language)
    seen.log_in()
    found = []
    for address in portal.addresses(told):
        seen.page.goto(address)
        # The policy forbids inline scripts; the debugger's own evaluation is not bound by it.
        seen.page.evaluate(AXE)
        found += [f"{address} {text}" for text in seen.page.evaluate(SERIOUS)]
        if seen.page.evaluate("document.documentElement.scrollWidth") > size["width"]:
            found.append(f"{address} scrolls sideways")
    assert found == []
    assert seen.faults == []


def test_the_log_in_page_is_reachable(window):
    seen = window()
    seen.page.goto("/account/login/")
    seen.page.evaluate(AXE)
    assert seen.page.evaluate(SERIOUS) == []
    assert seen.faults == []


def test_a_click_stops_renewal_and_another_restores_it(window, told):
    seen = window()
    seen.speak("en")
    seen.log_in()
    seen.page.get_by_role("switch").click()
    seen.page.get_by_text("Automatic renewal is stopped.").wait_for()
    told.subscription.refresh_from_db()
    assert not told.subscription.auto_renew
    seen.page.get_by_role("button", name="Restore").click()
    seen.page.get_by_text("Automatic renewal is on again, as before.").wait_for()
    told.subscription.refresh_from_db()
    assert told.subscription.auto_renew
    assert seen.faults == []


def test_a_line_unfolds_draws_its_days_and_is_computed_again(window, told):
    seen = window()
    seen.speak("en")
    seen.log_in()
    seen.page.goto(f"/c/acme/bills/{told.bills[1].pk}/")
    seen.page.locator(".how summary", has_text="Messages").first.click()
    seen.page.locator(".chart svg").wait_for()
    assert not seen.page.locator("details.daily").first.get_attribute("open")
    seen.page.locator(".how [open]").get_by_role("button", name="Compute again").click()
    seen.page.get_by_text("from 3 records: ¥10.00, the same as charged.").wait_for()
    assert seen.page.url.endswith(f"/bills/{told.bills[1].pk}/")
    assert seen.faults == []


def test_it_works_without_javascript(window, told):
    seen = window(java_script_enabled=False)
    seen.speak("en")
    seen.log_in()
    seen.page.goto("/c/acme/usage/?meter=messages&from=2026-09-01")
    assert seen.page.get_by_role("cell", name="700 messages").first.is_visible()
    seen.page.goto(f"/c/acme/bills/{told.bills[1].pk}/")
    seen.page.locator(".how summary", has_text="Messages").first.click()
    seen.page.locator(".how [open]").get_by_role("button", name="Compute again").click()
    seen.page.get_by_text("the same as charged").wait_for()
    seen.page.goto("/c/acme/subscription/")
    seen.page.get_by_role("switch").click()
    seen.page.get_by_text("Automatic renewal is stopped.").wait_for()


def test_language_and_darkness_are_chosen_and_kept(window):
    seen = window(color_scheme="light")
    seen.speak("zh-hans")
    seen.log_in()
    seen.page.get_by_role("button", name="English").first.click()
    seen.page.get_by_role("heading", name="Overview").wait_for()
    assert seen.page.locator("html").get_attribute("lang") == "en"
    seen.page.locator(".reach summary").click()
    seen.page.get_by_role("button", name="Dark").click()
    seen.page.goto("/c/acme/bills/")
    assert seen.page.locator("html").get_attribute("data-bs-theme") == "dark"
    ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(18, 24, 31)"


def test_a_filter_is_sent_as_soon_as_it_is_chosen(window):
    seen = window()
    seen.speak("en")
    seen.log_in()
    seen.page.goto("/c/acme/bills/")
    seen.page.select_option("select[name=state]", "paid")
    seen.page.wait_for_url("**state=paid**")
    seen.page.get_by_text("1 bill, ¥2,643.00 in all").wait_for()


def test_it_is_used_by_the_keyboard_alone(window):
    seen = window()
    seen.speak("en")
    seen.log_in()
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "To the content"
    seen.page.locator(".reach summary").focus()
    seen.page.keyboard.press("Enter")
    seen.page.get_by_role("button", name="Dark").wait_for()
    seen.page.keyboard.press("Escape")
    seen.page.get_by_role("button", name="Dark").wait_for(state="hidden")
    assert seen.page.evaluate("document.activeElement.tagName") == "SUMMARY"
