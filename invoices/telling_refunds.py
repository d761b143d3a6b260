"""Tell customers where their money is: sent, arrived, or in the balance because its way was gone."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.utils import translation
from django.utils.translation import gettext_lazy as _

from invoices.models import Payment, Refund
from invoices.providers.port import Failure
from tenants import notices
from usage.periods import local_day

# A bank card is credited within three working days (Alipay, WeChat Pay, banks); a balance at the provider at once.
WORKING_DAYS = 3
WHY = {
    Failure.TOO_OLD: _("The payment is more than 365 days old; no part of it can be returned the same way any more."),
    Failure.TOO_MANY: _("The payment was returned in 50 parts already; it takes no further one."),
    Failure.WAY_GONE: _("The account that paid can no longer be credited."),
    Failure.ACCOUNT: _("The account that paid can no longer be credited."),
}
NOT_TAKEN = _("The way that it was paid does not take it back.")


def why(failure: str) -> str:
    """Return in a sentence why a refund could not go back the way it was paid."""
    return str(WHY.get(failure, NOT_TAKEN))  # type: ignore[call-overload]


def way(row: Refund) -> str:
    """Return in a word how a refund goes."""
    if row.to == Refund.To.WALLET:
        return str(Payment.Method.WALLET.label)
    return str(Payment.Method(row.payment.method if row.payment else Payment.Method.TRANSFER).label)


def expected_on(sent: date) -> date:
    """Return the day by which it has usually arrived: the third working day after it was sent, Saturdays and Sundays left
    out (public holidays are not known here and come on top)."""
    day, left = sent, WORKING_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return day


def sent(row: Refund, *, at: datetime) -> None:
    """Announce that a refund is with the provider or the bank, once."""
    day = local_day(row.sent_at or at, row.tenant.timezone)
    _announce(row, "refund_sent", at, {"by_day": str(expected_on(day)), "bank_reference": _bank_reference(row)})


def arrived(row: Refund, *, at: datetime) -> None:
    """Announce that the provider has credited a refund, once."""
    _announce(row, "refund_arrived", at, {})


def failed(row: Refund, *, at: datetime) -> None:
    """Announce that the way of a refund is gone, and that the money is in the balance."""
    with translation.override(row.tenant.language):
        said = why(row.failure)
    _announce(row, "refund_failed", at, {"why": said})


def _announce(row: Refund, kind: str, at: datetime, more: dict[str, str]) -> None:
    tenant = row.tenant
    with translation.override(tenant.language):
        paid_by = row.payment.method if row.payment else Payment.Method.TRANSFER
        method = str(Payment.Method(paid_by).label)
    payload = {
        "tenant": tenant.name_in(tenant.language),
        "path": f"/c/{tenant.code}/refunds/{row.pk}/",
        "currency": row.currency,
        "amount_minor": row.amount_minor,
        "method": method,
        "number": row.invoice.number if row.invoice else "",
    }
    key = f"{kind.replace('_', '-')}:{row.pk}"
    notices.announce(tenant, kind=kind, key=key, payload=payload | more, at=at, seller=row.seller)


def _bank_reference(row: Refund) -> str:
    by_bank = row.payment is None or row.payment.method == Payment.Method.TRANSFER
    return row.provider_number if by_bank else ""
