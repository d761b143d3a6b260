"""Authorisations: given, withdrawn, asked for. Without one, nothing is ever deducted."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from tenants import audit
from tenants.errors import WrongState
from tenants.models import Authorisation, Seller, Tenant, User


@transaction.atomic
def authorise(
    tenant: Tenant,
    *,
    seller: Seller,
    text: str,
    text_version: str,
    at: datetime,
    by: User | None,
    scope: str = "all",
    ceiling_minor: int | None = None,
    per_month_minor: int | None = None,
    currency: str | None = None,
    address: str | None = None,
) -> Authorisation:
    """Record a member's consent to automatic deductions, with the whole text that was shown.

    Ceilings are minor units of `currency` (default: the tenant's); None means that no ceiling was agreed.
    """
    given = Authorisation.objects.create(
        tenant=tenant,
        seller=seller,
        scope=scope,
        currency=currency or tenant.currency,
        ceiling_minor=ceiling_minor,
        per_month_minor=per_month_minor,
        text=text,
        text_version=text_version,
        text_sha256=sha256(text.encode()).hexdigest(),
        given_by=by,
        given_by_name=by.get_full_name() if by else "",
        given_at=at,
        address=address,
    )
    audit.record("authorisation.given", tenant=tenant, target=f"authorisation:{given.pk}", at=at, by=by, scope=scope)
    return given


@transaction.atomic
def withdraw(authorisation: Authorisation, *, at: datetime, by: User | None) -> None:
    """End an authorisation at once; raise WrongState when it was withdrawn before."""
    changed = Authorisation.objects.filter(pk=authorisation.pk, withdrawn_at=None).update(
        withdrawn_at=at, withdrawn_by_name=by.get_full_name() if by else ""
    )
    if not changed:
        raise WrongState(_("This authorisation was withdrawn before; nothing is deducted under it."))
    audit.record(
        "authorisation.withdrawn",
        tenant=authorisation.tenant_id,
        target=f"authorisation:{authorisation.pk}",
        at=at,
        by=by,
    )


def covers(
    tenant: Tenant, *, seller: Seller, amount_minor: int, currency: str, scope: str, at: datetime
) -> Authorisation | None:
    """Return an authorisation in force at `at` under which `amount_minor` may be deducted for `scope`, or None."""
    found = covering(tenant, seller=seller, amount_minor=amount_minor, currency=currency, scope=scope, at=at)
    return found.first()


def covering(
    tenant: Tenant, *, seller: Seller, amount_minor: int, currency: str, scope: str, at: datetime
) -> QuerySet[Authorisation]:
    """Return all such authorisations, oldest first; ceilings of a month are for the caller, who knows what was taken."""
    return (
        Authorisation.objects.filter(tenant=tenant, seller=seller, currency=currency, given_at__lte=at)
        .filter(Q(withdrawn_at=None) | Q(withdrawn_at__gt=at), Q(scope="all") | Q(scope=scope))
        .filter(Q(ceiling_minor=None) | Q(ceiling_minor__gte=amount_minor))
        .order_by("id")
    )
