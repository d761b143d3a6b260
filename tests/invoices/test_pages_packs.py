"""The page of resource packs, the line beside the usage, and the bill that says what they covered."""

from decimal import Decimal

import pytest
import time_machine

from billing import packs
from tests import portal, shop
from tests.invoices.test_pages_access import logged_in
from usage.models import Meter

pytestmark = pytest.mark.django_db
SPACE = "\u00a0"


@pytest.fixture
def told(story):
    with time_machine.travel(portal.NOON, tick=False):
        yield story


def give(tenant, quantity: str, expires: str, when: str, reason: str):
    meter, at = Meter.objects.get(code="messages"), shop.at(when)
    return packs.grant(tenant, meter, Decimal(quantity), shop.at(expires), reason=reason, at=at, by=None)


@pytest.fixture
def packed(told):
    """1,300 are used in October by noon of the 20th: 300 above the allowance."""
    give(told.acme, "500", "2027-01-01 00:00", "2026-10-01 00:00", "开户赠送")
    give(told.acme, "100", "2026-10-09 00:00", "2026-10-01 00:00", "试用")
    give(told.beta, "7777", "2027-01-01 00:00", "2026-10-01 00:00", "beta only")
    shop.use(told.acme, "680", "2026-10-12 10:00")
    return told


def test_it_shows_what_is_left_until_when_and_why(packed):
    page = logged_in(packed.alice).get("/c/acme/subscription/packs/").content.decode()
    for text in (
        f"200{SPACE}messages",
        f"500{SPACE}messages",
        "Thu 31 Dec 2026",
        "开户赠送",
        "the running period, so far",
    ):
        assert text in page, text
    assert "7,777" not in page
    # The second one lapsed with the 8th of October; nothing exceeded the allowance before that.
    over = page.split("Used up or lapsed")[1]
    assert "试用" in over
    assert "Lapsed" in over


def test_it_shows_which_period_used_it_when_it_is_closed(packed):
    with time_machine.travel(shop.at("2026-11-01 09:00"), tick=False):
        shop.bill("2026-11-01 00:00")
        page = logged_in(packed.alice).get("/c/acme/subscription/packs/").content.decode()
    assert "1 Oct \u2013 31 Oct 2026" in page
    assert "the running period" not in page


def test_the_usage_page_says_what_packs_cover(packed):
    said = f"300{SPACE}messages covered in this period, 200{SPACE}messages left"
    assert said in logged_in(packed.alice).get("/c/acme/usage/?meter=messages").content.decode()
    september = logged_in(packed.alice).get("/c/acme/usage/?meter=messages&from=2026-09-01").content.decode()
    assert f">200{SPACE}messages left<" in september


def test_it_says_nothing_of_packs_where_there_are_none(told):
    assert (
        "resource pack"
        not in logged_in(told.alice).get("/c/acme/usage/?meter=messages").content.decode().lower().split("</nav>")[-1]
    )
    assert "No resource pack" in logged_in(told.alice).get("/c/acme/subscription/packs/").content.decode()


def test_the_bill_explains_what_packs_covered(packed):
    with time_machine.travel(shop.at("2026-11-01 09:00"), tick=False):
        shop.use(packed.acme, "300", "2026-10-25 10:00")
        shop.bill("2026-11-01 00:00")
        bill = shop.bills(packed.acme)[-1]
        page = logged_in(packed.alice).get(f"/c/acme/bills/{bill.pk}/").content.decode()
        again = logged_in(packed.alice).post(f"/c/acme/bills/{bill.pk}/lines/{line(bill).pk}/again/").content.decode()
    # 1,600 − 1,000 − 500 = 100 × 0.05
    assert line(bill).amount_minor == 5_00
    for text in ("Covered by resource packs", f"500{SPACE}messages", "¥0.05", "¥5.00"):
        assert text in page, text
    assert "¥5.00" in again


def line(bill):
    return bill.lines.get(code="messages")
