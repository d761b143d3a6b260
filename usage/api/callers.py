"""Who sends events: API keys, remembered for a few seconds by each process, and how many calls a minute they may make.

A key that is revoked is refused everywhere within `SECONDS`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.request import Request

from tenants import access, keys
from tenants.errors import DomainError, NotAllowed, NotFound
from tenants.models import ApiKey, Seller, Tenant

SECONDS = 5
MOST = 1000
_EACH = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_remembered: dict[tuple[str, bytes, str, str], tuple[Any, Caller]] = {}
_calls: dict[int, tuple[int, int]] = {}


class TooFast(DomainError):
    """A key makes more calls than it may."""

    code = "too_fast"
    status = 429


@dataclass(frozen=True, slots=True)
class Caller:
    """A key, the customer it speaks for and the seller whose meters it means."""

    key: ApiKey
    tenant: Tenant
    seller: Seller | None


def caller(request: HttpRequest, scope: str, *, tenant: str = "", seller: str = "", at: datetime) -> Caller:
    """Return who calls; raise BadKey, NotAllowed without the scope, NotFound for another's or an unknown customer."""
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise keys.BadKey(_("Send an API key: Authorization: Bearer …"))
    name = (scope, sha256(secret.strip().encode()).digest(), tenant, seller)
    until, found = _remembered.get(name, (0, None))
    if found is None or time.monotonic() > until:
        found = _look_up(secret.strip(), scope, tenant, seller, at)
        if len(_remembered) >= MOST:
            _remembered.clear()
        _remembered[name] = (time.monotonic() + SECONDS, found)
    return found


def key_of(request: Request) -> ApiKey:
    """Return the key that the framework found on a request."""
    if not isinstance(request.auth, ApiKey):
        raise keys.BadKey(_("Send an API key: Authorization: Bearer …"))
    return request.auth


def forget() -> None:
    """Look every key up again."""
    _remembered.clear()
    _calls.clear()


def _look_up(secret: str, scope: str, tenant: str, seller: str, at: datetime) -> Caller:
    key = keys.verify(secret, at=at)
    if scope not in key.scopes:
        raise NotAllowed(_("This API key lacks the scope “%(scope)s”.") % {"scope": scope})
    return Caller(key, access.tenant_of_key(key, tenant), _seller(key, seller))


def _seller(key: ApiKey, code: str) -> Seller | None:
    if not code or (key.seller and key.seller.code == code):
        return key.seller
    found = None if key.seller else Seller.objects.filter(code=code).first()
    if found is None:
        raise NotFound(_("There is no seller “%(code)s”.") % {"code": code}, field="seller")
    return found


def spend(key: ApiKey) -> None:
    """Count one call of the key; raise TooFast above API_RATE calls (of each process) in the running minute."""
    rates: Any = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    rate = rates["key"]
    if not rate:
        return
    most, _slash, each = rate.partition("/")
    window = int(time.monotonic()) // _EACH[each[:1]]
    since, made = _calls.get(key.pk, (window, 0))
    made = made + 1 if since == window else 1
    _calls[key.pk] = (window, made)
    if made > int(most):
        raise TooFast(_("Too many calls. Send more events in each, or wait a moment."))
