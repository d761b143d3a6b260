"""A quote on its page: the whole text in sight, nothing ticked beforehand, accepted once by who may, refused with a reason."""

import re

import pytest
import time_machine
from django.test import Client

from billing.models import Subscription
from invoices.models import Quote
from tenants.models import Member, Tenant, User
from tests import portal, shop
from tests.invoices import quotes_samples as samples
from tests.invoices.test_pages_access import logged_in

pytestmark = [pytest.mark.django_db]
ACME = "/c/acme/quotes/"


@pytest.fixture
def quote(qingyu):
    with time_machine.travel(samples.NOW, tick=False):
        yield samples.sent(shop.tenant(), samples.version(qingyu))


@pytest.fixture
def alice(quote) -> Client:
    return logged_in(samples.buyer(quote.tenant))


def fields(page: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(seen|shown)" value="([^"]+)"', page))


def read(client: Client, quote: Quote) -> str:
    return client.get(f"{ACME}{quote.pk}/").content.decode()


def accept(client: Client, quote: Quote, **changes: str):
    said = fields(read(client, quote)) | {"confirmed": "yes"} | changes
    return client.post(f"{ACME}{quote.pk}/accept/", said, follow=True).content.decode()


def test_it_lists_quotes_with_their_whole_cost(alice, quote):
    page = alice.get(ACME).content.decode()
    for text in (str(quote), "¥32,800.00", "Waits for your answer", f"{ACME}{quote.pk}/"):
        assert text in page


def test_it_shows_price_text_and_cost_in_full_and_ticks_nothing(alice, quote):
    page = read(alice, quote)
    for text in ("¥32,800.00", "¥50.00 / seat", "at most ¥200.00", "Migration of data is included.", quote.sha256):
        assert text in page
    assert 'name="confirmed"' in page
    assert not re.search(r"\bchecked\b", page)
    assert "Accept, first bill ¥6,300.00" in page


def test_it_begins_the_contract_when_it_is_accepted(alice, quote):
    assert "Accepted. The contract has begun" in accept(alice, quote)
    quote.refresh_from_db()
    begun = Subscription.objects.get(tenant=quote.tenant)
    assert (quote.status, quote.subscription, begun.start_on) == ("accepted", begun, quote.start_on)
    assert begun.acceptance.text_sha256 == quote.sha256
    assert quote.answered_from == "127.0.0.1"
    assert "at most ¥200.00" in quote.shown_text


def test_it_accepts_once(alice, quote):
    accept(alice, quote)
    again = alice.post(f"{ACME}{quote.pk}/accept/", {"confirmed": "yes"}, follow=True).content.decode()
    assert "Nothing was accepted. alice accepted this quote" in again
    assert Subscription.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"confirmed": ""}, "Please confirm that you have read"),
        ({"seen": "another"}, "The quote has changed"),
        ({"shown": "another"}, "The quote has changed"),
    ],
)
def test_it_accepts_only_what_was_read_and_confirmed(alice, quote, changes, words):
    assert words in accept(alice, quote, **changes)
    quote.refresh_from_db()
    assert quote.status == "sent"
    assert not Subscription.objects.exists()


def test_it_refuses_a_quote_whose_day_has_passed(alice, quote):
    with time_machine.travel(shop.at("2026-12-01 00:01"), tick=False):
        alice = logged_in(User.objects.get(name="alice"))  # the session is over by then
        page = read(alice, quote)
        assert "Expired" in page
        assert 'name="confirmed"' not in page
        said = {"seen": quote.sha256, "confirmed": "yes"}
        answer = alice.post(f"{ACME}{quote.pk}/accept/", said, follow=True).content.decode()
        assert "This quote was valid until" in answer
    assert not Subscription.objects.exists()


def test_it_shows_a_viewer_who_decides(quote):
    samples.buyer(quote.tenant)
    bob = logged_in(samples.buyer(quote.tenant, "bob", Member.Role.VIEWER))
    page = read(bob, quote)
    assert "owner or payer: alice" in page
    assert 'name="confirmed"' not in page
    assert bob.post(f"{ACME}{quote.pk}/accept/", {"confirmed": "yes"}).status_code == 403


def test_it_declines_with_one_click(alice, quote):
    page = alice.post(f"{ACME}{quote.pk}/decline/", follow=True).content.decode()
    assert "alice declined it. Nothing is charged." in page
    quote.refresh_from_db()
    assert quote.status == "declined"


def test_it_hides_quotes_from_strangers_and_drafts_from_everybody(alice, quote, qingyu):
    drafted = samples.quoting.draft(quote.tenant, samples.terms(quote.version), at=samples.NOW, by=None)
    assert alice.get(f"{ACME}{drafted.pk}/").status_code == 404
    stranger = logged_in(portal.person(Tenant.objects.get(code=shop.tenant("beta").code), "charlie"))
    assert stranger.get(f"{ACME}{quote.pk}/").status_code == 404
    assert stranger.get(f"/c/beta/quotes/{quote.pk}/").status_code == 404


def test_it_shows_the_agreed_commitment_and_prices_among_all_that_can_cost_money(quote, alice):
    revision = samples.quoting.revise(
        quote, samples.terms(quote.version, minimum_minor=300000), at=samples.NOW, by=None
    )
    accept(alice, samples.quoting.send(revision, at=samples.NOW, by=None))
    page = alice.get("/c/acme/controls/prices/").content.decode()
    assert "You have agreed to at least ¥3,000.00 per period." in page
    assert "agreed in your contract" in page
