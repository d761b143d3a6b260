"""Wallets: what a customer has put in, what was given to him, and what he has spent of it; gifts are spent first.

A wallet is the customer's page of the book: every movement is a posting, and the row with the balance follows it in the
same transaction (`ledger.post`). It can never go below zero. Verbs that take from it lock it first, before any invoice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from billing import ledger
from billing.formatting import money
from billing.models import Account, Posting, TopUp, Wallet
from billing.money import Money
from tenants import audit
from tenants.errors import Conflict, Invalid, NoTransaction
from tenants.models import Seller, Tenant, User

Kind = Account.Kind


class NotEnough(Conflict):
    """The wallet holds less than is to be taken; nothing was taken."""

    code = "wallet_too_low"


@dataclass(frozen=True, slots=True)
class Balance:
    """What a wallet holds, in minor units: paid in by the customer, and given to him."""

    paid: int = 0
    gift: int = 0

    @property
    def total(self) -> int:
        """All that can be spent."""
        return self.paid + self.gift


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of a statement: its cause (an opaque source), what it moved, and what was there afterwards."""

    at: datetime
    source: str
    source_id: int
    kind: str
    paid: int
    gift: int
    after: Balance

    @property
    def total(self) -> int:
        """What it moved in all."""
        return self.paid + self.gift


def balance(tenant: Tenant, seller: Seller, currency: str) -> Balance:
    """Return what a customer's wallet with this seller holds."""
    found = Wallet.objects.filter(tenant=tenant, seller=seller, currency=currency).first()
    return Balance(found.paid_minor, found.gift_minor) if found else Balance()


def lock(tenant_id: int, seller_id: int, currency: str) -> Wallet:
    """Return a wallet, opened where there is none, locked for the rest of the transaction.

    Comes after tenants and subscriptions and before coupons, series and invoices: the one order of locks.
    """
    if not connection.in_atomic_block:
        raise NoTransaction
    named = {"tenant_id": tenant_id, "seller_id": seller_id, "currency": currency}
    Wallet.objects.bulk_create([Wallet(**named)], ignore_conflicts=True)
    return Wallet.objects.select_for_update(no_key=True).get(**named)


@transaction.atomic
def top_up(
    tenant: Tenant,
    *,
    seller: Seller,
    amount: Money,
    source: str,
    source_id: int,
    at: datetime,
    by: User | None,
    gift: bool = False,
) -> Balance:
    """Put money into a wallet, under the row that is its cause; each cause does it once (IntegrityError after that).

    Money that was paid comes out of cash; a gift is given away by the seller. Returns what the wallet holds now.
    """
    _positive(amount)
    wallet = lock(tenant.pk, seller.pk, amount.currency)
    into, out_of = (Kind.WALLET_GIFT, Kind.PROMOTION) if gift else (Kind.WALLET, Kind.CASH)
    sides = ((out_of, amount.minor), (into, -amount.minor))
    ledger.post([_entry(wallet, source, source_id, "topped_up", at, sides)])
    audit.record(
        "wallet.topped_up",
        tenant=tenant,
        target=f"wallet:{wallet.pk}",
        at=at,
        by=by,
        amount=str(amount.amount),
        gift=gift,
        source=f"{source}:{source_id}",
    )
    return balance(tenant, seller, amount.currency)


@transaction.atomic
def top_up_by_hand(
    tenant: Tenant,
    *,
    seller: Seller,
    amount: Money,
    reason: str,
    key: str,
    at: datetime,
    by: User | None,
    gift: bool = False,
) -> TopUp:
    """Record an operator's top-up with its reason, and do it; a repeated key changes nothing and returns the first."""
    _positive(amount)
    if not reason.strip():
        raise Invalid(_("Say why the balance is topped up; the customer reads it in the statement."), field="reason")
    lock(tenant.pk, seller.pk, amount.currency)
    told = {"seller": seller, "currency": amount.currency, "amount_minor": amount.minor, "gift": gift}
    act, fresh = TopUp.objects.get_or_create(
        tenant=tenant, key=key, defaults=told | {"reason": reason.strip(), "at": at, "by": by}
    )
    if fresh:
        top_up(tenant, seller=seller, amount=amount, gift=gift, source="top_up", source_id=act.pk, at=at, by=by)
    return act


