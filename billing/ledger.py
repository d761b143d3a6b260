"""The book (well 1): `post` is the only way into it, `balance` and `check` read it.

Set-based: `post` writes any number of transactions in three statements. Debits are positive, credits negative.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F, Sum

from billing.models import Account, LedgerTransaction, Posting, Wallet
from tenants.bulk import among, copy_in, reserve
from tenants.errors import NoTransaction

Kind = Account.Kind
# The pages of the book that are about one customer; the others are the seller's own.
OF_A_TENANT = frozenset({Kind.RECEIVABLE, Kind.UNALLOCATED, Kind.WALLET, Kind.WALLET_GIFT})
# What a customer has is the seller's debt: a credit of the page is more in the wallet.
WALLETS = {Kind.WALLET: "paid_minor", Kind.WALLET_GIFT: "gift_minor"}


class Unbalanced(ValueError):
    """The sides of an entry do not sum to zero: a mistake of the program, refused before anything is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One transaction to post: its opaque source, and its sides as (account kind, minor units)."""

    seller_id: int
    currency: str
    tenant_id: int | None
    source: str
    source_id: int
    kind: str
    at: datetime
    sides: Sequence[tuple[str, int]]


def post(entries: Iterable[Entry]) -> None:
    """Write entries into the book; sides of zero are left out, an entry with no other side is not written.

    Each (source, source id, kind) is booked once: a second time raises IntegrityError. Raises NoTransaction outside a
    transaction and Unbalanced when the sides of an entry do not sum to zero. Wallets follow their pages; one that would
    go below zero raises IntegrityError, so verbs that spend lock it first and ask (`wallets.lock`).
    """
    if not connection.in_atomic_block:
        raise NoTransaction
    wanted = [entry for entry in entries if any(amount for _kind, amount in entry.sides)]
    for entry in wanted:
        if sum(amount for _kind, amount in entry.sides):
            raise Unbalanced(f"{entry.source}:{entry.source_id} {entry.kind} does not balance")
    if not wanted:
        return
    accounts = _accounts({_page(entry, kind) for entry in wanted for kind, amount in entry.sides if amount})
    numbers = reserve(LedgerTransaction, len(wanted))
    copy_in(
        LedgerTransaction,
        ["id", "seller_id", "currency", "tenant_id", "source", "source_id", "kind", "at"],
        (
            (n, e.seller_id, e.currency, e.tenant_id, e.source, e.source_id, e.kind, e.at)
            for n, e in zip(numbers, wanted, strict=True)
        ),
    )
    copy_in(
        Posting,
        ["transaction_id", "account_id", "tenant_id", "amount_minor"],
        (
            (number, accounts[_page(entry, kind)], entry.tenant_id, amount)
            for number, entry in zip(numbers, wanted, strict=True)
            for kind, amount in entry.sides
            if amount
        ),
    )
    _move_wallets(wanted)


def balance(*, seller_id: int, currency: str, kind: str, tenant_id: int | None = None) -> int:
    """Return an account's balance in minor units: debits less credits; of all customers when no tenant is named."""
    postings = Posting.objects.filter(account__seller=seller_id, account__currency=currency, account__kind=kind)
    if tenant_id is not None:
        postings = postings.filter(account__tenant=tenant_id)
    return postings.aggregate(sum=Sum("amount_minor"))["sum"] or 0


def trial_balance() -> list[tuple[int, str, str, int]]:
    """Return (seller id, currency, account kind, balance) of all accounts; each seller's currency sums to zero."""
    rows = Posting.objects.values_list("account__seller", "account__currency", "account__kind")
    return [tuple(row) for row in rows.annotate(sum=Sum("amount_minor")).order_by()]


def _move_wallets(entries: Sequence[Entry]) -> None:
    """Let the wallets say what their pages say."""
    moved: dict[tuple[int, int, str], Counter[str]] = defaultdict(Counter)
    for entry in entries:
        for kind, amount in entry.sides:
            if amount and kind in WALLETS and entry.tenant_id is not None:
                moved[entry.tenant_id, entry.seller_id, entry.currency][WALLETS[Kind(kind)]] -= amount
    if not moved:
        return
    keys = sorted(moved)
    Wallet.objects.bulk_create(
        [Wallet(tenant_id=tenant, seller_id=seller, currency=currency) for tenant, seller, currency in keys],
        ignore_conflicts=True,
    )
    for tenant, seller, currency in keys:
        sums = moved[tenant, seller, currency]
        Wallet.objects.filter(tenant=tenant, seller=seller, currency=currency).update(
            moves=F("moves") + int(sum(sums.values()) > 0),
            **{column: F(column) + amount for column, amount in sums.items()},
        )


def _page(entry: Entry, kind: str) -> tuple[int, str, str, int | None]:
    return entry.seller_id, entry.currency, kind, entry.tenant_id if kind in OF_A_TENANT else None


def _accounts(pages: set[tuple[int, str, str, int | None]]) -> dict[tuple[int, str, str, int | None], int]:
    """Return the ids of accounts, opening those that are new."""
    known = _known(pages)
    if missing := sorted(pages - known.keys(), key=str):
        Account.objects.bulk_create(
            [Account(seller_id=s, currency=c, kind=k, tenant_id=t) for s, c, k, t in missing], ignore_conflicts=True
        )
        known |= _known(set(missing))
    return known


def _known(pages: set[tuple[int, str, str, int | None]]) -> dict[tuple[int, str, str, int | None], int]:
    rows = Account.objects.filter(
        seller__in={p[0] for p in pages}, currency__in={p[1] for p in pages}, kind__in={p[2] for p in pages}
    )
    tenants = {p[3] for p in pages}
    found = rows.filter(tenant=None) if None in tenants else rows.none()
    mine = rows.filter(among("tenant", [tenant for tenant in tenants if tenant is not None]))
    values = ("seller_id", "currency", "kind", "tenant_id", "id")
    return {tuple(row[:4]): row[4] for query in (found, mine) for row in query.values_list(*values)}
