"""Seal the book: a chain of SHA-256 for each seller over what was booked, so that no row can be changed unseen afterwards.

The triggers refuse changes; the chain proves that none was made with the triggers off. Posting stays parallel: a tick seals
what is new, in order of ids. A transaction that commits later than one with a higher id is sealed by the next tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

from django.db import connection, transaction

from billing.models import LedgerSeal, LedgerTransaction
from tenants.bulk import among
from tenants.models import Seller

# How many transactions one link holds at most.
LINK = 1000
ID, DIGEST = 8, 32
# The canonical text of a transaction: what it is, then its sides in the order in which they were written.
DIGESTS = """
SELECT t.id, t.seal_id, sha256(convert_to(concat_ws('|', t.id, t.seller_id, t.currency, coalesce(t.tenant_id::text, ''), t.source,
  t.source_id, t.kind, to_char(t.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), coalesce((
    SELECT string_agg(concat_ws(':', a.kind, a.seller_id, a.currency, coalesce(a.tenant_id::text, ''), p.amount_minor), ','
      ORDER BY p.id)
    FROM billing_posting p JOIN billing_account a ON a.id = p.account_id WHERE p.transaction_id = t.id), '')), 'UTF8'))
FROM billing_ledgertransaction t WHERE t.id = ANY(%s::bigint[]) OR t.seal_id = %s ORDER BY t.id
"""


def seal(*, at: datetime) -> int:
    """Seal what was booked and is not sealed yet, a link at a time; return how many transactions.

    A seller whose chain another worker is lengthening is left to it.
    """
    fresh = LedgerTransaction.objects.filter(seal=None).values_list("seller", flat=True)
    return sum(_seal(seller, at) for seller in sorted(set(fresh.order_by("seller").distinct())))


def differences() -> Iterator[tuple[str, str]]:
    """Yield the first thing that differs in each seller's chain: where, and what."""
    for seller in Seller.objects.filter(ledger_seals__isnull=False).distinct().order_by("pk"):
        found = next(_differences(seller), None)
        if found is not None:
            yield found


def _seal(seller: int, at: datetime) -> int:
    count = 0
    while sealed := _link(seller, at):
        count += sealed
    return count


@transaction.atomic
def _link(seller: int, at: datetime) -> int:
    """Add one link to a chain; return how many transactions it holds."""
    if not Seller.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=seller).exists():
        return 0
    fresh = LedgerTransaction.objects.filter(seller=seller, seal=None).order_by("pk")[:LINK]
    ids = list(fresh.values_list("pk", flat=True))
    if not ids:
        return 0
    last = LedgerSeal.objects.filter(seller=seller).order_by("-number").first()
    rows = b"".join(pk.to_bytes(ID) + digest for pk, _seal, digest in _digests(ids, None))
    previous = last.sha256 if last else ""
    link = LedgerSeal.objects.create(
        seller_id=seller,
        number=last.number + 1 if last else 1,
        count=len(ids),
        rows=rows,
        previous=previous,
        sha256=_hash(previous, rows),
        at=at,
    )
    LedgerTransaction.objects.filter(among("pk", ids)).update(seal=link)
    return len(ids)


def _differences(seller: Seller) -> Iterator[tuple[str, str]]:
    previous = ""
    links = LedgerSeal.objects.filter(seller=seller).order_by("number").iterator(chunk_size=50)
    for number, link in enumerate(links, start=1):
        where = f"seal {link.number} of {seller.code}"
        if link.number != number:
            yield f"seal {number} of {seller.code}", "is gone"
        if link.previous != previous or link.sha256 != _hash(previous, bytes(link.rows)):
            yield where, "does not follow from the seal before it"
        yield from _changed(link, where)
        previous = link.sha256


def _changed(link: LedgerSeal, where: str) -> Iterator[tuple[str, str]]:
    """Yield the transactions of a link that are not what was sealed, in order of their ids."""
    rows = bytes(link.rows)
    sealed = {
        int.from_bytes(rows[start : start + ID]): rows[start + ID : start + ID + DIGEST]
        for start in range(0, len(rows), ID + DIGEST)
    }
    found = {pk: (seal, digest) for pk, seal, digest in _digests(list(sealed), link.pk)}
    for pk in sorted(sealed.keys() | found.keys()):
        if pk not in found:
            yield f"ledger transaction {pk}", f"is gone; {where} holds it"
        elif pk not in sealed:
            yield f"ledger transaction {pk}", f"says it is under {where}, which does not hold it"
        elif found[pk] != (link.pk, sealed[pk]):
            yield f"ledger transaction {pk}", f"is not what was sealed by {where}"


def _digests(ids: list[int], link: int | None) -> list[tuple[int, int | None, bytes]]:
    with connection.cursor() as cursor:
        cursor.execute(DIGESTS, [ids, link])
        return [(pk, seal, bytes(digest)) for pk, seal, digest in cursor.fetchall()]


def _hash(previous: str, rows: bytes) -> str:
    return sha256(previous.encode() + rows).hexdigest()
