"""Answers to unsafe requests, kept so that a repeat gets the same answer and does nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from tenants.errors import Conflict, Invalid
from tenants.models import IdempotencyKey

# Longer than a month of billing, so that a job that is repeated after its period still meets its first answer.
KEPT = timedelta(days=90)


@dataclass(frozen=True)
class Asked:
    """An unsafe request: who sent it (as `key:12`), under which key, and what it said."""

    owner: str
    key: str
    method: str
    path: str
    body: bytes


class KeyReused(Conflict):
    """The key was used for another request."""

    code = "idempotency_key_reused"


@transaction.atomic
def once(asked: Asked, act: Callable[[], tuple[int, Any]], *, at: datetime) -> tuple[int, Any, bool]:
    """Return the status and plain-JSON answer of `act`, and whether it was kept from an earlier request.

    Of several at once under one key, one acts and the others wait for its answer. The answer is kept in the act's own
    transaction: if the act raises, nothing is kept and the key may be used again. Raises KeyReused when the
    key belongs to another method, path or body.
    """
    if not 0 < len(asked.key) <= 120 or "\x00" in asked.key:
        raise Invalid(_("An idempotency key has 1 to 120 characters."), field="Idempotency-Key")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s), hashtext(%s))", [asked.owner, asked.key])
    said = {"method": asked.method, "path": asked.path[:300], "body_sha256": sha256(asked.body).hexdigest()}
    kept = IdempotencyKey.objects.filter(owner=asked.owner, key=asked.key).first()
    if kept is not None:
        if any(getattr(kept, name) != value for name, value in said.items()):
            message = _("The key “%(key)s” was used for another request. Use a new key for a new request.")
            raise KeyReused(message % {"key": asked.key}, field="Idempotency-Key")
        return kept.status, kept.answer, True
    status, answer = act()
    IdempotencyKey.objects.create(owner=asked.owner, key=asked.key, status=status, answer=answer, created_at=at, **said)
    return status, answer, False


def forget(at: datetime) -> int:
    """Delete the answers that are older than KEPT; return how many."""
    return IdempotencyKey.objects.filter(created_at__lt=at - KEPT).delete()[0]
