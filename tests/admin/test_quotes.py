"""Operators write, preview, send, revise and withdraw quotes; what is wrong stands at its field."""

from datetime import date
from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse

from invoices.models import Quote
from tests import shop
from tests.admin.conftest import NOW

ENGLISH = {"accept-language": "en"}
LIST = "/admin/invoices/quote/"


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def fresh(world):
    return shop.tenant("fresh")


def said(answer) -> str:
    return answer.content.decode()


def form(world, **changes: str) -> dict[str, str]:
    base = world.version.prices.get(code="base")
    own = {f"own-{base.pk}-use": "on", f"own-{base.pk}-model": "flat", f"own-{base.pk}-amount": "150"}
    written = {"start_on": "2026-04-01", "end_on": "2027-04-01", "valid_until": "2026-03-31", "pays": "manual"}
    more = {"count-seat": "5", "expected.messages": "3000", "minimum": "500", "ramp_percent": "50", "ramp_months": "3"}
    return own | written | more | changes


def new(desk, world, fresh, **changes: str):
    page = f"{reverse('admin:invoices_quote_new')}?tenant={fresh.pk}&version={world.version.pk}"
    return desk.post(page, form(world, **changes), headers=ENGLISH)


def to(act: str, quote: Quote) -> str:
    return reverse(f"admin:invoices_quote_{act}", kwargs={"object_id": quote.pk})


def drafted(desk, world, fresh) -> Quote:
    assert new(desk, world, fresh).status_code == 302
    return Quote.objects.get(tenant=fresh)


def test_it_asks_for_whom_and_which_plan_first(desk, world, fresh):
    page = reverse("admin:invoices_quote_new")
    assert desk.post(page, {"tenant": "fresh"})["Location"].endswith(f"?tenant={fresh.pk}")
    answer = desk.post(f"{page}?tenant={fresh.pk}", {"version": world.version.pk})
    assert answer["Location"].endswith(f"?tenant={fresh.pk}&version={world.version.pk}")


def test_it_writes_a_draft(desk, world, fresh):
    quote = drafted(desk, world, fresh)
    assert quote.prices == {"base": {"model": "flat", "amount": "150"}}
    assert (quote.quantities, quote.expected) == ({"seat": "5"}, {"messages": "3000"})
    assert (quote.minimum_minor, quote.ramp_percent, quote.ramp_months) == (50000, Decimal("0.5"), 3)
    assert (quote.status, quote.end_on) == ("draft", date(2027, 4, 1))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"valid_until": "2026-03-01"}, "Choose a day from today on"),
        ({"end_on": "2026-03-01"}, "The end must be after the start."),
        ({"expected.messages": "many"}, "This is no number."),
        ({"ramp_months": ""}, "Say both: how much is off"),
        ({"coupons": "NOBODY"}, "There is no coupon “NOBODY”."),
        ({"renews": "on"}, "A contract that renews has no fixed end"),
    ],
)
def test_it_shows_what_is_wrong(desk, world, fresh, changes, words):
    assert words in said(new(desk, world, fresh, **changes))
    assert not Quote.objects.filter(tenant=fresh).exists()


def test_it_previews_the_whole_cost_and_the_paper(desk, world, fresh):
    quote = drafted(desk, world, fresh)
    # a month: 150 + 5 × 20 = 250, topped up to 500 with usage of 100; three months are half of 250
    page = said(desk.get(to("preview", quote), headers=ENGLISH))
    assert "Estimated total with tax" in page
    assert "2026-04" in page
    assert "A draft: not sent, binds nobody" in said(desk.get(to("paper", quote), headers=ENGLISH))


def test_it_sends_revises_and_withdraws(desk, world, fresh):
    quote = drafted(desk, world, fresh)
    desk.post(to("send", quote))
    quote.refresh_from_db()
    assert (quote.status, quote.number) == ("sent", "QINGYUQ-2026-000001")
    shown = said(desk.get(to("revise", quote), headers=ENGLISH))
    assert "supersedes it" in shown
    assert 'value="3000"' in shown
    desk.post(to("revise", quote), form(world, minimum=""))
    revision = Quote.objects.get(supersedes=quote)
    desk.post(to("send", revision))
    quote.refresh_from_db()
    assert quote.status == "withdrawn"
    desk.post(to("withdraw", revision), {"reason": "typo"})
    revision.refresh_from_db()
    assert (str(revision), revision.status, revision.reason) == ("QINGYUQ-2026-000001/2", "withdrawn", "typo")


@pytest.mark.parametrize(("until", "listed"), [("2026-03-09", True), ("2026-03-10", False)])
def test_it_lists_what_lapses_within_a_week(desk, world, fresh, until, listed):
    new(desk, world, fresh, valid_until=until)
    quote = Quote.objects.get(tenant=fresh)
    desk.post(to("send", quote))
    assert (f"{LIST}{quote.pk}/change/" in said(desk.get(f"{LIST}?soon=yes"))) is listed
