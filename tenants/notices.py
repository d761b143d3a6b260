"""The outbox of notices: announced in the transaction of their cause, delivered later, at least once.

A notice is announced once per tenant and key. Delivery claims notices in a short transaction, sends with none open,
and then writes down how it went; a crash between sending and writing sends again, with the same Message-ID, so that
the reader's mail program shows it once. Nothing is ever lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from tenants import letters
from tenants.delivery import deliver, retry
from tenants.errors import NoTransaction
from tenants.models import Contact, Member, Notice, Seller, Tenant

__all__ = ["Attachment", "NewNotice", "announce", "announce_many", "deliver", "recipients", "retry"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with the notice: its bytes are found by their hash in tenants.files."""

    name: str
    sha256: str
    type: str = "application/pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """What is to be told: `kind` chooses the letter, `payload` (plain JSON) fills it, `key` says it once.

    `language` defaults to the tenant's.
    """

    tenant: Tenant
    kind: str
    key: str
    payload: Mapping[str, Any]
    seller: Seller | None = None
    attachments: Sequence[Attachment] = ()
    language: str | None = None


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
    )
    announce_many([said], at=at)
    return Notice.objects.get(tenant=tenant, key=key)


def announce_many(notices: Iterable[NewNotice], *, at: datetime) -> None:
    """Put notices into the outbox, each once per tenant and key, to those who receive the tenant's bills now.

    Raises NoTransaction outside a transaction, so that a notice can neither miss its cause nor survive it; and
    ValueError when no letter could be written of it (an unknown kind, a payload with a gap).
    """
    if not connection.in_atomic_block:
        raise NoTransaction
    said = list(notices)
    for notice in said:
        letters.check(notice.kind, notice.payload)
    receivers = recipients({notice.tenant.pk for notice in said})
    Notice.objects.bulk_create(
        [_row(notice, receivers[notice.tenant.pk], at) for notice in said], ignore_conflicts=True, batch_size=500
    )


def recipients(tenants: Iterable[int]) -> defaultdict[int, list[str]]:
    """Return the addresses that notices of these tenants go to: contacts who receive bills, else the owners."""
    wanted = set(tenants)
    found: defaultdict[int, list[str]] = defaultdict(list)
    contacts = Contact.objects.filter(tenant__in=wanted, receives_bills=True).exclude(email="").order_by("id")
    for tenant_id, email in contacts.values_list("tenant_id", "email"):
        found[tenant_id].append(email)
    owners = Member.objects.filter(tenant__in=wanted - set(found), role=Member.Role.OWNER, user__is_active=True)
    for tenant_id, email in owners.order_by("id").values_list("tenant_id", "user__email"):
        found[tenant_id].append(email)
    return found


def _row(said: NewNotice, addresses: Sequence[str], at: datetime) -> Notice:
    return Notice(
        tenant=said.tenant,
        seller=said.seller,
        key=said.key,
        kind=said.kind,
        language=said.language or said.tenant.language,
        payload=said.payload,
        attachments=[asdict(attachment) for attachment in said.attachments],
        recipients=list(addresses),
        created_at=at,
        next_try_at=at,
    )
