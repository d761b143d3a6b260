"""Operators' refunds: shown before they are done, approved by two people, transferred by bank; all of it in the log."""

import pytest
from django.urls import reverse

from invoices.models import CreditNote, Refund
from tenants.models import AuditEntry
from tests import shop
from tests.admin.conftest import NOW, staff
from tests.admin.test_acts import ENGLISH, said, to

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(world):
    """The bill, paid by a transfer."""
    world.bill.refresh_from_db()
    due = f"{world.bill.due_minor // 100}.{world.bill.due_minor % 100:02d}"
    shop.pay(world.bill, due, "2026-03-02 10:00", reference="ICBC-9")
    world.bill.refresh_from_db()
    return world


def send(desk, bill, **form):
    """Fill the form in, look at what it would do, and do it."""
    page = to("invoices_invoice", "refund", bill)
    form = {"to": "origin", "reason": "补偿"} | form
    seen = desk.post(page, form, headers=ENGLISH)
    assert not Refund.objects.exists()
    token = seen.context["form"].data["seen"]
    return seen, desk.post(page, form | {"seen": token}, headers=ENGLISH)


def test_it_shows_lines_and_ways_before_anything_is_done(desk, paid):
    seen, answer = send(desk, paid.bill, amount="9.00")
    text = said(seen)
    assert "before" in text
    assert "Refund ¥9.00" in text
    assert "payment ICBC-9" in text
    row = Refund.objects.get()
    assert answer.url == reverse("admin:invoices_refund_change", args=[row.pk])
    assert (row.amount_minor, row.status, row.requested_by.name) == (9_00, "approved", "Olivia")
    assert AuditEntry.objects.filter(verb="refund.approved", by=row.requested_by).exists()


def test_what_was_not_seen_is_not_done(desk, paid):
    page = to("invoices_invoice", "refund", paid.bill)
    form = {"to": "origin", "reason": "补偿", "amount": "9.00"}
    token = desk.post(page, form).context["form"].data["seen"]
    desk.post(page, form | {"amount": "10.00", "seen": token})
    assert not Refund.objects.exists()


def test_it_says_what_is_too_much_at_its_field(desk, paid):
    page = to("invoices_invoice", "refund", paid.bill)
    answer = desk.post(page, {"to": "origin", "reason": "补偿", "amount": "99999.00"}, headers=ENGLISH)
    assert "Of this bill at most" in said(answer)


@pytest.fixture
def waiting(desk, paid):
    type(paid.seller).objects.update(refund_limit_minor=0)
    send(desk, paid.bill, amount="9.00")
    return Refund.objects.get()


def test_who_asked_does_not_approve_and_somebody_else_does(client, desk, waiting):
    page = to("invoices_refund", "approve", waiting)
    assert "Somebody else than who asked for it" in said(desk.post(page, headers=ENGLISH))
    notes = CreditNote.objects.count()
    client.force_login(staff("Billing operator"), "allauth.account.auth_backends.AuthenticationBackend")
    client.post(page)
    waiting.refresh_from_db()
    assert (waiting.status, CreditNote.objects.count()) == ("approved", notes + 1)


def test_it_is_declined_with_a_reason(desk, waiting):
    desk.post(to("invoices_refund", "decline", waiting), {"reason": "没有多收"})
    waiting.refresh_from_db()
    assert waiting.status == "declined"


def test_the_queues_hold_what_is_to_be_done(desk, waiting):
    for queue, there in (("approval", True), ("bank", False), ("under_way", False), ("gone", False)):
        page = desk.get(reverse("admin:invoices_refund_changelist"), {"queue": queue})
        assert (waiting.reference in said(page)) == there, queue


def test_a_transfer_is_confirmed_with_the_banks_reference(desk, paid):
    send(desk, paid.bill, amount="9.00")
    row = Refund.objects.get()
    listed = desk.get(reverse("admin:invoices_refund_changelist"), {"queue": "bank"})
    assert row.reference in said(listed)
    page = to("invoices_refund", "confirm_sent", row)
    assert "This field is required" in said(desk.post(page, {}, headers=ENGLISH))
    desk.post(page, {"bank_reference": "8812345"})
    row.refresh_from_db()
    assert (row.status, row.provider_number) == ("succeeded", "8812345")


def test_one_that_the_bank_does_not_take_goes_into_the_balance(desk, paid):
    send(desk, paid.bill, amount="9.00")
    row = Refund.objects.get()
    desk.post(to("invoices_refund", "give_up", row), {"reason": "账户已销户"})
    row.refresh_from_db()
    assert (row.to, row.failure) == ("wallet", "payer_account_gone")


def test_who_may_only_look_does_nothing(client, waiting):
    client.force_login(staff("Viewer"), "allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(to("invoices_refund", "approve", waiting)).status_code == 403
    assert client.get(reverse("admin:invoices_refund_change", args=[waiting.pk])).status_code == 200
    waiting.refresh_from_db()
    assert waiting.status == "requested"
    assert waiting.requested_at > NOW
