"""The book (well 1): `post` is the only way into it, `balance` and `check` read it.

Set-based: `post` writes any number of transactions in a few statements. Debits are positive, credits negative.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Sum

from billing import lots
from billing.lots import LotMove
from billing.models import Account, LedgerTransaction, Posting, Wallet, WalletLot
from tenants.bulk import copy_in, reserve
from tenants.errors import NoTransaction

Kind = Account.Kind
# The pages of the book that are about one customer; the others are the seller's own.
OF_A_TENANT = frozenset({Kind.RECEIVABLE, Kind.UNALLOCATED, Kind.WALLET, Kind.WALLET_GIFT, Kind.REFUND_PAYABLE})
# Where a provider's money is; what is not named here came in at the bank.
CASH_OF = {"alipay": Kind.CASH_ALIPAY, "wechat": Kind.CASH_WECHAT}
# What a customer has is the seller's debt: a credit of the page is more in the wallet.
WALLETS = {Kind.WALLET: WalletLot.Kind.PAID, Kind.WALLET_GIFT: WalletLot.Kind.GIFT}
# Seller, currency, kind, and the customer that the page is about.
Page = tuple[int, str, str, int | None]
# A wallet: customer, seller, currency.
Side = tuple[int, int, str]


class Unbalanced(ValueError):
    """The sides of an entry do not sum to zero: a mistake of the program, refused before anything is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One transaction to post: its opaque source, and its sides as (account kind, minor units).

    `lots` names the lots of the wallet that it moves; what is in no lot's name makes a new one, or uses lots in their order.
    """

    seller_id: int
    currency: str
    tenant_id: int | None
    source: str
    source_id: int
    kind: str
    at: datetime
    sides: Sequence[tuple[str, int]]
    lots: Sequence[LotMove] = ()


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
    if len(wanted) == 1:
        _write_one(wanted[0], accounts)
    else:
        _write_many(wanted, accounts)
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


_ONE = """
WITH entry AS (
  INSERT INTO billing_ledgertransaction (seller_id, currency, tenant_id, source, source_id, kind, at)
  VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id, tenant_id)
INSERT INTO billing_posting (transaction_id, account_id, tenant_id, amount_minor)
SELECT entry.id, side.account, entry.tenant_id, side.amount
FROM entry CROSS JOIN unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY AS side (account, amount, n) ORDER BY side.n
"""


def _write_one(e: Entry, accounts: Mapping[Page, int]) -> None:
    """Write an entry and its sides in one statement: most causes book once, and COPY costs more than it saves there."""
    sides = [(accounts[_page(e, kind)], amount) for kind, amount in e.sides if amount]
    columns = [list(column) for column in zip(*sides, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_ONE, [e.seller_id, e.currency, e.tenant_id, e.source, e.source_id, e.kind, e.at, *columns])


def _write_many(wanted: Sequence[Entry], accounts: Mapping[Page, int]) -> None:
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


def _move_wallets(entries: Sequence[Entry]) -> None:
    """Let the wallets and their lots say what their pages say: the one place where either moves."""
    moved = {n: sums for n, entry in enumerate(entries) if (sums := _of_wallet(entry))}
    if not moved:
        return
    sides: dict[Side, Counter[str]] = defaultdict(Counter)
    for n, sums in moved.items():
        sides[_side(entries[n])].update(sums)
    wallets = _raise(sides)
    lots.move([move for n, sums in moved.items() for move in _moves(entries[n], wallets[_side(entries[n])], sums)])


def _of_wallet(entry: Entry) -> Counter[str]:
    """Return what an entry puts into each side of its customer's wallet."""
    sums: Counter[str] = Counter()
    for kind, amount in entry.sides:
        if amount and kind in WALLETS and entry.tenant_id is not None:
            sums[WALLETS[Kind(kind)]] -= amount
    return sums


def _side(entry: Entry) -> Side:
    assert entry.tenant_id is not None
    return entry.tenant_id, entry.seller_id, entry.currency


