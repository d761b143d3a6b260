"""The lots of a wallet: each credit makes one, each debit uses them up: gifts by their expiry, then what was paid, oldest first.

Called by `ledger.post` alone, in the transaction of the posting, with the wallets already moved and therefore locked. One
statement for all debits and one for all credits of a batch, whatever their number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection
from django.db.models import Q, Sum

from billing.models import LotUse, WalletLot

NEVER = datetime.max.replace(tzinfo=UTC)


class LotsMissing(ValueError):
    """The lots of a wallet do not hold what is taken from it: a fault of the books, refused before anything is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LotMove:
    """A lot that a posting moves by name: minor units into it (above zero) or out of it; without an id, a new lot."""

    kind: str
    amount_minor: int
    lot_id: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What one posting does to one side of a wallet: above zero more is there. `lots` names the lots of a part of it."""

    tenant_id: int
    wallet_id: int
    kind: str
    amount_minor: int
    source: str
    source_id: int
    cause: str
    at: datetime
    lots: Sequence[LotMove] = ()

    @property
    def unnamed(self) -> int:
        """What of it no lot was named for."""
        return self.amount_minor - sum(lot.amount_minor for lot in self.lots)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was taken from a lot and has not come back."""

    lot_id: int
    kind: str
    expires_at: datetime | None
    amount_minor: int


def move(moves: Sequence[Move]) -> None:
    """Move the lots of wallets; raises LotsMissing when they hold less than is taken."""
    named = [(one, lot) for one in moves for lot in one.lots if lot.lot_id is not None]
    taken = [one for one in moves if one.unnamed < 0]
    if new := [lot for one in moves for lot in _new(one)]:
        WalletLot.objects.bulk_create(new)
    if named:
        _move_named(named)
    if taken:
        _take(taken)


def drawn(causes: Mapping[str, Iterable[int]]) -> list[Drawn]:
    """Return what these causes (ids by source) took from lots less what they gave back, last taken first."""
    which = Q(pk__in=())
    for source, ids in causes.items():
        which |= Q(source=source, source_id__in=list(ids))
    rows = LotUse.objects.filter(which).values_list("lot", "lot__kind", "lot__expires_at", "lot__at")
    sums = [
        Drawn(lot, kind, until, -moved)
        for lot, kind, until, _at, moved in rows.annotate(sum=Sum("amount_minor")).order_by("-lot__at", "-lot")
    ]
    # The reverse of their use: what never lapses was taken last. Equal ones stay as they are.
    return sorted((one for one in sums if one.amount_minor > 0), key=lambda one: one.expires_at or NEVER, reverse=True)


def _new(one: Move) -> list[WalletLot]:
    """Return the lots that a credit makes: one for each day on which a part of it lapses."""
    sums: dict[datetime | None, int] = defaultdict(int)
    for lot in one.lots:
        if lot.lot_id is None:
            sums[lot.expires_at] += lot.amount_minor
    sums[None] += max(0, one.unnamed)
    of = {"source": one.source, "source_id": one.source_id, "cause": one.cause, "at": one.at, "kind": one.kind}
    return [
        WalletLot(
            tenant_id=one.tenant_id,
            wallet_id=one.wallet_id,
            amount_minor=amount,
            left_minor=amount,
            expires_at=expires_at,
            **of,
        )
        for expires_at, amount in sums.items()
        if amount
    ]


_NAMED = """
WITH used AS (
  INSERT INTO billing_lotuse (tenant_id, lot_id, source, source_id, cause, amount_minor, at)
  SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::timestamptz[])
  RETURNING lot_id, amount_minor)
UPDATE billing_walletlot lot SET left_minor = left_minor + moved.amount
FROM (SELECT lot_id, sum(amount_minor) AS amount FROM used GROUP BY lot_id) moved WHERE lot.id = moved.lot_id
"""


def _move_named(named: Sequence[tuple[Move, LotMove]]) -> None:
    rows = [
        (one.tenant_id, lot.lot_id, one.source, one.source_id, one.cause, lot.amount_minor, one.at)
        for one, lot in named
    ]
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, [list(column) for column in zip(*rows, strict=True)])


# Lots and debits of a wallet's side stand end to end on two rulers; each debit takes from the lots that it lies upon.
_TAKE = """
WITH debit AS (
  SELECT *, sum(amount) OVER (PARTITION BY wallet_id, kind ORDER BY n) AS upto
  FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::timestamptz[])
    WITH ORDINALITY AS asked (wallet_id, kind, amount, source, source_id, cause, at, n)),
lot AS (
  SELECT id, tenant_id, wallet_id, kind, left_minor,
    sum(left_minor) OVER (PARTITION BY wallet_id, kind ORDER BY expires_at NULLS LAST, at, id) AS upto
  FROM billing_walletlot WHERE wallet_id = ANY(%s::bigint[]) AND left_minor > 0),
taken AS (
  SELECT lot.id, lot.tenant_id, d.source, d.source_id, d.cause, d.at,
    least(lot.upto, d.upto) - greatest(lot.upto - lot.left_minor, d.upto - d.amount) AS amount
  FROM lot JOIN debit d USING (wallet_id, kind)
  WHERE lot.upto - lot.left_minor < d.upto AND d.upto - d.amount < lot.upto),
used AS (
  INSERT INTO billing_lotuse (tenant_id, lot_id, source, source_id, cause, amount_minor, at)
  SELECT tenant_id, id, source, source_id, cause, -amount, at FROM taken),
lower AS (
  UPDATE billing_walletlot lot SET left_minor = left_minor - moved.amount
  FROM (SELECT id, sum(amount) AS amount FROM taken GROUP BY id) moved WHERE lot.id = moved.id)
SELECT coalesce(sum(amount), 0) FROM taken
"""


def _take(taken: Sequence[Move]) -> None:
    rows = [(one.wallet_id, one.kind, -one.unnamed, one.source, one.source_id, one.cause, one.at) for one in taken]
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [*columns, columns[0]])
        found = cursor.fetchone()[0]
    if found != sum(columns[2]):
        raise LotsMissing(f"The lots of wallets {sorted(set(columns[0]))} hold {found} of {sum(columns[2])}.")
