"""What the balance is made of and how it got there: its lots, its movements, and both to take along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from django.db.models import F
from django.utils.translation import gettext as _

from billing import formatting, wallets
from billing.models import TopUp, Wallet, WalletLot
from billing.money import Money
from invoices.models import CreditNote, Payment, Refund
from invoices.pages import exports, frame
from invoices.pages.visit import Visit
from tenants.models import Seller
from usage.periods import local_day

SHOWN = 200


class Caused(Protocol):
    """What names its cause."""

    @property
    def source(self) -> str: ...
    @property
    def source_id(self) -> int: ...


@dataclass(frozen=True)
class MovementRow:
    """One movement of the balance, and what was there after it."""

    at: datetime
    what: str
    why: str
    amount: Money
    after: Money


@dataclass(frozen=True)
class LotRow:
    """A part of the balance, as it came in: what is left of it, and the last day on which it can be used."""

    at: datetime
    what: str
    why: str
    amount: Money
    left: Money
    last_day: date | None


def wallet_of(visit: Visit, seller: Seller | None) -> Wallet:
    """Return the customer's wallet with a seller; one that nobody has opened yet holds nothing."""
    named = {"tenant": visit.tenant, "seller": seller, "currency": visit.tenant.currency}
    found = Wallet.objects.filter(**named).select_related("tenant").first()
    return found or Wallet(**named)


def lots(wallet: Wallet) -> list[LotRow]:
    """Return what a wallet holds, in the order in which it is used."""
    held = WalletLot.objects.filter(wallet=wallet.pk, left_minor__gt=0)
    rows = list(held.order_by("kind", F("expires_at").asc(nulls_last=True), "at", "pk"))
    named = names(rows)
    zone = wallet.tenant.timezone
    return [
        LotRow(
            at=row.at,
            what=_("Gift") if row.kind == WalletLot.Kind.GIFT else _("Paid in"),
            why=named.get((row.source, row.source_id), ""),
            amount=Money(row.amount_minor, wallet.currency),
            left=Money(row.left_minor, wallet.currency),
            last_day=local_day(row.expires_at - timedelta(microseconds=1), zone) if row.expires_at else None,
        )
        for row in rows
    ]


def csv(visit: Visit) -> str:
    """Return every movement as CSV, oldest first."""
    head = [_("Date"), _("What"), _("Number or reason"), _("Paid in"), _("Given"), _("Balance"), _("Currency")]
    seller, currency = frame.seller_of(visit), visit.tenant.currency
    moved = wallets.statement(visit.tenant, seller, currency) if seller else []
    named = names(moved)
    rows = [
        [
            formatting.moment(one.at.astimezone(visit.zone), visit.language),
            what(one),
            named.get((one.source, one.source_id), ""),
            Money(one.paid, currency),
            Money(one.gift, currency),
            Money(one.after.total, currency),
            currency,
        ]
        for one in moved
    ]
    return exports.written([head, *rows])


def movements(visit: Visit, seller: Seller) -> list[MovementRow]:
    """Return the last movements, newest first."""
    moved = wallets.statement(visit.tenant, seller, visit.tenant.currency)[-SHOWN:]
    named = names(moved)
    return [
        MovementRow(
            at=one.at,
            what=what(one),
            why=named.get((one.source, one.source_id), ""),
            amount=Money(one.total, visit.tenant.currency),
            after=Money(one.after.total, visit.tenant.currency),
        )
        for one in reversed(moved)
    ]


def what(moved: wallets.Movement) -> str:
    """Return in words what moved the balance."""
    if moved.kind == "gift_lapsed":
        return _("Gift lapsed")
    if moved.kind == "withdrawn":
        return _("Paid back")
    if moved.source in ("credit_note", "refund") or moved.kind == "given_back":
        return _("Given back")
    if moved.total < 0:
        return _("Paid")
    return _("Gift") if moved.gift and not moved.paid else _("Paid in")


def names(moved: Sequence[Caused]) -> dict[tuple[str, int], str]:
    """Return what a customer knows each cause by: a bill's number, a transfer's, a credit note's, or the reason given."""
    found: dict[tuple[str, int], str] = {}
    known = ("payment", "credit_note", "top_up", "refund")
    ids = {source: {m.source_id for m in moved if m.source == source} for source in known}
    for payment in Payment.objects.filter(pk__in=ids["payment"]).select_related("invoice"):
        bill = payment.invoice
        found["payment", payment.pk] = (bill.number if bill else payment.reference) or ""
    for pk, number in CreditNote.objects.filter(pk__in=ids["credit_note"]).values_list("pk", "number"):
        found["credit_note", pk] = number
    for pk, reason in TopUp.objects.filter(pk__in=ids["top_up"]).values_list("pk", "reason"):
        found["top_up", pk] = reason
    refunds = Refund.objects.filter(pk__in=ids["refund"])
    for pk, refunded, reason in refunds.values_list("pk", "invoice__number", "reason"):
        found["refund", pk] = refunded or reason
    return found


def of_wallet(wallet: Wallet) -> list[wallets.Movement]:
    """Return the statement of a wallet, oldest first."""
    return wallets.statement(wallet.tenant, wallet.seller, wallet.currency)
