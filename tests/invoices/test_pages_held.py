"""The page of a stopped bill, its banner and its yes; the advisor; the operators' queue and their list of whom to keep."""

import pytest
import time_machine
from django.urls import reverse

from invoices import holding
from invoices.models import BillHold, Invoice, Survey
from tenants.models import Member, User
from tests import portal, shop
from tests.api.conftest import program
from tests.invoices.held import planted
from tests.invoices.test_pages_access import logged_in

pytestmark = pytest.mark.django_db
NOON = shop.at("2026-06-01 12:00")


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def hold(qingyu):
    return planted(qingyu, shop.tenant(), pays="wallet")


def test_a_payer_sees_the_comparison_and_agrees_to_exactly_it(hold):
    alice = portal.person(hold.tenant, "alice")
    browser = logged_in(alice, "zh-hans")
    page = browser.get(f"/c/acme/held/{hold.pk}/").content.decode()
    for text in ("没有扣款", "同意并扣 ¥1,199.00", "¥101.84", "¥1,000.00", "已停下，没有扣。"):
        assert text in page
    stale = browser.post(f"/c/acme/held/{hold.pk}/", {"total": "5"})
    assert stale.status_code == 302
    assert BillHold.objects.live().exists()
    done = browser.post(f"/c/acme/held/{hold.pk}/", {"total": str(hold.total_minor)})
    assert done.url == f"/c/acme/bills/{hold.invoice_id}/"
    assert Invoice.objects.get(pk=hold.invoice_id).status == "paid"
    assert "已停下" not in browser.get("/c/acme/").content.decode()


def test_a_viewer_sees_it_without_the_button_and_a_stranger_not_at_all(hold):
    browser = logged_in(portal.person(hold.tenant, "bob", Member.Role.VIEWER), "en")
    page = browser.get(f"/c/acme/held/{hold.pk}/").content.decode()
    assert 'name="total"' not in page
    assert browser.post(f"/c/acme/held/{hold.pk}/", {"total": str(hold.total_minor)}).status_code == 403
    stranger = logged_in(portal.person(shop.tenant("beta"), "mallory"), "en")
    assert stranger.get(f"/c/beta/held/{hold.pk}/").status_code == 404
    assert BillHold.objects.live().exists()


def test_the_advisor_says_first_whether_a_change_is_cheaper(hold):
    alice = portal.person(hold.tenant, "alice")
    browser = logged_in(alice, "zh-hans")
    page = browser.get("/c/acme/subscription/advisor/").content.decode()
    assert "不换更便宜" in page
    assert "近90天" in page
    english = logged_in(alice, "en").get("/c/acme/subscription/advisor/").content.decode()
    assert "no change is cheaper" in english


def test_an_opinion_is_asked_once_a_quarter(hold):
    alice = portal.person(hold.tenant, "alice")
    browser = logged_in(alice, "zh-hans")
    assert 'name="score"' in browser.get("/c/acme/help/").content.decode()
    browser.post("/c/acme/help/survey/", {"score": "4", "words": "好"})
    assert 'name="score"' not in browser.get("/c/acme/help/").content.decode()
    assert Survey.objects.get().score == 4


def test_operators_see_the_queue_and_whom_to_keep(hold):
    root = User.objects.create_superuser("root@example.com", "x", name="Root")
    desk = logged_in(root, "zh-hans")
    queue = desk.get(reverse("admin:invoices_billhold_changelist") + "?waiting=yes").content.decode()
    assert "¥101.84" in queue
    assert "acme" in desk.get(reverse("admin:value") + "?as=csv").content.decode("utf-8-sig")
    assert desk.get(reverse("admin:value")).status_code == 200
    assert desk.get(reverse("admin:value_of", args=[hold.tenant_id])).status_code == 200
    assert holding.alarm(at=shop.at("2026-06-05 12:00")) == 1


def test_a_program_reads_holds_and_advice_and_agrees_for_its_own_company_only(hold):
    own = program(hold.tenant)
    assert own.get("/api/v1/holds").json()["results"][0]["reasons"][0]["usual"] == "101.84"
    assert own.get("/api/v1/advice").json()["results"][0]["best"] == "standard"
    other = program(shop.tenant("beta"))
    refused = other.post(f"/api/v1/holds/{hold.pk}/release", {"total": "1199.00", "reason": "x"})
    assert refused.status_code == 404
    wrong = own.post(f"/api/v1/holds/{hold.pk}/release", {"total": "1.00", "reason": "x"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (409, "amount_changed")
    done = own.post(f"/api/v1/holds/{hold.pk}/release", {"total": "1199.00", "reason": "对"})
    assert (done.status_code, done.json()["outcome"]) == (200, "released")
