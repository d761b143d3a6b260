"""Secrets at rest: encrypted with the newest of PAYMENT_KEYS, read with any of them, known by a fingerprint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class Unreadable(Exception):
    """A secret cannot be read with any of PAYMENT_KEYS, or was written for something else. It never says what it was."""


def seal(values: Mapping[str, str], *, of: str) -> str:
    """Encrypt the secrets of `of`; what is written for one thing cannot be read as another's."""
    told = json.dumps({"of": of, "keys": dict(values)}, sort_keys=True)
    return _box().encrypt(told.encode()).decode()


def unseal(sealed: str, *, of: str) -> dict[str, str]:
    """Return the secrets of `of`; raise Unreadable."""
    try:
        told = json.loads(_box().decrypt(sealed.encode()))
    except InvalidToken:
        told = {}
    if told.get("of") != of:
        raise Unreadable
    return dict(told["keys"])


def reseal(sealed: str) -> str:
    """Encrypt again with the newest of PAYMENT_KEYS; raise Unreadable."""
    try:
        return _box().rotate(sealed).decode()
    except InvalidToken:
        raise Unreadable from None


def fingerprint(values: Mapping[str, str]) -> str:
    """Return what tells two sets of secrets apart without giving anything of them away: SHA-256 over all.

    Only for secrets that nobody can guess: keys of 120 random bits and more.
    """
    return sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()


def _box() -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in settings.PAYMENT_KEYS])
    except (ValueError, TypeError):
        raise ImproperlyConfigured("PAYMENT_KEYS: each is 32 bytes in URL-safe Base64, the newest first.") from None
