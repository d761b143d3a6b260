"""The audit log of one company, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from invoices.models import OperatorAct
from invoices.pages import hands
from invoices.pages.trail_words import PROMISES, said
from invoices.pages.visit import Visit
from tenants import chaining
from tenants.models import AuditEntry

# What an act is called. An act that is not listed shows its own code, so that nothing is ever left out.
ACTS = {
    "tenant.opened": gettext_lazy("Account opened"),
    "tenant.amended": gettext_lazy("Company data changed"),
    "tenant.contacts_set": gettext_lazy("Contacts changed"),
    "member.invited": gettext_lazy("Person invited"),
    "member.removed": gettext_lazy("Person removed"),
    "member.role_changed": gettext_lazy("Role changed"),
    "subscription.started": gettext_lazy("Subscription started"),
    "subscription.ends": gettext_lazy("End of the subscription set"),
    "subscription.plan": gettext_lazy("Plan changed"),
    "subscription.quantity": gettext_lazy("Quantity changed"),
    "subscription.cancel": gettext_lazy("Subscription cancelled"),
    "subscription.keep": gettext_lazy("Cancellation or change taken back"),
    "subscription.pause": gettext_lazy("Subscription paused"),
    "subscription.resume": gettext_lazy("Pause ended"),
    "coupon.redeemed": gettext_lazy("Coupon redeemed"),
    "subscription.way": gettext_lazy("Way of payment changed"),
    "renewal.on": gettext_lazy("Automatic renewal switched on"),
    "renewal.off": gettext_lazy("Automatic renewal switched off"),
    "authorisation.given": gettext_lazy("Authorisation given"),
    "authorisation.withdrawn": gettext_lazy("Authorisation withdrawn"),
    "invoice.issued": gettext_lazy("Bill issued"),
    "invoice.credited": gettext_lazy("Credit note issued"),
    "payment.recorded": gettext_lazy("Payment received"),
    "refund.requested": gettext_lazy("Refund asked for"),
    "refund.approved": gettext_lazy("Refund approved"),
    "refund.declined": gettext_lazy("Refund not approved"),
    "refund.arrived": gettext_lazy("Refund arrived"),
    "refund.transferred": gettext_lazy("Refund sent by bank"),
    "refund.turned": gettext_lazy("Refund put into the balance"),
    "notice.resent": gettext_lazy("Message sent again"),
    "api_key.issued": gettext_lazy("API key issued"),
    "api_key.revoked": gettext_lazy("API key revoked"),
    "customer.viewed": gettext_lazy("Looked at by our staff"),
    "operator_act.asked": gettext_lazy("Act with money by our staff, waits for a second person"),
    "operator_act.declined": gettext_lazy("Act with money by our staff, not approved"),
    "operator_act.done": gettext_lazy("Act with money by our staff"),
    "operator_act.outdated": gettext_lazy("Act with money by our staff, not done"),
    "operator_act.reversed": gettext_lazy("Act with money by our staff, reversed"),
    "purchase.approved": gettext_lazy("Purchase approved by a second person"),
    "purchase.asked": gettext_lazy("Purchase submitted for approval"),
    "purchase.declined": gettext_lazy("Purchase not approved"),
    "purchase.expired": gettext_lazy("Purchase not answered in time"),
    "purchase.outdated": gettext_lazy("Purchase not done, no longer as shown"),
    "purchase_limit.set": gettext_lazy("Limit for purchases set"),
    "parked.resolved": gettext_lazy("Billing problem solved"),
}


@dataclass(frozen=True)
class Entry:
    """One act: when, who, what, on what, and what was recorded with it."""

    at: datetime
    by: str
    what: str
    target: str
    detail: str


@dataclass(frozen=True)
class TrailPage:
    """The page /settings/log/."""

    entries: tuple[Entry, ...]
    count: int
    more: str
    sealed_until: datetime | None
    seal: int
    fingerprint: str
    waiting: int
    file: str


def entries(visit: Visit, *, target: str = "", limit: int = 100) -> tuple[Entry, ...]:
    """Return the newest acts on this company, on one kind of thing where `target` says so."""
    found = AuditEntry.objects.filter(tenant=visit.tenant, target__startswith=target)
    return tuple(entry(row) for row in found.order_by("-at", "-id")[:limit])


def entry(row: AuditEntry) -> Entry:
    return Entry(
        at=row.at,
        by=row.by_name or _("by itself, as agreed"),
        what=str(ACTS.get(row.verb) or PROMISES.get(row.verb) or row.verb),
        target=row.target,
        detail=by_hand(row.detail) if row.verb.startswith("operator_act.") else written(row.detail),
    )


def written(detail: Mapping[str, Any]) -> str:
    """Return what was recorded with an act, as names and values."""
    return _(", ").join(said(name, value, detail) for name, value in detail.items() if value not in ("", None, [], {}))


def by_hand(detail: Mapping[str, Any]) -> str:
    """Return an act with money by our staff in words: what, each figure before and after, why, and both people."""
    rows = hands.changed_rows(detail["before"], detail["after"], detail["currency"])
    moved = [_("%(name)s: %(before)s → %(after)s") % {"name": n, "before": b, "after": a} for n, b, a in rows]
    people = [
        _("asked for by %(name)s") % {"name": detail["asked_by"] or _("a program")},
        *([_("decided by %(name)s") % {"name": detail["approved_by"]}] if detail["approved_by"] else []),
    ]
    why = _("reason: %(reason)s") % {"reason": detail["reason"]}
    answer = [_("answer: %(answer)s") % {"answer": detail["answer"]}] if detail["answer"] else []
    kind = str(OperatorAct.Kind(detail["kind"]).label)
    return _("; ").join([kind, *moved, why, *answer, *people])


def page(visit: Visit, shown: int, more: str) -> TrailPage:
    """Return the log, newest first."""
    mine = AuditEntry.objects.filter(tenant=visit.tenant)
    count, seal = mine.count(), chaining.last_of(visit.tenant.pk)
    return TrailPage(
        entries=entries(visit, limit=shown),
        count=count,
        more=more if count > shown else "",
        sealed_until=seal.at if seal else None,
        seal=seal.number if seal else 0,
        fingerprint=seal.sha256 if seal else "",
        waiting=mine.filter(seal=None).count(),
        file=visit.to("log_csv"),
    )


def csv_rows(visit: Visit) -> Iterator[list[str]]:
    """Yield the whole log as rows of a file, oldest first, each with the number and fingerprint of its seal."""
    heads = (_("time"), _("by"), _("act"), _("on"), _("detail"), _("code"), _("seal"), _("fingerprint of the seal"))
    yield [str(head) for head in heads]
    rows = AuditEntry.objects.filter(tenant=visit.tenant).select_related("seal").defer("seal__rows").order_by("id")
    for row in rows.iterator(chunk_size=500):
        told = entry(row)
        seal = [str(row.seal.number), row.seal.sha256] if row.seal else ["", ""]
        at = row.at.astimezone(visit.zone).isoformat()
        yield [at, told.by, told.what, told.target, told.detail, row.verb, *seal]
