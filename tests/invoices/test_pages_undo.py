"""Taking a purchase back on the pages: offered until its hour, shown before it is done, done once; and the page of doubles."""

import pytest
import time_machine

from invoices import doubled
from invoices.models import DuplicateFlag, Invoice
from invoices.suspects import Suspect
from tests import portal
from tests.invoices.test_pages_access import logged_in
from tests.invoices.test_pages_changing import address, form, text

pytestmark = [pytest.mark.django_db]
SEATS, UNDO = "do=set_quantity&price=seat&quantity=20", "do=undo"


@pytest.fixture
def told():
    with time_machine.travel(portal.NOON, tick=False):
        yield portal.story(undo_hours=24)


def test_a_purchase_is_taken_back_as_it_is_shown(told):
    alice = logged_in(told.alice)
    alice.post(address(told, SEATS), form(alice.get(address(told, SEATS)).content.decode()))
    assert UNDO in alice.get("/c/acme/subscription/").content.decode()
    page = alice.get(address(told, UNDO))
    assert "¥44.90" in text(page)
    done = alice.post(address(told, UNDO), form(page.content.decode()))
    assert done["Location"] == "/c/acme/subscription/"
    assert Invoice.objects.filter(status="void").count() == 1
    assert UNDO not in alice.get("/c/acme/subscription/").content.decode()


def test_a_double_is_decided_on_its_page(told):
    suspect = Suspect(
        tenant=told.subscription.tenant,
        seller_id=told.subscription.seller_id,
        kind="module",
        of=("module", 1),
        currency="CNY",
        amount_minor=5_00,
        detail={"name": "分析", "name_en": "Analytics"},
    )
    flagged = doubled.flag(suspect, at=portal.NOON)
    alice = logged_in(told.alice)
    assert "1 thing may be double." in text(alice.get("/c/acme/"))
    assert "Analytics" in text(alice.get("/c/acme/doubles/"))
    alice.post(f"/c/acme/doubles/{flagged.pk}/keep/")
    assert DuplicateFlag.objects.get().state == "kept"
    assert "¥5.00" not in text(alice.get("/c/acme/doubles/"))
    assert "may be double" not in text(alice.get("/c/acme/"))
