"""A second person for purchases above a company's own limit: asked, shown again, approved or not (REQUIREMENTS C6).

What is asked for is kept as it was shown. Approving does exactly that, as it stands on that day, or nothing: where it would
come out otherwise the request is outdated and is to be asked anew. A link only leads to the page; it never decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from invoices.models import PurchaseRequest
from tenants import audit
from tenants.errors import Conflict, DomainError, Invalid, NotAllowed, WrongState
from tenants.models import Member, Tenant, User

State = PurchaseRequest.State
GOOD_FOR = timedelta(days=7)


class NoSecondPerson(Conflict):
    """The company has nobody else who may pay, so nobody can approve."""

    code = "no_second_person"


class SamePerson(NotAllowed):
    """Who asks does not approve."""

    code = "second_person_needed"


class Outdated(Conflict):
    """It would no longer come out as it was shown; nothing was done."""

    code = "outdated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be approved: the wish, what was shown of it with its hash, and what it weighs, in minor units."""

    wish: dict[str, Any]
    shown: dict[str, Any]
    sha256: str
    currency: str
    total_minor: int
    yearly_minor: int
    limit_minor: int
    names: dict[str, Any] = field(default_factory=dict)  # `subscription` or `quote`


@dataclass(frozen=True, slots=True)
class Decided:
    """A request after its decision, and the ids of the bills that approving made."""

    request: PurchaseRequest
    invoices: tuple[int, ...] = ()


def approvers(tenant: Tenant | int, *, but: User | None) -> QuerySet[Member]:
    """Return the members who may approve what `but` asks for: all who may pay, and are another person."""
    may = Member.objects.filter(tenant=tenant, role__in=Member.MAY_PAY, user__is_active=True)
    others = may.exclude(user=but) if but else may
    return others.select_related("user").order_by("pk")


@transaction.atomic
def ask(tenant: Tenant, asked: Asked, *, at: datetime, by: User | None, by_name: str = "") -> PurchaseRequest:
    """Keep what is asked for until somebody else decides; the same thing asked twice is asked once.

    `by` is a member who may pay, or nobody: then a program asks, as `by_name`. Raises NotAllowed for others, and
    NoSecondPerson where there is nobody to approve it.
    """
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if by is not None and not Member.objects.filter(tenant=locked, user=by, role__in=Member.MAY_PAY).exists():
        raise NotAllowed(_("Only an owner or a payer of the company may ask for this."))
    refuse_alone(locked, by=by)
    known = PurchaseRequest.objects.filter(tenant=locked, state=State.WAITING, sha256=asked.sha256, **asked.names)
    if (found := known.first()) is not None and found.expires_at > at:
        return found
    for stale in known:
        _decide(stale, State.EXPIRED, at=at, by=None)
    row = PurchaseRequest.objects.create(
        tenant=locked,
        wish=asked.wish,
        shown=asked.shown,
        sha256=asked.sha256,
        currency=asked.currency,
        total_minor=asked.total_minor,
        yearly_minor=asked.yearly_minor,
        limit_minor=asked.limit_minor,
        asked_by=by,
        asked_by_name=(by.get_full_name() if by else by_name)[:80],
        asked_at=at,
        expires_at=at + GOOD_FOR,
        **asked.names,
    )
    _record("purchase.asked", row, at=at, by=by)
    return row


def refuse_alone(tenant: Tenant, *, by: User | None) -> None:
    """Raise NoSecondPerson where nobody but `by` may pay."""
    if not approvers(tenant, but=by).exists():
        raise NoSecondPerson(
            _("Nobody else of your company may pay, so nobody can approve it. Have a second payer invited first.")
        )


@transaction.atomic
def approve(
    asked: PurchaseRequest, do: Callable[[PurchaseRequest], Iterable[int]], *, at: datetime, by: User
) -> Decided:
    """Do what was asked for, exactly as it was shown, or nothing: then the request is outdated and says why.

    `do` carries it out and returns its bills; what it refuses undoes all of it. Raises SamePerson for who asked, NotAllowed
    for who may not pay, WrongState when it was decided before or nobody answered in time.
    """
    row = _waiting(asked, at=at, by=by)
    if row.asked_by_id == by.pk:
        raise SamePerson(_("Somebody else than who asked for it has to approve it."))
    if (
        row.asked_by_id
        and not Member.objects.filter(tenant=row.tenant_id, user=row.asked_by_id, role__in=Member.MAY_PAY).exists()
    ):
        raise NotAllowed(_("%(name)s may no longer pay for the company. Decline it.") % {"name": row.asked_by_name})
    try:
        with transaction.atomic():
            made = tuple(do(row))
    except DomainError as refusal:
        return Decided(_decide(row, State.OUTDATED, at=at, by=by, reason=refusal.message))
    return Decided(_decide(row, State.APPROVED, at=at, by=by), made)


@transaction.atomic
def decline(asked: PurchaseRequest, *, reason: str, at: datetime, by: User) -> PurchaseRequest:
    """Say no, with the reason that the asker reads; who asked takes it back so. Nothing was and nothing is done."""
    if not reason.strip():
        raise Invalid(_("Say why; who asked for it reads this."), field="reason")
    return _decide(_waiting(asked, at=at, by=by), State.DECLINED, at=at, by=by, reason=reason.strip())


@transaction.atomic
def expire(*, at: datetime) -> list[PurchaseRequest]:
    """End the requests that nobody answered in time; return them."""
    late = PurchaseRequest.objects.filter(state=State.WAITING, expires_at__lte=at)
    rows = late.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related("tenant", "asked_by")
    return [_decide(row, State.EXPIRED, at=at, by=None) for row in rows.order_by("pk")]


def _waiting(asked: PurchaseRequest, *, at: datetime, by: User) -> PurchaseRequest:
    """Return the request locked, after its company; raise NotAllowed or WrongState where `by` cannot decide about it."""
    Tenant.objects.select_for_update(no_key=True).get(pk=asked.tenant_id)
    rows = PurchaseRequest.objects.select_for_update(no_key=True, of=("self",))
    row = rows.select_related("tenant", "asked_by", "subscription", "quote").get(pk=asked.pk)
    if not Member.objects.filter(tenant=row.tenant_id, user=by, role__in=Member.MAY_PAY).exists():
        raise NotAllowed(_("Only an owner or a payer of the company decides about it."))
    if row.state != State.WAITING:
        raise WrongState(_("This was decided before."))
    if row.expires_at <= at:
        raise WrongState(_("Nobody answered in time, so this can no longer be approved. Ask for it again."))
    return row


def _decide(row: PurchaseRequest, state: str, *, at: datetime, by: User | None, reason: str = "") -> PurchaseRequest:
    row.state, row.decided_at, row.decided_by, row.reason = state, at, by, reason[:300]
    row.decided_by_name = by.get_full_name() if by else ""
    row.save(update_fields=["state", "decided_at", "decided_by", "decided_by_name", "reason"])
    _record(f"purchase.{state}", row, at=at, by=by)
    return row


def _record(verb: str, row: PurchaseRequest, *, at: datetime, by: User | None) -> None:
    said = {
        "wish": row.wish.get("do", ""),
        "currency": row.currency,
        "total_minor": row.total_minor,
        "yearly_minor": row.yearly_minor,
        "limit_minor": row.limit_minor,
        "asked_by": row.asked_by_name,
        "sha256": row.sha256,
    }
    if row.decided_by_name:
        said["decided_by"] = row.decided_by_name
    if row.reason:
        said["reason"] = row.reason
    audit.record(verb, tenant=row.tenant_id, target=f"purchase_request:{row.pk}", at=at, by=by, **said)
