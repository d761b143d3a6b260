"""Wallets: what a customer has put in, what was given to him, and what he has spent of it; gifts are spent first.

A wallet is the customer's page of the book: every movement is a posting, and the row with the balance follows it in the
same transaction (`ledger.post`). It can never go below zero. Verbs that take from it lock it first, before any invoice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from billing import ledger
from billing.formatting import money
from billing.lots import LotMove
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


def lock(tenant_id: int, seller_id: int, currency: str, *, at: datetime | None = None) -> Wallet:
    """Return a wallet, opened where there is none, locked for the rest of the transaction.

    Comes after tenants and subscriptions and before coupons, series and invoices: the one order of locks. Who wants to know
    what can be spent names the instant: gifts that have lapsed by then are gone.
    """
    if not connection.in_atomic_block:
        raise NoTransaction
    named = {"tenant_id": tenant_id, "seller_id": seller_id, "currency": currency}
    locked = Wallet.objects.select_for_update(no_key=True)
    wallet = locked.filter(**named).first()
    if wallet is None:
        Wallet.objects.bulk_create([Wallet(**named)], ignore_conflicts=True)
        wallet = locked.get(**named)
    if at is not None and wallet.gift_minor:
        lapse(wallet, at=at)
    return wallet


def lapse(wallet: Wallet, *, at: datetime) -> int:
    """Take back what is left of gifts that have lapsed by `at`, against what was given away; return how much.

    The caller has locked the wallet. Each lot lapses once, with a transaction of its own (`gift_lapsed`).
    """
    gone = list(wallet.lots.filter(expires_at__lte=at, left_minor__gt=0).order_by("expires_at", "at", "pk"))
    ledger.post(
        _entry(
            wallet,
            "lot",
            lot.pk,
            "gift_lapsed",
            at,
            ((Kind.WALLET_GIFT, lot.left_minor), (Kind.PROMOTION, -lot.left_minor)),
            lots=[LotMove(kind=lot.kind, amount_minor=-lot.left_minor, lot_id=lot.pk)],
        )
        for lot in gone
    )
    total = sum(lot.left_minor for lot in gone)
    wallet.gift_minor -= total
    return total


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
    expires: datetime | None = None,
) -> Balance:
    """Put money into a wallet, under the row that is its cause; each cause does it once (IntegrityError after that).

    Money that was paid comes out of cash; a gift is given away by the seller, and what is left of it at `expires` is gone.
    Returns what the wallet holds now.
    """
    _positive(amount)
    _may_lapse(gift, expires, at)
    wallet = lock(tenant.pk, seller.pk, amount.currency)
    return _put(wallet, amount, gift=gift, expires=expires, source=source, source_id=source_id, at=at, by=by)


def _put(
    wallet: Wallet,
    amount: Money,
    *,
    gift: bool,
    expires: datetime | None,
    source: str,
    source_id: int,
    at: datetime,
    by: User | None,
) -> Balance:
    """Put money into a locked wallet; the row says afterwards what it holds."""
    into, out_of = (Kind.WALLET_GIFT, Kind.PROMOTION) if gift else (Kind.WALLET, Kind.CASH)
    sides = ((out_of, amount.minor), (into, -amount.minor))
    lot = LotMove(kind=ledger.WALLETS[into], amount_minor=amount.minor, expires_at=expires)
    ledger.post([_entry(wallet, source, source_id, "topped_up", at, sides, lots=[lot])])
    audit.record(
        "wallet.topped_up",
        tenant=wallet.tenant_id,
        target=f"wallet:{wallet.pk}",
        at=at,
        by=by,
        amount=str(amount.amount),
        gift=gift,
        **({"expires": expires.isoformat()} if expires else {}),
        source=f"{source}:{source_id}",
    )
    wallet.gift_minor += amount.minor if gift else 0
    wallet.paid_minor += 0 if gift else amount.minor
    return Balance(wallet.paid_minor, wallet.gift_minor)


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
    expires: datetime | None = None,
) -> TopUp:
    """Record an operator's top-up with its reason, and do it; a repeated key changes nothing and returns the first.

    What is left of a gift at `expires`, the first instant after it, goes back to the seller; money that was paid never does.
    """
    _positive(amount)
    _may_lapse(gift, expires, at)
    if not reason.strip():
        raise Invalid(_("Say why the balance is topped up; the customer reads it in the statement."), field="reason")
    wallet = lock(tenant.pk, seller.pk, amount.currency)
    told = {"seller": seller, "currency": amount.currency, "amount_minor": amount.minor, "gift": gift}
    told |= {"expires_at": expires}
    act, fresh = TopUp.objects.get_or_create(
        tenant=tenant, key=key, defaults=told | {"reason": reason.strip(), "at": at, "by": by}
    )
    if fresh:
        _put(wallet, amount, gift=gift, expires=expires, source="top_up", source_id=act.pk, at=at, by=by)
    return act


@transaction.atomic
def take_back(act: TopUp, *, at: datetime, by: User | None, reason: str) -> int:
    """Take a top-up by hand back by a counter-entry, and return how much: what was paid in whole, of a gift what is left.

    It happens once (IntegrityError after that). Raises NotEnough, having taken nothing, where the balance holds less than
    was paid in, or nothing of the gift is left.
    """
    wallet = lock(act.tenant_id, act.seller_id, act.currency, at=at)
    lot = wallet.lots.filter(source="top_up", source_id=act.pk, cause="topped_up").first()
    left = act.amount_minor if not act.gift else lot.left_minor if lot else 0
    if not left or (not act.gift and wallet.paid_minor < left):
        raise NotEnough(_("It has been spent: the balance holds less than would be taken back. Nothing was taken."))
    side, other = (Kind.WALLET_GIFT, Kind.PROMOTION) if act.gift else (Kind.WALLET, Kind.CASH)
    named = [LotMove(kind=lot.kind, amount_minor=-left, lot_id=lot.pk)] if lot and lot.left_minor >= left else []
    ledger.post([_entry(wallet, "take_back", act.pk, "taken_back", at, ((side, left), (other, -left)), lots=named)])
    audit.record(
        "wallet.taken_back",
        tenant=wallet.tenant_id,
        target=f"wallet:{wallet.pk}",
        at=at,
        by=by,
        amount=str(Money(left, act.currency).amount),
        gift=act.gift,
        reason=reason,
        source=f"top_up:{act.pk}",
    )
    return left


@transaction.atomic
def set_alert(
    tenant: Tenant, *, seller: Seller, currency: str, below: Money | None, at: datetime, by: User | None
) -> Wallet:
    """Keep below which balance the customer wants to be told (None: never); it changes nothing else."""
    if below is not None:
        _positive(below)
    wallet = lock(tenant.pk, seller.pk, currency)
    wallet.alert_minor = below.minor if below else None
    wallet.save(update_fields=["alert_minor"])
    said = {"below": str(below.amount) if below else ""}
    audit.record("wallet.alert_set", tenant=tenant, target=f"wallet:{wallet.pk}", at=at, by=by, **said)
    return wallet


@transaction.atomic
def spend(tenant: Tenant, *, seller: Seller, amount: Money, source: str, source_id: int, at: datetime) -> Balance:
    """Settle what a customer owes out of his wallet, gifts first, whole or not at all; return what was taken of each.

    Raises NotEnough, having taken nothing, when it holds less.
    """
    _positive(amount)
    return draw(
        lock(tenant.pk, seller.pk, amount.currency, at=at), amount.minor, source=source, source_id=source_id, at=at
    )


def draw(wallet: Wallet, amount_minor: int, *, source: str, source_id: int, at: datetime) -> Balance:
    """Do the same with a wallet that the caller has locked at `at`; the row says afterwards what is left."""
    if wallet.total_minor < amount_minor:
        raise NotEnough(
            _("The balance is %(balance)s; %(amount)s is needed. Top it up, or pay by bank transfer.")
            % {"balance": money(wallet.total_minor, wallet.currency), "amount": money(amount_minor, wallet.currency)}
        )
    gift = min(wallet.gift_minor, amount_minor)
    taken = Balance(amount_minor - gift, gift)
    sides = ((Kind.WALLET, taken.paid), (Kind.WALLET_GIFT, taken.gift), (Kind.RECEIVABLE, -amount_minor))
    ledger.post([_entry(wallet, source, source_id, "paid", at, sides)])
    wallet.paid_minor -= taken.paid
    wallet.gift_minor -= taken.gift
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


def _may_lapse(gift: bool, expires: datetime | None, at: datetime) -> None:
    if expires is not None and not gift:
        raise Invalid(_("Only a gift can lapse; what was paid in never does."), field="expires")
    if expires is not None and expires <= at:
        raise Invalid(_("A gift lapses after the day on which it is given."), field="expires")


def _entry(
    wallet: Wallet,
    source: str,
    source_id: int,
    kind: str,
    at: datetime,
    sides: tuple[tuple[str, int], ...],
    lots: Sequence[LotMove] = (),
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
        lots=lots,
    )
