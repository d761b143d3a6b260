"""Who may see and do what on the customer's pages, and that the database itself keeps strangers out."""

import pytest
import time_machine
from django.test import Client

from invoices.models import Invoice
from tenants import access
from tenants.models import AuditEntry, Authorisation, Tenant
from tests import portal, shop
from usage.models import UsageEvent

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def told():
    with time_machine.travel(portal.NOON, tick=False):
        yield portal.story()


def logged_in(user, language: str = "en") -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    client.cookies["django_language"] = language
    return client


def test_it_asks_a_visitor_to_log_in(told, client):
    for address in portal.addresses(told):
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/account/login/")


def test_it_lets_a_person_in_by_mail_and_password(told, client):
    answer = client.post("/account/login/", {"login": "alice@example.com", "password": portal.PASSWORD}, follow=True)
    assert answer.redirect_chain[-1][0] == "/c/acme/"


def test_it_says_nothing_of_acme_to_a_stranger(told):
    charlie = logged_in(told.charlie)
    for address in portal.addresses(told):
        assert charlie.get(address).status_code == 404, address
    assert charlie.get(f"/c/beta/bills/{told.bills[0].pk}/").status_code == 404


def test_it_refuses_a_stranger_every_act(told):
    charlie, pk = logged_in(told.charlie), told.subscription.pk
    consent = Authorisation.objects.get(tenant=told.acme)
    for company in ("acme", "beta"):
        assert charlie.post(f"/c/{company}/subscription/{pk}/renewal/off/").status_code == 404
        assert charlie.post(f"/c/{company}/subscription/{pk}/renewal/").status_code == 404
        assert charlie.post(f"/c/{company}/controls/{consent.pk}/withdraw/").status_code == 404
    told.subscription.refresh_from_db()
    assert told.subscription.auto_renew
    consent.refresh_from_db()
    assert consent.withdrawn_at is None


def test_it_shows_a_viewer_the_bill_and_refuses_him_the_acts(told):
    bob = logged_in(told.bob)
    assert bob.get(f"/c/acme/bills/{told.bills[0].pk}/").status_code == 200
    refused = bob.post(f"/c/acme/subscription/{told.subscription.pk}/renewal/off/")
    assert refused.status_code == 403
    assert "alice" in refused.content.decode()
    assert bob.get("/c/acme/settings/contacts/new/").status_code == 403


def test_it_tells_a_viewer_who_may_do_what_he_may_not(told):
    page = logged_in(told.bob).get("/c/acme/").content.decode()
    assert "Managed by alice." in page
    assert "renewal/off/" not in page


def test_it_sends_a_member_of_several_companies_to_choose(told):
    portal.Member.objects.create(tenant=told.beta, user=told.alice, role="viewer", joined_at=shop.OPENED)
    page = logged_in(told.alice).get("/").content.decode()
    assert "/c/acme/" in page
    assert "/c/beta/" in page


@pytest.mark.database
def test_the_database_gives_another_company_nothing(told):
    """Even a query that forgets its filter sees the company's own rows alone."""
    with access.as_tenant(told.beta):
        assert not Invoice.objects.filter(pk__in=[bill.pk for bill in told.bills]).exists()
        assert set(UsageEvent.objects.values_list("key", flat=True)) == {"secret-of-beta"}
        assert set(Tenant.objects.values_list("code", flat=True)) == {"beta"}


@pytest.mark.database
def test_a_page_reads_as_the_role_tenant(told, monkeypatch):
    """Without the switch to the role the page would show rows of everybody; with it, beta's key is not there."""
    monkeypatch.setattr("invoices.pages.usage.events_of", lambda visit, chosen: UsageEvent.objects.order_by("pk"))
    page = logged_in(told.alice).get("/c/acme/usage/events/").content.decode()
    assert "messages-2026-09-03" in page
    assert "secret-of-beta" not in page


