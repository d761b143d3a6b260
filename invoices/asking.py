"""Ask providers for the outcome of what is under way: on a schedule, for as long as it takes, and loudly when it is old.

A callback may be lost, so nothing depends on one. A payment is claimed in a short transaction, which already says when it
is asked for next; the provider is asked outside of any transaction, and its answer goes where all go (`paying.settle`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from invoices import paying
from invoices.models import Payment, ProviderMessage
from invoices.providers import gateways
from invoices.providers.port import NoAnswer, Refused, Report, State
from invoices.settling import LIVE, next_ask

log = structlog.get_logger(__name__)
Product, Status = Payment.Product, Payment.Status
# No call takes so long: what a provider has not heard of by then it will not hear of any more.
NEVER_ARRIVED = timedelta(minutes=10)
OLD = timedelta(hours=24)
# So many are asked for in one go; the rest is asked for by the next tick, or by another worker beside this one.
AT_ONCE = 50


def ask(*, at: datetime, payments: Iterable[Payment] | None = None) -> int:
    """Ask for what is due at `at`, or for these payments now; return how many of them changed their state.

    One that cannot be asked for stops no other: it is logged, and asked for again.
    """
    paying.outside_of_transactions()
    named = None if payments is None else [payment.pk for payment in payments]
    return sum(_asked(payment, at) for payment in _claimed(at, named))


def due(at: datetime) -> QuerySet[Payment]:
    """Return what is to be asked for at `at`, longest due first."""
    return Payment.objects.filter(ask_at__lte=at).order_by("ask_at", "pk")


def stuck(at: datetime) -> QuerySet[Payment]:
    """Return what an operator has to look at: under way for a day, or said to be paid otherwise than it was asked for."""
    refused = ProviderMessage.objects.filter(payment=OuterRef("pk"), verdict=ProviderMessage.Verdict.REFUSED)
    open_still = Payment.objects.exclude(product="").exclude(status__in=(Status.SUCCEEDED, Status.REFUNDED))
    old = Q(status__in=LIVE, recorded_at__lte=at - OLD)
    return open_still.filter(old | Exists(refused)).order_by("recorded_at", "pk")


@transaction.atomic
def _claimed(at: datetime, named: list[int] | None) -> list[Payment]:
    """Take what is to be asked for, so that nobody else asks meanwhile, and say when each is asked for next."""
    wanted = due(at) if named is None else Payment.objects.filter(pk__in=named, product__gt="").order_by("pk")
    rows = wanted.exclude(status__in=(Status.SUCCEEDED, Status.REFUNDED)).select_related("tenant", "seller")
    claimed = list(rows.select_for_update(of=("self",), no_key=True, skip_locked=named is None)[:AT_ONCE])
    for payment in claimed:
        payment.ask_at = next_ask(payment, at) if payment.status in LIVE else None
        payment.asks += 1
        payment.save(update_fields=["ask_at", "asks"])
    return claimed


def _asked(payment: Payment, at: datetime) -> bool:
    """Ask for one payment; return whether it is in another state now."""
    _shout_when_old(payment, at)
    try:
        return _told(payment, at).status != payment.status
    except (NoAnswer, Refused, gateways.NoProvider) as silence:
        log.warning("a provider did not say where a payment is", payment=payment.reference, why=repr(silence))
    except Exception:  # what an SDK may raise is not to be listed, and the others must be asked for
        log.exception("a payment could not be asked for", payment=payment.reference)
    return False


def _told(payment: Payment, at: datetime) -> Payment:
    gateway = gateways.gateway_of(payment.seller, payment.provider)
    debit = payment.product == Product.DEBIT
    report = gateway.ask(payment.reference, debit=debit)
    if payment.status in LIVE and _is_over(payment, report, at):
        return paying.closed(payment, gateway.close(payment.reference, debit=debit), at=at)
    return paying.settle(payment.pk, report, at=at)


def _is_over(payment: Payment, report: Report, at: datetime) -> bool:
    """Return whether nothing more is waited for: the order has expired, or the provider never heard of what we called for."""
    if report.state not in (State.WAITING, State.MISSING):
        return False
    if payment.expires_at is not None and payment.expires_at <= at:
        return True
    # Alipay does not know an order until its code is scanned, so one with an address may be missing for hours.
    lost = report.state is State.MISSING and not payment.pay_address
    return lost and (payment.called_at or payment.recorded_at) <= at - NEVER_ARRIVED


def _shout_when_old(payment: Payment, at: datetime) -> None:
    if payment.status in LIVE and payment.recorded_at <= at - OLD:
        log.error("the outcome of a payment is unknown for a day", payment=payment.reference, since=payment.recorded_at)
