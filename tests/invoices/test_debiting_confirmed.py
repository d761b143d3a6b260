"""What a member confirmed is debited at once, or when the provider lets it be."""

import pytest

from billing.orders import Order
from invoices import allowing, checkout, debiting
from invoices.models import Payment
from invoices.providers.port import Failure
from tenants import agreements
from tests import shop
from tests.invoices.agreed import agreed, bill, brought, called, day, debit, debits, told
from tests.invoices.debited import acme, alipay, books_agree, mandate, simulation, tell, tells, wechat
from tests.invoices.deducting import BASE

__all__ = ["acme", "alipay", "mandate", "simulation", "wechat"]
pytestmark = pytest.mark.django_db


def confirmed(acme, qingyu, when, **more):
    """Confirm a purchase of 199.00 that is billed at once."""
    at = shop.at(when)
    version = shop.plan(qingyu, [BASE], code=f"p{when[8:10]}{when[11:13]}")
    consent = agreements.authorise(acme, seller=qingyu, text="t", text_version="1", at=at, by=None)
    order = Order(tenant=acme, version=version, start_on=at.date(), pays="mandate", consent=consent, **more)
    return checkout.subscribe(order, at=at, by=None)


def test_a_confirmed_purchase_is_debited_at_once_at_any_hour_without_notice(acme, qingyu, mandate):
    done = confirmed(acme, qingyu, "2026-02-01 23:00")
    assert debits() == [("02-01 23:00", "confirmed", "intended", 199_00)]
    assert called(mandate, "debit") == 0
    assert debiting.finish(done.invoices, at=shop.at("2026-02-01 23:00")).paid == 1
    payment = Payment.objects.get()
    assert (payment.notice, payment.authorisation, bill().status) == (None, None, "paid")
    books_agree()


def test_the_tick_calls_for_what_was_confirmed(acme, qingyu, mandate):
    confirmed(acme, qingyu, "2026-02-01 23:00")
    assert debit("2026-02-01 23:01") == (1, 0, 0, 0)


def test_a_preview_leaves_nothing_behind(acme, qingyu, mandate):
    checkout.preview(lambda: confirmed(acme, qingyu, "2026-02-01 23:00"))
    assert not Payment.objects.exists()
    assert called(mandate, "debit") == 0


def test_a_confirmed_purchase_above_the_limit_stays_open(acme, qingyu):
    brought(acme, qingyu, single=100_00)
    confirmed(acme, qingyu, "2026-02-01 10:00")
    assert debits() == [("02-01 10:00", "confirmed", "failed", 199_00)]
    assert len(told("debit_failed")) == 1
    agreed(acme, qingyu, provider="alipay", at=shop.at("2026-02-01 11:00"), execute_on=day("2026-02-06"))
    assert debit("2026-02-01 11:05")[0] == 1


def test_a_confirmed_purchase_without_an_agreement_is_paid_by_hand(acme, qingyu):
    confirmed(acme, qingyu, "2026-02-01 10:00")
    assert (debits(), bill().status) == ([], "open")
    assert len(told("debit_failed")) == 1


def test_a_confirmed_purchase_outside_alipays_days_is_debited_when_they_come(acme, qingyu, alipay):
    confirmed(acme, qingyu, "2026-02-10 10:00")
    assert Payment.objects.get().failure == Failure.WRONG_DAY
    assert len(told("debit_failed")) == 1
    assert debit("2026-02-28 12:00")[0] == 0
    assert debit("2026-03-01 07:00")[0] == 1


def test_a_confirmed_purchase_is_told_to_wechat_first(acme, qingyu, wechat, monkeypatch):
    tells(monkeypatch, "2026-02-12", "2026-02-18")
    confirmed(acme, qingyu, "2026-02-10 10:00")
    assert Payment.objects.get().failure == Failure.NOT_TOLD
    assert tell("2026-02-10 10:05") == 1
    assert debit("2026-02-11 12:00")[0] == 0
    assert debit("2026-02-12 07:00")[0] == 1


def test_a_confirmed_purchase_is_debited_at_once_right_after_signing(acme, qingyu, wechat):
    done = confirmed(acme, qingyu, "2026-01-31 20:59")
    assert debiting.finish(done.invoices, at=shop.at("2026-01-31 20:59")).paid == 1


def test_a_confirmed_debit_that_is_refused_is_tried_under_a_new_agreement(acme, qingyu, mandate, simulation):
    simulation.behave("acme", "decline")
    done = confirmed(acme, qingyu, "2026-02-01 10:00")
    assert debiting.finish(done.invoices, at=shop.at("2026-02-01 10:00")).failed == 1
    assert allowing.was_confirmed(bill())
    simulation.behave("acme", "approve")
    assert debit("2026-02-01 12:00")[0] == 0
    agreed(acme, qingyu, provider="alipay", at=shop.at("2026-02-02 08:00"), execute_on=day("2026-02-06"))
    assert debit("2026-02-02 08:05")[0] == 1
