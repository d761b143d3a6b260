"""Authorisations: given, withdrawn, asked for. Without one, nothing is ever deducted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from django.contrib.postgres.fields import ArrayField
from django.db import transaction
from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.utils.translation import gettext as _

from tenants import audit
from tenants.errors import Invalid, WrongState
from tenants.models import Authorisation, Seller, Tenant, User
from tenants.models.agreements import RENEWS, SCOPE_FORM

Way = Authorisation.Way
ALL, RENEWAL, OVERAGE, TOP_UP = "all", "renewal", "overage", "top_up"
# For each thing that is to be paid, the items any of which lets it be deducted.
Needs = Iterable[frozenset[str]]
LONGEST = 400


@transaction.atomic
def authorise(
    tenant: Tenant,
    *,
    seller: Seller,
    text: str,
    text_version: str,
    at: datetime,
    by: User | None,
    scope: str = ALL,
    ceiling_minor: int | None = None,
    per_month_minor: int | None = None,
    currency: str | None = None,
    address: str | None = None,
    way: str = Way.ANY,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> Authorisation:
    """Record a member's consent to automatic deductions, with the whole text that was shown.

    Ceilings are minor units of `currency` (default: the tenant's); None means that no ceiling was agreed. It is valid from
    `valid_from` (None: at once) and before `valid_until` (None: until it is withdrawn). Raises Invalid, which names the
    field, for a scope, a way, an amount or days that cannot be.
    """
    _check(scope, way, ceiling_minor, per_month_minor)
    if valid_until is not None and valid_until <= max(at, valid_from or at):
        raise Invalid(_("The last day must not be before the first one, nor before today."), field="valid_until")
    given = Authorisation.objects.create(
        tenant=tenant,
        seller=seller,
        scope=scope,
        currency=currency or tenant.currency,
        ceiling_minor=ceiling_minor,
        per_month_minor=per_month_minor,
        way=way,
        valid_from=valid_from,
        valid_until=valid_until,
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
    """End an authorisation at once; raise WrongState when it was withdrawn before.

    Waits for a deduction that is being made under it in this moment; none is made after it.
    """
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


def covering(
    tenant: Tenant | int,
    *,
    seller: Seller | int,
    amount_minor: int,
    currency: str,
    items: Needs,
    at: datetime,
    way: str,
) -> QuerySet[Authorisation]:
    """Return the authorisations in force at `at` under which `amount_minor` may be deducted by `way`, oldest first.

    Of each of `items`, a set of items any of which would do, they cover one. The ceiling of a month is for the caller, who
    knows what was taken. One that was withdrawn covers nothing, at whatever instant.
    """
    found = in_force(at).filter(tenant=tenant, seller=seller, currency=currency, way__in=[Way.ANY, way])
    found = found.filter(Q(ceiling_minor=None) | Q(ceiling_minor__gte=amount_minor)).exclude(scope=RENEWS)
    listed = Func(F("scope"), Value(","), function="string_to_array", output_field=ArrayField(TextField()))
    found = found.alias(listed=listed)
    for any_of in items:
        found = found.filter(listed__overlap=sorted(any_of))
    return found.order_by("id")


def in_force(at: datetime) -> QuerySet[Authorisation]:
    """Return the authorisations that are given, valid at `at`, and not withdrawn."""
    since = Q(valid_from=None) | Q(valid_from__lte=at)
    until = Q(valid_until=None) | Q(valid_until__gt=at)
    return Authorisation.objects.filter(since, until, given_at__lte=at, withdrawn_at=None)


def is_in_force(authorisation: Authorisation, at: datetime) -> bool:
    """Return whether an authorisation, as it was read, is given and valid at `at`, and not withdrawn."""
    if authorisation.withdrawn_at is not None or authorisation.given_at > at:
        return False
    begun = authorisation.valid_from is None or authorisation.valid_from <= at
    return begun and (authorisation.valid_until is None or authorisation.valid_until > at)


def scope_of(items: Iterable[str]) -> str:
    """Return the scope that names these items, each once; `all` stands for all bills. Raise Invalid for what is no item."""
    chosen = {item.strip() for item in items if item.strip()}
    if ALL in chosen:
        chosen &= {ALL, TOP_UP}
    scope = ",".join(sorted(chosen))
    check_scope(scope)
    return scope


def check_scope(scope: str) -> None:
    """Raise Invalid, which says what may be authorised, for a scope that is none."""
    if not scope:
        raise Invalid(_("Choose what may be deducted; nothing is chosen for you."), field="scope")
    if len(scope) > LONGEST or not re.fullmatch(SCOPE_FORM, scope):
        raise Invalid(
            _(
                "What may be authorised is: all, renewal, overage, module:<price code>, subscription:<number>; several with "
                "commas between them."
            ),
            field="scope",
        )
    if TOP_UP in scope.split(","):
        raise Invalid(_("Topping up by itself is not offered yet, so it cannot be authorised."), field="scope")


def _check(scope: str, way: str, *amounts: int | None) -> None:
    check_scope(scope)
    if way not in Way.values:
        raise Invalid(_("Choose a way of payment: any, balance, Alipay, or WeChat Pay."), field="way")
    if any(amount is not None and amount <= 0 for amount in amounts):
        raise Invalid(_("The amount must be above zero."), field="ceiling")