def _moves(entry: Entry, wallet: int, sums: Mapping[str, int]) -> list[lots.Move]:
    assert entry.tenant_id is not None
    return [
        lots.Move(
            tenant_id=entry.tenant_id,
            wallet_id=wallet,
            kind=kind,
            amount_minor=amount,
            source=entry.source,
            source_id=entry.source_id,
            cause=entry.kind,
            at=entry.at,
            lots=[lot for lot in entry.lots if lot.kind == kind],
        )
        for kind, amount in sums.items()
        if amount
    ]


# Locked in the order of customers, as `collect` does, whatever order the plan takes.
_RAISE = """
WITH moved AS MATERIALIZED (
  SELECT w.id, w.tenant_id, w.seller_id, w.currency, m.paid, m.gift FROM billing_wallet w
  JOIN unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[])
    AS m (tenant_id, seller_id, currency, paid, gift) USING (tenant_id, seller_id, currency)
  ORDER BY w.tenant_id, w.seller_id, w.currency FOR NO KEY UPDATE OF w)
UPDATE billing_wallet w SET paid_minor = w.paid_minor + m.paid, gift_minor = w.gift_minor + m.gift,
  moves = w.moves + (m.paid + m.gift > 0)::int
FROM moved m WHERE w.id = m.id RETURNING m.tenant_id, m.seller_id, m.currency, w.id
"""


def _raise(sides: Mapping[Side, Mapping[str, int]]) -> dict[Side, int]:
    """Move wallets by these sums, opening those that are new; return their ids."""
    found = _update(sides)
    if missing := {side: sums for side, sums in sides.items() if side not in found}:
        new = [Wallet(tenant_id=tenant, seller_id=seller, currency=currency) for tenant, seller, currency in missing]
        Wallet.objects.bulk_create(new, ignore_conflicts=True)
        found |= _update(missing)
    return found


def _update(sides: Mapping[Side, Mapping[str, int]]) -> dict[Side, int]:
    kinds = WalletLot.Kind.PAID, WalletLot.Kind.GIFT
    rows = [(*side, *(sums.get(kind, 0) for kind in kinds)) for side, sums in sorted(sides.items())]
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, [list(column) for column in zip(*rows, strict=True)])
        return {row[:3]: row[3] for row in cursor.fetchall()}


def _page(entry: Entry, kind: str) -> Page:
    return entry.seller_id, entry.currency, kind, entry.tenant_id if kind in OF_A_TENANT else None


def _accounts(pages: set[Page]) -> dict[Page, int]:
    """Return the ids of accounts, opening those that are new."""
    known = _known(pages)
    if missing := sorted(pages - known.keys(), key=str):
        Account.objects.bulk_create(
            [Account(seller_id=s, currency=c, kind=k, tenant_id=t) for s, c, k, t in missing], ignore_conflicts=True
        )
        known |= _known(set(missing))
    return known


# Two halves: a seller has one page of its own beside one for each customer, and no index serves both at once.
_PAGES = """
SELECT seller_id, currency, kind, tenant_id, id FROM billing_account
WHERE seller_id = ANY(%(sellers)s) AND currency = ANY(%(currencies)s) AND kind = ANY(%(kinds)s) AND tenant_id IS NULL
UNION ALL
SELECT seller_id, currency, kind, tenant_id, id FROM billing_account
WHERE seller_id = ANY(%(sellers)s) AND currency = ANY(%(currencies)s) AND kind = ANY(%(kinds)s)
  AND tenant_id = ANY(%(tenants)s::bigint[])
"""


def _known(pages: set[Page]) -> dict[Page, int]:
    sellers, currencies, kinds, tenants = ({page[place] for page in pages} for place in range(4))
    asked: dict[str, Any] = {
        "sellers": list(sellers),
        "currencies": list(currencies),
        "kinds": [str(kind) for kind in kinds],
    }
    with connection.cursor() as cursor:
        cursor.execute(_PAGES, asked | {"tenants": [tenant for tenant in tenants if tenant is not None]})
        return {row[:4]: row[4] for row in cursor.fetchall()}
