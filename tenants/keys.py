"""API keys: issue, verify, revoke. The secret leaves the house once; its SHA-256 stays."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from django.db.models import Q
from django.utils.translation import gettext as _

from tenants import audit
from tenants.errors import DomainError
from tenants.models import ApiKey, Seller, Tenant, User


class BadKey(DomainError):
    """The key is unknown, revoked or expired."""

    code = "bad_key"
    status = 401


def issue(
    tenant: Tenant | None,
    *,
    name: str,
    scopes: Sequence[str],
    at: datetime,
    by: User | None,
    seller: Seller | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with the text to hand over, which cannot be shown again."""
    prefix, secret = f"mz_{secrets.token_hex(4)}", secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        tenant=tenant,
        seller=seller,
        name=name,
        prefix=prefix,
        secret_sha256=_hash(secret),
        scopes=list(scopes),
        created_at=at,
        expires_at=expires_at,
    )
    audit.record("api_key.issued", tenant=tenant, target=f"api_key:{key.pk}", by=by, at=at, scopes=list(scopes))
    return key, f"{prefix}.{secret}"


def verify(text: str, *, at: datetime) -> ApiKey:
    """Return the key behind `text`; raise `BadKey` when it is unknown, revoked or expired."""
    prefix, _dot, secret = text.partition(".")
    key = (
        ApiKey.objects.select_related("tenant", "seller")
        .filter(Q(expires_at=None) | Q(expires_at__gt=at), prefix=prefix, revoked_at=None)
        .first()
    )
    if key is None or not secrets.compare_digest(key.secret_sha256, _hash(secret)):
        raise BadKey(_("This API key is not valid. Make a new one under Settings, API."))
    return key


def revoke(key: ApiKey, *, at: datetime, by: User | None) -> None:
    """End the key at once."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=at)
    audit.record("api_key.revoked", tenant=key.tenant, target=f"api_key:{key.pk}", by=by, at=at)


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
