"""Mails that came back: read from delivery status notifications (RFC 3464) and matched to what we sent.

Anybody can write such a mail. One counts only when it names the Message-ID of a mail of ours, which nobody but its readers
can know, and says that the mail will never arrive (5.x.x, RFC 3463). All else changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, message_from_string
from email.message import Message
from email.policy import compat32

import structlog
from django.db import transaction
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from tenants import audit, reaching
from tenants.delivery import message_id
from tenants.errors import WrongState
from tenants.models import Bounce, Delivery, Notice, User
from tenants.telling import MAIL

# A longer mail is no notification; only so much of one is read.
MOST_BYTES = 1 << 20
OURS = re.compile(r"<notice-([0-9]{1,18})-[0-9a-f]{24}@[^<>\s]+>")
FOR_GOOD = re.compile(r"5\.[0-9]{1,3}\.[0-9]{1,3}")
MOST_REASON = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Returned:
    """What a notification says of one recipient: which mail, the code, and what the server said."""

    message_id: str
    status: str
    reason: str


def read(raw: bytes) -> Returned | None:
    """Return what a mail says about one that will never arrive; None when it says nothing of the kind. Never raises."""
    try:
        mail = message_from_bytes(raw[:MOST_BYTES], policy=compat32)
        if mail.get_content_type() != "multipart/report":
            return None
        sent, told = _original(mail), list(_failures(mail))
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError):
        return None
    return Returned(sent, *told[0]) if sent and told else None


@transaction.atomic
def record(raw: bytes, *, at: datetime) -> Bounce | None:
    """Keep that a mail of ours came back, once, and take its delivery back; None for a mail that changes nothing.

    The notice counts as delivered by what is left: another address, WeCom, or a member who opened it; else it is not
    delivered any more, and operators see it.
    """
    found = read(raw)
    delivery = _delivery(found) if found else None
    if found is None or delivery is None:
        return None
    notice = delivery.notice
    said = {"tenant_id": notice.tenant_id, "address": delivery.address, "status": found.status}
    bounce = Bounce.objects.create(delivery=delivery, reason=found.reason, at=at, **said)
    since = reaching.settle(notice)
    audit.record("notice.came_back", tenant=notice.tenant_id, target=f"notice:{notice.pk}", at=at, by=None)
    log.error("a mail came back", notice=notice.pk, kind=notice.kind, status=found.status, still_delivered=bool(since))
    return bounce


def _delivery(found: Returned) -> Delivery | None:
    """Return the accepted delivery that came back, under its notice's lock; None for a stranger's mail, or a repeated one."""
    named = OURS.fullmatch(found.message_id)
    if named is None:
        return None
    notice = Notice.objects.select_for_update(no_key=True).filter(pk=int(named[1])).first()
    if notice is None:
        return None
    for delivery in notice.deliveries.filter(ok=True, channel=MAIL, bounce=None).order_by("-at", "-pk"):
        if constant_time_compare(message_id(notice, delivery.address), found.message_id):
            return delivery
    return None


def _failures(mail: Message) -> Iterator[tuple[str, str]]:
    """Yield code and reason of each recipient whom the mail will never reach."""
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        blocks = part.get_payload()
        for block in blocks if isinstance(blocks, list) else ():
            if not isinstance(block, Message):
                continue
            status = FOR_GOOD.search(str(block.get("Status", "")))
            if status and str(block.get("Action", "")).strip().lower() == "failed":
                yield status[0], _plain(str(block.get("Diagnostic-Code", "")))


def _original(mail: Message) -> str:
    """Return the Message-ID of the mail that came back: of the copy, or of its headers, that the notification brings."""
    for part in mail.walk():
        kind = part.get_content_type()
        copies = part.get_payload()
        if kind == "message/rfc822" and isinstance(copies, list) and isinstance(copies[0], Message):
            return str(copies[0].get("Message-ID", "")).strip()
        if kind in ("text/rfc822-headers", "message/rfc822-headers"):
            body = part.get_payload(decode=True)
            headers = body.decode("utf-8", "replace") if isinstance(body, bytes) else ""
            return str(message_from_string(headers, policy=compat32).get("Message-ID", "")).strip()
    return ""


def _plain(text: str) -> str:
    """Return a reason on one line, without control characters."""
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()[:MOST_REASON]


@transaction.atomic
def seen(bounce: Bounce, *, at: datetime, by: User | None) -> None:
    """Keep that an operator has seen to a mail that came back; raise WrongState when somebody has already."""
    if not Bounce.objects.filter(pk=bounce.pk, seen_at=None).update(seen_at=at):
        raise WrongState(_("Somebody has seen to it already."))
    audit.record("bounce.seen", tenant=bounce.tenant_id, target=f"bounce:{bounce.pk}", at=at, by=by)
