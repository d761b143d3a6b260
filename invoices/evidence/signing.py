"""Sign evidence packs: one Ed25519 key of each seller (RFC 8032), made when first needed, encrypted at rest, rotated."""

from __future__ import annotations

import base64
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.db import transaction

from invoices.models import SigningKey
from invoices.providers import keys
from tenants import audit
from tenants.models import Seller, User


@transaction.atomic
def key_of(seller: Seller, *, at: datetime) -> SigningKey:
    """Return the key in use of a seller, made now if there is none."""
    Seller.objects.select_for_update(no_key=True).get(pk=seller.pk)
    found = SigningKey.objects.filter(seller=seller, retired_at=None).first()
    return found or _make(seller, at, None)


@transaction.atomic
def rotate(seller: Seller, *, at: datetime, by: User | None) -> SigningKey:
    """Retire the key in use and make a new one; what the old one signed stays provable with its public half."""
    Seller.objects.select_for_update(no_key=True).get(pk=seller.pk)
    SigningKey.objects.filter(seller=seller, retired_at=None).update(retired_at=at)
    made = _make(seller, at, by)
    audit.record(
        "signing_key.rotated", tenant=None, target=f"seller:{seller.pk}", at=at, by=by, fingerprint=made.fingerprint
    )
    return made


def sign(key: SigningKey, message: bytes) -> str:
    """Return the signature of a message, in Base64; raise keys.Sealed where the secret cannot be read."""
    told = keys.unseal(key.secret, of=_account(key.seller_id))
    secret = Ed25519PrivateKey.from_private_bytes(base64.b64decode(told["ed25519"]))
    return base64.b64encode(secret.sign(message)).decode()


def is_signed(public_key: str, signature: str, message: bytes) -> bool:
    """Return whether a signature over a message is that of a public key (both in Base64)."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key)).verify(base64.b64decode(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def reseal() -> int:
    """Encrypt all secrets anew with the newest of PAYMENT_KEYS; return how many."""
    rows = list(SigningKey.objects.all())
    for row in rows:
        row.secret = keys.reseal(row.secret)
        row.save(update_fields=["secret"])
    return len(rows)


def _make(seller: Seller, at: datetime, by: User | None) -> SigningKey:
    secret = Ed25519PrivateKey.generate()
    raw = secret.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return SigningKey.objects.create(
        seller=seller,
        public_key=base64.b64encode(public).decode(),
        fingerprint=sha256(public).hexdigest(),
        secret=keys.seal({"ed25519": base64.b64encode(raw).decode()}, of=_account(seller.pk)),
        made_at=at,
        made_by=by,
    )


def _account(seller: int) -> str:
    return f"evidence:{seller}"
