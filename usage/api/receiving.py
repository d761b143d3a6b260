"""POST /api/v1/events: a plain view, for the way of a batch through the usual machinery would cost more than the batch."""

from __future__ import annotations

from collections import Counter

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.errors import DomainError, Invalid
from usage import ingest
from usage.api.callers import caller, spend
from usage.decoding import BATCH, REFUSED, Answer, TooMany


class Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """A batch with the names of the customer (for an operator's key) and of the seller, where they are needed."""

    events: msgspec.Raw
    tenant: str = ""
    seller: str = ""


class _Peek(msgspec.Struct):
    events: msgspec.Raw = msgspec.Raw(b"")


class Report(msgspec.Struct):
    """How many events were what, and the answer to each, in order."""

    accepted: int
    duplicate: int
    refused: int
    answers: list[Answer]


def receive(request: HttpRequest) -> HttpResponse:
    """Take one event, a list of them or an envelope; answer for each (200, or 422 where every one was refused)."""
    try:
        batch = unpack(_body(request))
        at = timezone.now()
        who = caller(request, "events", tenant=batch.tenant, seller=batch.seller, at=at)
        spend(who.key)
        answers = ingest.accept(who.tenant, bytes(batch.events), at=at, seller=who.seller)
    except DomainError as refused:
        return _written({"error": refused.as_dict()}, refused.status)
    return report(answers)


def report(answers: list[Answer]) -> HttpResponse:
    """Return the response for a batch: 422 only when nothing of it was taken."""
    found = Counter(answer.status for answer in answers)
    told = Report(found["accepted"], found["duplicate"], found[REFUSED], answers)
    return _written(told, 422 if answers and found[REFUSED] == len(answers) else 200)


def unpack(body: bytes) -> Envelope:
    """Return the body as an envelope, whichever of its three shapes it has; raise Invalid."""
    if body.lstrip()[:1] != b"{":
        return Envelope(msgspec.Raw(body))
    try:
        if not bytes(msgspec.json.decode(body, type=_Peek).events):
            return Envelope(msgspec.Raw(b"[" + body + b"]"))
        return msgspec.json.decode(body, type=Envelope)
    except (msgspec.DecodeError, UnicodeError) as wrong:
        field = str(wrong).split("`")[1] if "unknown field" in str(wrong) else ""
        raise Invalid(_("The body cannot be read: %(error)s.") % {"error": wrong}, field=field) from wrong


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig as wrong:
        raise TooMany(_("Send at most %(count)d events at a time.") % {"count": BATCH}, field="events") from wrong


def _written(told: object, status: int) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(told), content_type="application/json", status=status)