@transaction.atomic
def spend(tenant: Tenant, *, seller: Seller, amount: Money, source: str, source_id: int, at: datetime) -> Balance:
    """Settle what a customer owes out of his wallet, gifts first, whole or not at all; return what was taken of each.

    Raises NotEnough, having taken nothing, when it holds less.
    """
    _positive(amount)
    wallet = lock(tenant.pk, seller.pk, amount.currency)
    if wallet.total_minor < amount.minor:
        raise NotEnough(
            _("The balance is %(balance)s; %(amount)s is needed. Top it up, or pay by bank transfer.")
            % {"balance": money(wallet.total_minor, wallet.currency), "amount": money(amount.minor, wallet.currency)}
        )
    gift = min(wallet.gift_minor, amount.minor)
    taken = Balance(amount.minor - gift, gift)
    sides = ((Kind.WALLET, taken.paid), (Kind.WALLET_GIFT, taken.gift), (Kind.RECEIVABLE, -amount.minor))
    ledger.post([_entry(wallet, source, source_id, "paid", at, sides)])
    return taken


@transaction.atomic
def give_back(
    tenant: Tenant, *, seller: Seller, amount: Money, source: str, source_id: int, at: datetime, gift: bool = False
) -> None:
    """Give back into the wallet what was paid and is not owed after all."""
    _positive(amount)
    wallet = lock(tenant.pk, seller.pk, amount.currency)
    into = Kind.WALLET_GIFT if gift else Kind.WALLET
    sides = ((Kind.RECEIVABLE, amount.minor), (into, -amount.minor))
    ledger.post([_entry(wallet, source, source_id, "given_back", at, sides)])


def statement(tenant: Tenant, seller: Seller, currency: str) -> list[Movement]:
    """Return all movements of a wallet, oldest first, each with what was there after it."""
    return list(_running(_movements(tenant, seller, currency)))


def _movements(tenant: Tenant, seller: Seller, currency: str) -> Iterator[tuple[datetime, str, int, str, int, int]]:
    page = {"account__tenant": tenant, "account__seller": seller, "account__currency": currency}
    of = "transaction__at", "transaction__source", "transaction__source_id", "transaction__kind"
    found = Posting.objects.filter(**page, account__kind__in=ledger.WALLETS).values_list("transaction", *of)
    paid, gift = (
        Coalesce(Sum("amount_minor", filter=Q(account__kind=kind)), 0) for kind in (Kind.WALLET, Kind.WALLET_GIFT)
    )
    for _pk, at, source, source_id, kind, was_paid, was_gift in found.annotate(paid=paid, gift=gift).order_by(
        "transaction"
    ):
        yield at, source, source_id, kind, -was_paid, -was_gift


def _running(rows: Iterator[tuple[datetime, str, int, str, int, int]]) -> Iterator[Movement]:
    paid = gift = 0
    for at, source, source_id, kind, more_paid, more_gift in rows:
        paid, gift = paid + more_paid, gift + more_gift
        yield Movement(at, source, source_id, kind, more_paid, more_gift, Balance(paid, gift))


def _positive(amount: Money) -> None:
    if amount.minor <= 0:
        raise Invalid(_("The amount must be above zero."), field="amount")


def _entry(
    wallet: Wallet, source: str, source_id: int, kind: str, at: datetime, sides: tuple[tuple[str, int], ...]
) -> ledger.Entry:
    return ledger.Entry(
        seller_id=wallet.seller_id,
        currency=wallet.currency,
        tenant_id=wallet.tenant_id,
        source=source,
        source_id=source_id,
        kind=kind,
        at=at,
        sides=sides,
    )
