"""What both sides show of a dispute: texts and files, kept as they came, for as long as it is not over."""

from __future__ import annotations

import re
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from invoices.claiming import MOST_BYTES, TYPES, Receipt
from invoices.disputing import locked, record
from invoices.models import Dispute, DisputeEvidence
from tenants import files
from tenants.errors import Invalid, NotFound, WrongState
from tenants.models import User

Side = DisputeEvidence.Side
# Of one side.
MOST = 20


@transaction.atomic
def add(
    dispute: Dispute, *, side: str, text: str = "", file: Receipt | None = None, at: datetime, by: User | None
) -> DisputeEvidence:
    """Add what one side shows: a text, a file (PDF, JPEG or PNG by its content, at most 5 MiB), or both.

    It stays as it is. Raises Invalid for nothing, for another kind of file and for too many; WrongState when it is over.
    """
    text = text.strip()[:2000]
    if not text and file is None:
        raise Invalid(_("Write something, or choose a file."), field="text")
    _bill, row = locked(dispute)
    if row.closed_at is not None:
        raise WrongState(_("This dispute is over; nothing is added to it."))
    if row.evidence.filter(side=side).count() >= MOST:
        raise Invalid(_("%(most)s pieces of evidence are the most.") % {"most": MOST}, field="file")
    kept = _kept(file) if file is not None else {}
    made = DisputeEvidence.objects.create(tenant=row.tenant, dispute=row, side=side, text=text, at=at, by=by, **kept)
    record("dispute.shown", row, at=at, by=by, side=side, file=made.file_sha256)
    return made


def content(evidence: DisputeEvidence) -> bytes:
    """Return the file of a piece of evidence; raise NotFound where there is none."""
    if not evidence.file_sha256:
        raise NotFound(_("No file came with this."))
    return files.fetch(evidence.file_sha256)


def _kept(file: Receipt) -> dict[str, str]:
    """Keep a file and return what is known of it; its type is what its first bytes say, never its name."""
    if len(file.content) > MOST_BYTES:
        raise Invalid(_("The file is larger than 5 MiB; send a smaller one."), field="file")
    kind = next((kind for start, kind in TYPES if file.content.startswith(start)), "")
    if not kind:
        raise Invalid(_("Send the file as PDF, JPEG or PNG."), field="file")
    name = re.sub(r"[^\w.()（） -]", "_", file.name)[-200:] or "evidence"
    return {"file_name": name, "file_type": kind, "file_sha256": files.keep(file.content)}
