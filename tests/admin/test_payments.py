"""Payments at providers that a person has to look at: a sum on the first page, and a list of them."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from invoices.admin import dashboard
from invoices.models import ProviderMessage
from invoices.providers.port import Report, State
from invoices.settling import settle
from tests.invoices.at_provider import begun, billed, gateway, simulated, sold

pytestmark = pytest.mark.django_db


@pytest.fixture
def bill():
    with simulated():
        (made,) = billed(sold())
        yield made


def listed(desk, what):
    text = desk.get(reverse("admin:invoices_payment_changelist"), {"watch": what}).content.decode()
    return "MZ20" in text


def card(title):
    (found,) = [one for one in dashboard.cards(timezone.now()) if str(one["title"]) in title]
    return found


def test_what_is_paid_otherwise_than_asked_for_waits_for_an_operator(desk, bill):
    now = timezone.now()
    payment = begun(bill, at=now)
    assert not card(("payments to look at", "待处理的付款"))["alarm"]
    assert (listed(desk, "yes"), listed(desk, "live")) == (False, True)
    gateway(payment).pay(payment.reference, amount_minor=1)
    settle(payment.pk, Report(State.SUCCEEDED, payment.reference, "T1", 1), at=now)
    assert card(("payments to look at", "待处理的付款"))["alarm"]
    assert listed(desk, "yes")
    page = desk.get(reverse("admin:invoices_payment_change", args=[payment.pk])).content.decode()
    assert ProviderMessage.objects.get().reason in page


def test_what_is_unknown_for_a_day_waits_for_an_operator(desk, bill):
    begun(bill, at=timezone.now() - timedelta(hours=25))
    assert listed(desk, "yes")


def test_what_came_in_at_a_provider_was_received_this_month(bill):
    now = timezone.now()
    before = str(card(("received this month", "本月收款"))["figure"])
    payment = begun(bill, at=now)
    settle(payment.pk, gateway(payment).pay(payment.reference), at=now)
    assert "199" in str(card(("received this month", "本月收款"))["figure"])
    assert "199" not in before
