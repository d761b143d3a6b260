"""The only way to a tenant's objects: who is a member of what, and reads that see one tenant's rows only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.utils.translation import gettext as _

from tenants.errors import NotAllowed, NotFound
from tenants.models import ApiKey, Member, Tenant, User


def member(user: User, code: str = "") -> Member:
    """Return the person's membership at the tenant `code` (default: his first); raise NotFound for a stranger."""
    found = Member.objects.select_related("tenant", "tenant__parent", "user").filter(user=user)
    found = found.filter(tenant__code=code) if code else found.order_by("joined_at", "id")
    if (membership := found.first()) is None:
        raise NotFound(_("There is no such company, or you are not a member of it."))
    return membership


def require(membership: Member, roles: Iterable[str]) -> None:
    """Raise NotAllowed, naming those who may, unless the member has one of `roles`."""
    wanted = set(roles)
    if membership.role in wanted:
        return
    people = Member.objects.filter(tenant=membership.tenant, role__in=wanted).select_related("user").order_by("id")
    names = _(" or ").join(str(m.user) for m in people[:3]) or _("the owner")
    raise NotAllowed(_("This step is for %(names)s. You can send them this page.") % {"names": names})


def tenant_of_key(key: ApiKey, code: str = "") -> Tenant:
    """Return the tenant that a program acts for: the key's own, or, with an operator's key, the one named `code`."""
    if key.tenant is not None:
        if code and code != key.tenant.code:
            raise NotFound(_("This API key belongs to another customer."), field="tenant")
        return key.tenant
    # The database refuses to look for a null character.
    found = None if "\x00" in code else Tenant.objects.filter(code=code).first()
    if found is None:
        raise NotFound(_("There is no customer “%(code)s”.") % {"code": code}, field="tenant")
    return found


@contextmanager
def as_tenant(tenant: Tenant | int) -> Iterator[None]:
    """Run the block's reads as the database role `tenant`, which sees this tenant's rows and can change nothing.

    Role and tenant are set for a transaction of the block's own only, so nothing leaks to the next request on the
    connection. Rows must be fetched inside the block.
    """
    number = tenant.pk if isinstance(tenant, Tenant) else tenant
    with transaction.atomic():
        enter(number)
        yield
        # Not in a `finally`: after an exception the rollback restores both, and a statement would only fail.
        _switch("", "none")


def enter(tenant_id: int) -> None:
    """Switch the running transaction to the role `tenant`; refuse outside one, where it would silently do nothing."""
    if not connection.in_atomic_block:
        raise RuntimeError("enter() needs a transaction: outside one the role would last for one statement only")
    _switch(str(tenant_id), "tenant")


def _switch(tenant: str, role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant', %s, true), set_config('role', %s, true)", [tenant, role])
