"""The file of each notice of a deduction: made between two verbs, kept by its hash, and sent with the message that waits for it.

The notice is announced in the transaction of its cause; its message waits in the outbox for its file, and for that alone.
It counts from when it arrived (CONTRACTS rule 17), so a file never moves a deduction: a message whose file is late goes out
without it, early enough that a renewal keeps its day. The file is then on the page.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, transaction

from invoices import composing_notices, parking
from invoices.models import ChargeNotice, Document, Parked
from invoices.models.notices import WAIT
from invoices.notice_document import NoticeDocument
from tenants import files, notices
from tenants.bulk import among
from tenants.models import Notice

Typeset = Callable[[NoticeDocument], bytes]
HOUR = timedelta(hours=1)
# A message waits so long for its file at most, and at least; that of a bill moves its day, so it waits an hour.
MOST, LEAST = timedelta(days=1), timedelta(minutes=10)

log = structlog.get_logger(__name__)


def waiting(limit: int, *, part: tuple[int, int] = (0, 1)) -> list[ChargeNotice]:
    """Return the notices whose message waits for its file, oldest first; `part` (n, of) shares the work by id."""
    held = Notice.objects.filter(status=Notice.Status.MAKING, kind="charge_announced").order_by("created_at", "pk")
    keys = [key.rpartition(":")[2] for key in held.values_list("key", flat=True)[: limit * part[1]]]
    found = ChargeNotice.objects.filter(among("pk", [int(pk) for pk in keys])).select_related("tenant", "seller")
    mine = [row for row in found.order_by("pk") if row.pk % part[1] == part[0]]
    return mine[:limit]


def render(notice: ChargeNotice, typeset: Typeset, *, at: datetime) -> Document | None:
    """Make and keep the file of a notice and let its message go with it; without it, parked, where it cannot be printed."""
    letter = Notice.objects.filter(tenant=notice.tenant_id, key=notice.key).first()
    if letter is None:
        return None
    try:
        pdf = typeset(composing_notices.compose(notice, letter, letter.language))
    except (OperationalError, InterfaceError):
        raise
    except Exception as refusal:
        log.warning("not printed", notice=notice.pk, error=str(refusal), kind=type(refusal).__name__)
        parking.park(notice.tenant_id, stage=Parked.Stage.RENDER, refusal=refusal, at=at)
        notices.give_file(letter, [], at=at)
        return None
    return store(notice, letter, pdf, at=at)


def store(notice: ChargeNotice, letter: Notice, pdf: bytes, *, at: datetime) -> Document:
    """Keep a finished file, once for a notice and language, and let the message go with it."""
    digest = files.keep(pdf)
    with transaction.atomic():
        document, _new = Document.objects.get_or_create(
            kind=Document.Kind.NOTICE,
            source_id=notice.pk,
            language=letter.language,
            defaults={
                "tenant_id": notice.tenant_id,
                "name": f"{composing_notices.number_of(notice)}.pdf",
                "sha256": digest,
                "bytes": len(pdf),
                "made_at": at,
            },
        )
        notices.give_file(letter, [notices.Attachment(document.name, document.sha256)], at=at)
    return document


@transaction.atomic
def send_without(*, at: datetime) -> int:
    """Let messages go whose file took too long; return how many. What is told in time matters more than its paper."""
    held = Notice.objects.filter(status=Notice.Status.MAKING, created_at__lte=at - LEAST)
    keys = {letter.key.rpartition(":")[2]: letter for letter in held}
    rows = ChargeNotice.objects.filter(among("pk", [int(pk) for pk in keys]))
    late = [row for row in rows if latest(row) <= at]
    for row in late:
        log.error("a notice goes without its file", notice=row.pk)
        notices.give_file(keys[str(row.pk)], [], at=at)
    return len(late)


def latest(notice: ChargeNotice) -> datetime:
    """Return until when a message waits for its file: an hour before five days before its day, and a day at most."""
    if notice.of == ChargeNotice.Of.BILL:
        return notice.announced_at + HOUR
    early = min(notice.announced_at + MOST, notice.due_at - WAIT - HOUR)
    return max(notice.announced_at + LEAST, early)
