"""How people get in: by invitation only; and which operators may look at a customer's pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from tenants.models import User


class InvitedOnly(DefaultAccountAdapter):
    """Nobody signs up by himself: a member invites, or an operator does."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


def may_view_as(*, hijacker: User, hijacked: User) -> bool:
    """Return whether an operator may look at the pages as this customer's member sees them (read only, and logged)."""
    return (
        hijacker.is_active and hijacker.has_perm("tenants.view_tenant") and hijacked.is_active and not hijacked.is_staff
    )


def name_tried(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Return the address that somebody tries to log in with, whatever the form calls it: tries are counted for each."""
    given = {**(request.POST.dict() if request else {}), **(credentials or {})}
    tried = next((given[name] for name in ("email", "username", "login") if given.get(name)), "")
    return str(tried).strip().lower()