def test_it_stops_renewal_by_one_click_and_restores_it(told):
    alice, path = logged_in(told.alice), f"/c/acme/subscription/{told.subscription.pk}/renewal/"
    part = alice.post(f"{path}off/", headers={"hx-request": "true"}).content.decode()
    told.subscription.refresh_from_db()
    assert not told.subscription.auto_renew
    assert "Automatic renewal is stopped." in part
    assert f"{path}restore/" in part
    alice.post(f"{path}restore/")
    told.subscription.refresh_from_db()
    assert told.subscription.auto_renew


def test_it_records_the_consent_with_the_whole_text(told):
    alice, path = logged_in(told.alice), f"/c/acme/subscription/{told.subscription.pk}/renewal/"
    alice.post(f"{path}off/")
    shown = alice.get(path).content.decode()
    assert "checked" not in shown
    alice.post(path)
    given = Authorisation.objects.order_by("-pk")[0]
    assert given.given_by == told.alice
    assert given.address == "127.0.0.1"
    assert "renews by itself" in given.text
    assert given.text.splitlines()[1] in shown
    told.subscription.refresh_from_db()
    assert told.subscription.auto_renew


def test_it_withdraws_an_authorisation_by_one_click(told):
    consent = Authorisation.objects.get(tenant=told.acme)
    alice = logged_in(told.alice)
    said = alice.post(f"/c/acme/controls/{consent.pk}/withdraw/", follow=True).content.decode()
    consent.refresh_from_db()
    assert consent.withdrawn_by_name == "alice"
    assert "Nothing is deducted under it any more." in said
    again = alice.post(f"/c/acme/controls/{consent.pk}/withdraw/", follow=True).content.decode()
    assert "was withdrawn before" in again


def test_it_changes_a_contact_and_the_language(told):
    alice = logged_in(told.alice)
    new = {"name": "陈静", "email": "chen@example.com", "phone": "", "role": "finance", "receives_bills": "on"}
    alice.post("/c/acme/settings/contacts/new/", new)
    (contact,) = told.acme.contacts.all()
    alice.post(f"/c/acme/settings/contacts/{contact.pk}/", new | {"phone": "123"})
    alice.post("/c/acme/settings/language/", {"language": "en"})
    told.acme.refresh_from_db()
    assert [(c.name, c.phone) for c in told.acme.contacts.all()] == [("陈静", "123")]
    assert told.acme.language == "en"
    assert AuditEntry.objects.filter(tenant=told.acme, by=told.alice, verb="tenant.amended").exists()


def test_it_refuses_a_receiver_of_bills_without_address(told):
    new = {"name": "陈静", "email": "", "phone": "", "role": "finance", "receives_bills": "on"}
    page = logged_in(told.alice).post("/c/acme/settings/contacts/new/", new).content.decode()
    assert "Nothing was saved." in page
    assert not told.acme.contacts.exists()


def test_our_staff_may_look_and_never_act(told):
    """Looking as a customer's member (django-hijack) shows the page and refuses the click."""
    staff = portal.User.objects.create_superuser("olga@example.com", portal.PASSWORD)
    client = logged_in(told.alice)
    session = client.session
    session["hijack_history"] = [str(staff.pk)]
    session.save()
    page = client.get("/c/acme/").content.decode()
    assert "/hijack/release/" in page
    refused = client.post(f"/c/acme/subscription/{told.subscription.pk}/renewal/off/")
    assert refused.status_code == 403
    told.subscription.refresh_from_db()
    assert told.subscription.auto_renew


def test_ten_wrong_passwords_lock_the_one_account_from_here(told, client):
    wrong = {"login": "alice@example.com", "password": "wrong"}
    told_so = [client.post("/account/login/", wrong).status_code for _try in range(10)]
    locked = client.post("/account/login/", wrong | {"password": portal.PASSWORD})
    assert told_so[0] == 200
    assert locked.status_code == 429
    other = client.post("/account/login/", {"login": "bob@example.com", "password": portal.PASSWORD})
    assert other.status_code == 302
