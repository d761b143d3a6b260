"""People at a customer: invite, change a role, remove. A company always keeps one owner."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants import audit
from tenants.errors import Conflict, Invalid, NotFound
from tenants.models import Member, Tenant, User


class LastOwner(Conflict):
    """The company would be left without an owner."""

    code = "last_owner"


@dataclass(frozen=True)
class Invitation:
    """A new membership. `reset_path` is where a person who is new here chooses a password; None for a known one.

    The path is a secret of that person: send it to the address and keep it nowhere.
    """

    member: Member
    reset_path: str | None


@transaction.atomic
def invite(
    tenant: Tenant, *, email: str, role: str, at: datetime, by: User | None, name: str = "", language: str = ""
) -> Invitation:
    """Make the person behind `email` a member; one who is new gets an account with a password that nobody knows."""
    _check_role(role)
    person, is_new = _person(email, name=name, language=language or tenant.language, at=at)
    member, joined = Member.objects.get_or_create(tenant=tenant, user=person, defaults={"role": role, "joined_at": at})
    if not joined:
        raise Conflict(_("%(email)s is a member already.") % {"email": person.email}, field="email")
    audit.record(
        "member.invited", tenant=tenant, target=f"member:{member.pk}", at=at, by=by, email=person.email, role=role
    )
    return Invitation(member, reset_path(person) if is_new else None)


def reset_path(person: User) -> str:
    """Return the path at which the person chooses a password; it works once, and for a few days."""
    where = {"uidb36": user_pk_to_url_str(person), "key": default_token_generator.make_token(person)}
    return reverse("account_reset_password_from_key", kwargs=where)


@transaction.atomic
def change_role(member: Member, role: str, *, at: datetime, by: User | None) -> Member:
    """Give the member another role; raise LastOwner rather than leave the company without an owner."""
    _check_role(role)
    row = _locked(member)
    before = row.role
    if before != role:
        if before == Member.Role.OWNER:
            _keep_an_owner(row)
        row.role = role
        row.save(update_fields=["role"])
        audit.record(
            "member.role_changed", tenant=row.tenant, target=f"member:{row.pk}", at=at, by=by, role=[before, role]
        )
    return row


@transaction.atomic
def remove(member: Member, *, at: datetime, by: User | None) -> None:
    """End the membership (the person stays, with what he did); raise LastOwner for the last owner."""
    row = _locked(member)
    if row.role == Member.Role.OWNER:
        _keep_an_owner(row)
    target = f"member:{row.pk}"
    row.delete()
    audit.record("member.removed", tenant=row.tenant, target=target, at=at, by=by, email=row.user.email, role=row.role)


def _person(email: str, *, name: str, language: str, at: datetime) -> tuple[User, bool]:
    """Return the person behind the address, and whether the account was made now."""
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as wrong:
        raise Invalid(_("“%(email)s” is no e-mail address.") % {"email": email}, field="email") from wrong
    known = User.objects.filter(email__iexact=address).first()
    if known is not None:
        return known, False
    password = secrets.token_urlsafe(32)
    return User.objects.create_user(address, password, name=name, language=language, date_joined=at), True


def _locked(member: Member) -> Member:
    """Lock the company, so that two owners cannot leave at once, and read the membership again."""
    Tenant.objects.select_for_update(no_key=True).get(pk=member.tenant_id)
    row = Member.objects.select_related("tenant", "user").filter(pk=member.pk).first()
    if row is None:
        raise NotFound(_("This person is no longer a member."))
    return row


def _keep_an_owner(leaving: Member) -> None:
    others = Member.objects.filter(tenant=leaving.tenant, role=Member.Role.OWNER).exclude(pk=leaving.pk)
    if not others.filter(user__is_active=True).exists():
        raise LastOwner(_("A company keeps at least one owner. Make somebody else an owner first."))


def _check_role(role: str) -> None:
    if role not in Member.Role.values:
        raise Invalid(_("There is no role “%(role)s”.") % {"role": role}, field="role")
