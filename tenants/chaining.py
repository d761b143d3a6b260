"""Seal the audit log: one chain of SHA-256 over its entries, so that none is changed, lost or put in unseen.

The triggers refuse changes; the chain proves that none was made with the triggers off. Writing stays parallel and costs
nothing: a tick seals what is new, in order of ids. An entry that commits later than one with a higher id is sealed by the
next tick; one that comes much later than its id or its time says is named by `faults`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import connection, transaction

from tenants.bulk import among
from tenants.models import AuditEntry, AuditSeal

# How many entries one link holds at most.
LINK = 1000
ID, DIGEST = 8, 32
# No transaction of ours is open that long, and no act is written down later than that.
LATE = timedelta(hours=24)
# The canonical text of an entry: every column as JSON, so that no value can pass for another column's.
DIGESTS = """
SELECT e.id, e.seal_id, e.at, sha256(convert_to(jsonb_build_array(e.id, e.tenant_id, e.verb, e.target, e.by_id, e.by_name,
  to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.detail)::text, 'UTF8'))
FROM tenants_auditentry e WHERE e.id = ANY(%s::bigint[]) OR e.seal_id = %s ORDER BY e.id
"""
ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('tenants.chaining.seal'))"


def seal(*, at: datetime) -> int:
    """Seal what was written down and is not sealed yet, a link at a time; return how many entries.

    Where another worker is lengthening the chain it is left to that one.
    """
    count = 0
    while sealed := _link(at):
        count += sealed
    return count


def faults() -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the audit log: where, and what. The chain stops at its first difference."""
    found = next(_differences(), None)
    if found is not None:
        yield found


def last_of(tenant_id: int) -> AuditSeal | None:
    """Return the newest link that holds an entry of this customer; None as long as none is sealed."""
    mine = AuditEntry.objects.filter(tenant=tenant_id, seal__isnull=False)
    return AuditSeal.objects.filter(pk__in=mine.values("seal")).defer("rows").order_by("-number").first()


@transaction.atomic
def _link(at: datetime) -> int:
    """Add one link to the chain; return how many entries it holds."""
    if not _alone():
        return 0
    ids = list(AuditEntry.objects.filter(seal=None).order_by("pk").values_list("pk", flat=True)[:LINK])
    if not ids:
        return 0
    last = AuditSeal.objects.defer("rows").order_by("-number").first()
    rows = b"".join(pk.to_bytes(ID) + digest for pk, _seal, _at, digest in _digests(ids, None))
    previous = last.sha256 if last else ""
    link = AuditSeal.objects.create(
        number=last.number + 1 if last else 1,
        count=len(ids),
        rows=rows,
        previous=previous,
        sha256=_hash(previous, rows),
        at=at,
    )
    AuditEntry.objects.filter(among("pk", ids)).update(seal=link)
    return len(ids)


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(ALONE)
        return bool(cursor.fetchone()[0])


def _differences() -> Iterator[tuple[str, str]]:
    previous, before = "", _Before()
    for number, link in enumerate(AuditSeal.objects.order_by("number").iterator(chunk_size=50), start=1):
        where = f"seal {link.number} of the audit log"
        if link.number != number:
            yield f"seal {number} of the audit log", "is gone"
        if link.previous != previous or link.sha256 != _hash(previous, bytes(link.rows)):
            yield where, "does not follow from the seal before it"
        yield from _changed(link, where, before)
        before.add(link)
        previous = link.sha256
    yield from _lost(before)


class _Before:
    """The links passed so far: up to which id, and until when, everything had been sealed some time ago."""

    def __init__(self) -> None:
        self.links: list[tuple[datetime, int]] = []
        self.settled_id = 0
        self.settled_at: datetime | None = None

    def add(self, link: AuditSeal) -> None:
        """Pass a link; its ids count as settled once a link was made long after it."""
        rows = bytes(link.rows)
        self.links.append((link.at, int.from_bytes(rows[-ID - DIGEST : -DIGEST])))

    def settle(self, at: datetime) -> None:
        """Count the links as settled that were made long before `at`."""
        while self.links and self.links[0][0] <= at - LATE:
            self.settled_at, highest = self.links.pop(0)
            self.settled_id = max(self.settled_id, highest)

    def put_in(self, pk: int, at: datetime) -> bool:
        """Whether an entry says it is older than what had long been sealed: such a one was put in afterwards."""
        return pk < self.settled_id or (self.settled_at is not None and at < self.settled_at - LATE)


def _changed(link: AuditSeal, where: str, before: _Before) -> Iterator[tuple[str, str]]:
    """Yield the entries of a link that are not what was sealed, in order of their ids."""
    rows = bytes(link.rows)
    before.settle(link.at)
    sealed = {
        int.from_bytes(rows[start : start + ID]): rows[start + ID : start + ID + DIGEST]
        for start in range(0, len(rows), ID + DIGEST)
    }
    found = {pk: (seal, at, digest) for pk, seal, at, digest in _digests(list(sealed), link.pk)}
    for pk in sorted(sealed.keys() | found.keys()):
        if pk not in found:
            yield f"audit entry {pk}", f"is gone; {where} holds it"
        elif pk not in sealed:
            yield f"audit entry {pk}", f"says it is under {where}, which does not hold it"
        elif (found[pk][0], found[pk][2]) != (link.pk, sealed[pk]):
            yield f"audit entry {pk}", f"is not what was sealed by {where}"
        elif before.put_in(pk, found[pk][1]):
            yield f"audit entry {pk}", f"was put in afterwards; {where} was the first to hold it"


def _lost(before: _Before) -> Iterator[tuple[str, str]]:
    """Yield entries that no link holds though their ids had long been sealed; new ones only wait for the next tick."""
    if before.links or before.settled_id:
        if before.links:
            before.settle(before.links[-1][0])
        for pk in (
            AuditEntry.objects.filter(seal=None, pk__lt=before.settled_id).order_by("pk").values_list("pk", flat=True)
        ):
            yield f"audit entry {pk}", "was put in afterwards; no seal holds it"


def _digests(ids: list[int], link: int | None) -> list[tuple[int, int | None, datetime, bytes]]:
    with connection.cursor() as cursor:
        cursor.execute(DIGESTS, [ids, link])
        return [(pk, seal, at, bytes(digest)) for pk, seal, at, digest in cursor.fetchall()]


def _hash(previous: str, rows: bytes) -> str:
    return sha256(previous.encode() + rows).hexdigest()
