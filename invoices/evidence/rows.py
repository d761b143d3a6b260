"""The long lists of a pack, row by row: usage, the book, the audit log. Nothing is held in memory as a whole."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import connection
from django.db.models import Q

from billing import sealing
from billing.models import LedgerTransaction, Posting
from billing.money import plain
from invoices.deriving.standing import instant
from invoices.evidence.gathering import Scope
from tenants.bulk import among
from tenants.models import AuditEntry
from usage.models import UsageEvent

CHUNK = 2000
USAGE = (
    "key",
    "meter",
    "kind",
    "occurred_at",
    "quantity",
    "member",
    "dimension",
    "properties",
    "voids",
    "received_at",
)
LEDGER = (
    "transaction",
    "seller",
    "currency",
    "tenant",
    "source",
    "source_id",
    "kind",
    "at",
    "account",
    "account_seller",
    "account_currency",
    "account_tenant",
    "amount_minor",
    "sha256",
    "seal",
    "seal_sha256",
    "sealed_at",
)
AUDIT = ("at", "verb", "target", "by", "detail")
# Of whose days: a meter and a half-open stretch; None is every meter.
Window = tuple[str | None, datetime, datetime]


def usage(scope: Scope, windows: Iterable[Window]) -> Iterator[list[str]]:
    """Yield every event and void of the stretches that lines measure, and of the pack's own days."""
    asked = Q()
    for meter, start, end in _merged([*windows, (None, scope.since, scope.until)]):
        inside = Q(occurred_at__gte=start, occurred_at__lt=end)
        asked |= inside & Q(meter__code=meter) if meter else inside
    found = UsageEvent.objects.filter(asked, tenant=scope.tenant).select_related("meter", "voids")
    for row in found.order_by("meter__code", "occurred_at", "key", "pk").iterator(chunk_size=CHUNK):
        yield [
            row.key,
            row.meter.code,
            row.kind,
            instant(row.occurred_at),
            plain(row.quantity),
            row.member,
            _json(row.dimension),
            _json(row.properties),
            row.voids.key if row.voids else "",
            instant(row.received_at),
        ]


def ledger(scope: Scope) -> Iterator[list[object]]:
    """Yield each side of each transaction of this company, with the hash of the transaction and the seal over it."""
    mine = LedgerTransaction.objects.filter(tenant=scope.tenant, at__gte=scope.since, at__lt=scope.until)
    paid = Q(tenant=scope.tenant, source="payment", source_id__in=[p.pk for p in scope.payments])
    ids = sorted(
        {*mine.values_list("pk", flat=True), *LedgerTransaction.objects.filter(paid).values_list("pk", flat=True)}
    )
    for start in range(0, len(ids), CHUNK):
        yield from _transactions(ids[start : start + CHUNK])


def audit(scope: Scope) -> Iterator[list[str]]:
    """Yield what was done on this company's account in these days."""
    found = AuditEntry.objects.filter(tenant=scope.tenant, at__gte=scope.since, at__lt=scope.until)
    for row in found.order_by("at", "id").iterator(chunk_size=CHUNK):
        yield [instant(row.at), row.verb, row.target, row.by_name, _json(row.detail)]


def _transactions(ids: list[int]) -> Iterator[list[object]]:
    digests = _digests(ids)
    sides: dict[int, list[Posting]] = defaultdict(list)
    for side in Posting.objects.filter(among("transaction", ids)).select_related("account").order_by("pk"):
        sides[side.transaction_id].append(side)
    for row in LedgerTransaction.objects.filter(among("pk", ids)).select_related("seal").order_by("pk"):
        for side in sides[row.pk]:
            account = side.account
            yield [
                row.pk,
                row.seller_id,
                row.currency,
                row.tenant_id or "",
                row.source,
                row.source_id,
                row.kind,
                f"{row.at:%Y-%m-%dT%H:%M:%S.%fZ}",
                account.kind,
                account.seller_id,
                account.currency,
                account.tenant_id or "",
                side.amount_minor,
                digests[row.pk],
                row.seal.number if row.seal else "",
                row.seal.sha256 if row.seal else "",
                instant(row.seal.at) if row.seal else "",
            ]


def _digests(ids: list[int]) -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute(sealing.DIGESTS, [ids, None])
        return {pk: bytes(digest).hex() for pk, _seal, digest in cursor.fetchall()}


def _merged(windows: Iterable[Window]) -> list[Window]:
    """Return the stretches of each meter with those that touch put together."""
    found: list[Window] = []
    for meter, start, end in sorted(windows, key=lambda one: (one[0] or "", one[1], one[2])):
        last = found[-1] if found else None
        if last and last[0] == meter and start <= last[2]:
            found[-1] = (meter, last[1], max(last[2], end))
        else:
            found.append((meter, start, end))
    return found


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
