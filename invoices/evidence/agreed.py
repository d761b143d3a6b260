"""What was agreed and announced, and what was taken under it, as plain data for a pack."""

from __future__ import annotations

from typing import Any

from django.db.models import F

from billing import catalogue
from billing.models import LedgerTransaction, PlanVersion
from invoices.deriving.standing import instant
from invoices.evidence.gathering import Scope
from invoices.models import ChargeNotice, Payment
from tenants.bulk import among
from tenants.models import Authorisation, Bounce, Delivery, Notice, Opening

SECRET = ("id", "tenant", "notice", "by", "delivery")
# What is kept of a message, and the way from there to it.
TRACES = {"deliveries": (Delivery, ""), "openings": (Opening, ""), "bounces": (Bounce, "delivery__")}


def authorisations(scope: Scope) -> list[dict[str, Any]]:
    """Return the authorisations with their whole text."""
    return [_authorisation(row) for row in scope.authorisations]


def versions(ids: set[int]) -> list[dict[str, Any]]:
    """Return the published prices that lines stand on: the very text whose hash was accepted."""
    rows = PlanVersion.objects.filter(among("pk", ids)).select_related("plan").order_by("pk")
    return [
        {
            "plan": row.plan.code,
            "version": row.number,
            "sha256": row.sha256,
            "published_at": instant(row.published_at) if row.published_at else None,
            "text": catalogue.canonical(row),
        }
        for row in rows
    ]


def notices(scope: Scope) -> dict[str, Any]:
    """Return announced deductions, and every message with its deliveries."""
    keys = [row.key for row in scope.notices]
    mine = Notice.objects.filter(tenant=scope.tenant)
    told = mine.filter(created_at__gte=scope.since, created_at__lt=scope.until) | mine.filter(key__in=keys)
    messages = list(told.distinct().order_by("created_at", "id"))
    ids = [row.pk for row in messages]
    traces = {name: _traces(model, way, ids) for name, (model, way) in TRACES.items()}
    return {
        "deductions": [_notice(row) for row in scope.notices],
        "messages": [_message(row) | {name: found[row.pk] for name, found in traces.items()} for row in messages],
    }


def payments(scope: Scope) -> list[dict[str, Any]]:
    """Return what was paid and taken, with what it stands on and where it is booked."""
    booked: dict[int, list[int]] = {}
    rows = LedgerTransaction.objects.filter(among("source_id", [p.pk for p in scope.payments]), source="payment")
    for source, pk in rows.order_by("pk").values_list("source_id", "pk"):
        booked.setdefault(source, []).append(pk)
    return [_payment(row, scope, booked.get(row.pk, [])) for row in scope.payments]


def _authorisation(row: Authorisation) -> dict[str, Any]:
    return _fields(row, ("tenant", "given_by"))


def _notice(row: ChargeNotice) -> dict[str, Any]:
    return _fields(row, ("tenant",)) | {"key": row.key}


def _traces(model: Any, way: str, notices: list[int]) -> dict[int, list[dict[str, Any]]]:
    """Return what happened to each message: its deliveries, who opened it on the page, what came back."""
    found: dict[int, list[dict[str, Any]]] = {pk: [] for pk in notices}
    rows = model.objects.filter(among(f"{way}notice", notices)).order_by("pk")
    for row in rows.annotate(of=F(f"{way}notice")):
        found[row.of].append(_fields(row, SECRET))
    return found


def _message(row: Notice) -> dict[str, Any]:
    return {
        "key": row.key,
        "kind": row.kind,
        "language": row.language,
        "created_at": instant(row.created_at),
        "status": row.status,
        "delivered_at": instant(row.delivered_at) if row.delivered_at else None,
        "recipients": row.recipients,
        "payload": row.payload,
        "attachments": row.attachments,
    }


def _payment(row: Payment, scope: Scope, booked: list[int]) -> dict[str, Any]:
    return {
        "id": row.pk,
        "reference": row.reference,
        "seller": row.seller.code,
        "currency": row.currency,
        "amount_minor": row.amount_minor,
        "returned_minor": row.returned_minor,
        "method": row.method,
        "status": row.status,
        "basis": row.basis,
        "failure": row.failure,
        "received_at": instant(row.received_at),
        "recorded_at": instant(row.recorded_at),
        "provider": row.provider,
        "provider_number": row.provider_number,
        "authorisation": row.authorisation_id,
        "notice": row.notice_id,
        "notices": [one.pk for one in scope.basis.get(row.pk, [])],
        "invoice": row.invoice.number if row.invoice else None,
        "allocations": [
            {"invoice": part.invoice.number, "amount_minor": part.amount_minor, "at": instant(part.at)}
            for part in sorted(row.allocations.all(), key=lambda part: part.pk)
        ],
        "ledger": booked,
    }


def _fields(row: Any, without: tuple[str, ...]) -> dict[str, Any]:
    """Return the columns of a row as JSON has them; what is added to a table later is in the packs made later."""
    found = {}
    for field in row._meta.concrete_fields:
        if field.name not in without:
            value = getattr(row, field.attname)
            told = instant(value) if field.get_internal_type() == "DateTimeField" and value else value
            found[field.name] = told if isinstance(told, str | int | bool | list | dict | None) else str(told)
    return found
