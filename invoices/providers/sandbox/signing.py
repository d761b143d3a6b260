"""The signatures of both protocols, on `cryptography` alone: RSA2 of Alipay, RSA and AES-GCM of WeChat v3, keyed hashes of v2."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

AUTHORISATION = "WECHATPAY2-SHA256-RSA2048 "
PAIR = re.compile(r'(\w+)="([^"]*)"')


def new_pair() -> tuple[str, str]:
    """Return a new private and public key of 2048 bits, both PEM."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kept = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    shown = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return kept.decode(), shown.decode()


def sign(private_pem: str, text: str) -> str:
    """Return the base64 of SHA256withRSA (PKCS #1 v1.5) over the text as UTF-8."""
    key = _private(private_pem)
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def verifies(public_pem: str, text: str, signature: str) -> bool:
    """Say whether the signature is that key's over the text."""
    key = _public(public_pem)
    try:
        key.verify(base64.b64decode(signature, validate=True), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=32)
def _private(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


@lru_cache(maxsize=32)
def _public(pem: str) -> rsa.RSAPublicKey:
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("not an RSA key")
    return key


def alipay_text(parameters: Mapping[str, str], *, without: tuple[str, ...] = ("sign",)) -> str:
    """Return what Alipay signs: every parameter that is not empty, sorted, joined as k=v with &."""
    kept = sorted((k, v) for k, v in parameters.items() if k not in without and v != "")
    return "&".join(f"{k}={v}" for k, v in kept)


def wechat_text(*lines: str) -> str:
    """Return what WeChat v3 signs: lines, each ended."""
    return "".join(f"{line}\n" for line in lines)


def authorisation(header: str) -> dict[str, str]:
    """Return the parts of WeChat's Authorization header; empty when it is of another kind."""
    return dict(PAIR.findall(header)) if header.startswith(AUTHORISATION) else {}


def seal(key: str, resource: Mapping[str, Any], associated: str) -> dict[str, str]:
    """Return the `resource` of a callback: AEAD_AES_256_GCM under the APIv3 key."""
    nonce = secrets.token_hex(6)
    text = json.dumps(resource, ensure_ascii=False).encode()
    sealed = AESGCM(key.encode()).encrypt(nonce.encode(), text, associated.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": associated,
        "nonce": nonce,
    }


def keyed(fields: Mapping[str, str], key: str, digest: str = "MD5") -> str:
    """Return the sign of WeChat v2: the fields that are not empty, sorted, with the APIv2 key; MD5 or HMAC-SHA256."""
    text = f"{alipay_text(fields)}&key={key}"
    if digest == "HMAC-SHA256":
        return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest().upper()
    return hashlib.md5(text.encode()).hexdigest().upper()


def digest_of(fields: Mapping[str, str]) -> str:
    """Return by which hash v2 fields were signed: as they say, else as the length of the sign shows."""
    return fields.get("sign_type") or ("HMAC-SHA256" if len(fields.get("sign", "")) == 64 else "MD5")
