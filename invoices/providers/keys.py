"""Keys of providers: encrypted at rest with the newest of PAYMENT_KEYS, read with any of them, known by a fingerprint."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from django.utils.translation import gettext as _

from tenants import cipher
from tenants.errors import WrongState

LEAST_BITS = 2048


class Sealed(WrongState):
    """The keys of an account cannot be read with any of PAYMENT_KEYS."""

    code = "keys_sealed"


class Unusable(ValueError):
    """A text is no key that can be used. It never says what the text was."""


def seal(values: Mapping[str, str], *, of: str) -> str:
    """Encrypt the keys of the account `of`; what is written for one account cannot be read as another's."""
    return cipher.seal(values, of=of)


def unseal(sealed: str, *, of: str) -> dict[str, str]:
    """Return the keys of the account `of`; raise Sealed."""
    try:
        return cipher.unseal(sealed, of=of)
    except cipher.Unreadable:
        raise Sealed(
            _("The keys of this account cannot be read. Put the key they were encrypted with back into PAYMENT_KEYS,")
            + " "
            + _("or paste the keys of the provider again.")
        ) from None


def reseal(sealed: str) -> str:
    """Encrypt again with the newest of PAYMENT_KEYS; raise Sealed."""
    try:
        return cipher.reseal(sealed)
    except cipher.Unreadable:
        raise Sealed(_("Put the key they were encrypted with back into PAYMENT_KEYS.")) from None


def fingerprint(values: Mapping[str, str]) -> str:
    """Return what tells two sets of keys apart without giving anything of them away: SHA-256 over all, a private key of
    at least 2048 bits among them."""
    return cipher.fingerprint(values)


def private_key(text: str) -> str:
    """Return a private RSA key as PKCS#8 PEM, from PEM or from the bare Base64 that Alipay's tool gives; raise Unusable."""
    pem = _is_pem(text)
    load = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    try:
        key = load(text.strip().encode() if pem else _bare(text), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Unusable("no private key") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise Unusable("no RSA key of 2048 bits")
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_key(text: str) -> str:
    """Return a public RSA key as PEM, from PEM or bare Base64; raise Unusable."""
    pem = _is_pem(text)
    load = serialization.load_pem_public_key if pem else serialization.load_der_public_key
    try:
        key = load(text.strip().encode() if pem else _bare(text))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Unusable("no public key") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_BITS:
        raise Unusable("no RSA key of 2048 bits")
    return _written(key)


def public_half(private_pem: str) -> str:
    """Return the public key that belongs to a private one."""
    key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return _written(key.public_key())


def _written(key: RSAPublicKey) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _is_pem(text: str) -> bool:
    return "-----BEGIN" in text


def _bare(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Unusable("not Base64") from None
