"""The outbox of notices: announced in the transaction of their cause, delivered later, at least once.

A notice is announced once per tenant and key. Delivery claims notices in a short transaction, sends with none open,
and then writes down how it went; a crash between sending and writing sends again, with the same Message-ID, so that
the reader's mail program shows it once. Nothing is ever lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from tenants import letters, receivers
from tenants.delivery import deliver, retry
from tenants.errors import NoTransaction
from tenants.models import Notice, Seller, Tenant
from tenants.receivers import recipients
from tenants.telling import MAIL

__all__ = ["Attachment", "NewNotice", "announce", "announce_many", "deliver", "give_file", "recipients", "retry"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with the notice: its bytes are found by their hash in tenants.files."""

    name: str
    sha256: str
    type: str = "application/pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """What is to be told: `kind` chooses the letter, `payload` (plain JSON) fills it, `key` says it once.

    `language` defaults to the tenant's; `to` names addresses where it is not for those who receive the bills.
    """

    tenant: Tenant
    kind: str
    key: str
    payload: Mapping[str, Any]
    seller: Seller | None = None
    attachments: Sequence[Attachment] = ()
    language: str | None = None
    to: Sequence[str] = ()
    # Its file is made after the transaction: it goes out when `give_file` brings it.
    awaits_file: bool = False


def announce(
    tenant: Tenant,
    *,
    kind: str,
    key: str,
    payload: Mapping[str, Any],
    at: datetime,
    seller: Seller | None = None,
    attachments: Sequence[Attachment] = (),
    language: str | None = None,
    to: Sequence[str] = (),
) -> Notice:
    """Announce one notice; see `announce_many`. A key that was announced before changes nothing and returns the first."""
    said = NewNotice(
        tenant=tenant,
        kind=kind,
        key=key,
        payload=payload,
        seller=seller,
        attachments=attachments,
        language=language,
        to=to,
    )
    announce_many([said], at=at)
    return Notice.objects.get(tenant=tenant, key=key)


def announce_many(notices: Iterable[NewNotice], *, at: datetime) -> None:
    """Put notices into the outbox, each once per tenant and key, to those who receive the tenant's bills now.

    What the company has switched off is kept for its page and not sent (`tenants.receivers.ways`).

    Raises NoTransaction outside a transaction, so that a notice can neither miss its cause nor survive it; and
    ValueError when no letter could be written of it (an unknown kind, a payload with a gap).
    """
    if not connection.in_atomic_block:
        raise NoTransaction
    said = list(notices)
    for notice in said:
        letters.check(notice.kind, notice.payload)
    addresses = recipients({notice.tenant.pk for notice in said})
    ways = receivers.ways((notice.tenant.pk, notice.kind) for notice in said)
    rows = [
        _row(one, one.to or addresses[one.tenant.pk], _ways(one, ways[one.tenant.pk, one.kind]), at) for one in said
    ]
    Notice.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)


@transaction.atomic
def give_file(notice: Notice, attachments: Sequence[Attachment], *, at: datetime) -> bool:
    """Let a notice that waits for its file go out with it, or, with none, without it; return whether it had waited."""
    waiting = Notice.objects.filter(pk=notice.pk, status=Notice.Status.MAKING)
    said = [asdict(attachment) for attachment in attachments]
    return bool(waiting.update(attachments=said, status=Notice.Status.PENDING, next_try_at=at))


def _ways(said: NewNotice, chosen: Sequence[str]) -> list[str]:
    """Return by which ways it goes: who is named gets his mail, whatever the company has chosen for its own."""
    return [MAIL, *(way for way in chosen if way != MAIL)] if said.to else list(chosen)


def _row(said: NewNotice, addresses: Sequence[str], ways: Sequence[str], at: datetime) -> Notice:
    waits = Notice.Status.MAKING if said.awaits_file else Notice.Status.PENDING
    return Notice(
        tenant=said.tenant,
        seller=said.seller,
        key=said.key,
        kind=said.kind,
        language=said.language or said.tenant.language,
        payload=said.payload,
        attachments=[asdict(attachment) for attachment in said.attachments],
        recipients=list(addresses),
        channels=list(ways),
        status=waits if ways else Notice.Status.OFF,
        created_at=at,
        next_try_at=at,
    )
