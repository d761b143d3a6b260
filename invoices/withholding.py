"""Take the service from who does not pay, and give it back: what dunning took, and only that.

An operator who restricts or suspends a customer himself has his reasons; no payment lifts that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from invoices.models import DunningAct, Invoice, ServiceLoss
from tenants import lifecycle
from tenants.bulk import among
from tenants.models import AuditEntry, Tenant
from usage.periods import local_day

Verb, Status = DunningAct.Verb, Tenant.Status
# How the audit log tells our moves from an operator's.
OURS = "dunning:"
# What each verb makes of a customer, and of whom: one who is suspended is not restricted, which would be less.
TAKES = {
    Verb.RESTRICT: (Status.RESTRICTED, {Status.ACTIVE}),
    Verb.SUSPEND: (Status.SUSPENDED, {Status.ACTIVE, Status.RESTRICTED}),
}
MOVES: dict[str, Callable[..., Tenant]] = {
    Status.ACTIVE: lifecycle.restore,
    Status.RESTRICTED: lifecycle.restrict,
    Status.SUSPENDED: lifecycle.suspend,
}


def served(invoice: Invoice) -> QuerySet[Tenant]:
    """Return the companies whose subscriptions a bill is for, by id: the payer, or those that he pays for."""
    return Tenant.objects.filter(subscriptions__charges__line__invoice=invoice).distinct().order_by("pk")


def take(invoice: Invoice, verb: str, *, at: datetime) -> int:
    """Restrict or suspend whom a bill serves, locked by the caller; return how many it changed something for."""
    to, of = TAKES[Verb(verb)]
    taken = 0
    for tenant in served(invoice):
        if tenant.status not in of:
            continue
        _forget_undone(tenant, at)
        before = tenant.status
        MOVES[to](tenant, at=at, by=None, reason=f"{OURS}{invoice.number}")
        ServiceLoss.objects.create(
            tenant=tenant, payer_id=invoice.tenant_id, invoice=invoice, before=before, after=to, at=at
        )
        taken += 1
    return taken


def losers(payers: Iterable[int]) -> QuerySet[Tenant]:
    """Return the customers who lost their service for bills of these payers, by id."""
    lost = ServiceLoss.objects.filter(among("payer", list(payers)), tenant=OuterRef("pk"), lifted_at=None)
    return Tenant.objects.filter(Exists(lost)).order_by("pk")


def give_back(payer: Tenant, *, at: datetime) -> int:
    """Lift what dunning took from whom nothing overdue is left of; return for how many. `losers` were locked before."""
    given = 0
    for tenant in losers([payer.pk]):
        if owes(tenant, payer, at=at):
            continue
        losses = list(_losses(tenant).filter(payer=payer).order_by("pk"))
        if _is_ours(tenant):
            MOVES[losses[0].before](tenant, at=at, by=None, reason=f"{OURS}{losses[-1].invoice.number}")
        ServiceLoss.objects.filter(pk__in=[loss.pk for loss in losses]).update(lifted_at=at)
        given += 1
    return given


def owes(tenant: Tenant, payer: Tenant, *, at: datetime) -> bool:
    """Return whether a bill for this customer is overdue, or one for which he lost his service was given up unpaid."""
    late = Q(pk__in=Invoice.objects.overdue(local_day(at, payer.timezone)).filter(tenant=payer).values("pk"))
    given_up = Q(status=Invoice.Status.UNCOLLECTIBLE, due_minor__gt=F("frozen_minor"), service_losses__lifted_at=None)
    mine = Invoice.objects.filter(tenant=payer, lines__charge__subscription__tenant=tenant)
    return mine.filter(late | given_up & Q(service_losses__tenant=tenant)).exists()


def _losses(tenant: Tenant) -> QuerySet[ServiceLoss]:
    return ServiceLoss.objects.filter(tenant=tenant, lifted_at=None).select_related("invoice")


def _is_ours(tenant: Tenant) -> bool:
    """Return whether the customer's state is what dunning made it: nobody has decided otherwise since."""
    moves = AuditEntry.objects.filter(
        tenant=tenant, target=f"tenant:{tenant.pk}", verb__in=[f"tenant.{s}" for s in Status]
    )
    last = moves.order_by("-pk").first()
    return last is not None and str(last.detail.get("reason", "")).startswith(OURS)


def _forget_undone(tenant: Tenant, at: datetime) -> None:
    """Put down as lifted what an operator has undone meanwhile."""
    if _losses(tenant).exists() and not _is_ours(tenant):
        _losses(tenant).update(lifted_at=at)
