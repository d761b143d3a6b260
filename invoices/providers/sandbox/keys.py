"""The keys of both sides, made on the first run and kept in a folder that only the owner reads."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from invoices.providers.sandbox import signing

NAME = "keys.json"
FIRST_PORT = 8400


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Both sides' keys and numbers. `…_ours` is the merchant's, `…_theirs` the provider's; PEM."""

    alipay_app: str
    alipay_seller: str
    alipay_private_ours: str
    alipay_public_ours: str
    alipay_private_theirs: str
    alipay_public_theirs: str
    wechat_app: str
    wechat_merchant: str
    wechat_plan: str
    wechat_serial: str  # of the merchant's certificate
    wechat_private_ours: str
    wechat_public_ours: str
    wechat_private_theirs: str
    wechat_public_theirs: str
    wechat_key_id: str  # PUB_KEY_ID_…
    wechat_v3: str  # APIv3 key, 32 characters
    wechat_v2: str  # APIv2 key, 32 characters
    port: int = 0  # on which this merchant's gateways are served; 0 is any


def made(port: int = 0) -> Keys:
    """Return new keys and numbers."""
    ours_a, ours_w, theirs_a, theirs_w = (signing.new_pair() for _ in range(4))
    merchant = f"19{_digits(8)}"
    return Keys(
        alipay_app=f"2021{_digits(12)}",
        alipay_seller=f"2088{_digits(12)}",
        alipay_private_ours=ours_a[0],
        alipay_public_ours=ours_a[1],
        alipay_private_theirs=theirs_a[0],
        alipay_public_theirs=theirs_a[1],
        wechat_app=f"wx{secrets.token_hex(8)}",
        wechat_merchant=merchant,
        wechat_plan=_digits(6),
        wechat_serial=secrets.token_hex(20).upper(),
        wechat_private_ours=ours_w[0],
        wechat_public_ours=ours_w[1],
        wechat_private_theirs=theirs_w[0],
        wechat_public_theirs=theirs_w[1],
        wechat_key_id=f"PUB_KEY_ID_01{merchant}{_digits(16)}",
        wechat_v3=secrets.token_hex(16),
        wechat_v2=secrets.token_hex(16),
        port=port,
    )


def _digits(count: int) -> str:
    return "1" + "".join(secrets.choice("0123456789") for _ in range(count - 1))


def merchants(folder: Path) -> dict[str, Path]:
    """Return the folders of the merchants whose gateways are here, by their names."""
    return {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{NAME}"))}


def of_merchant(folder: Path, name: str) -> Keys:
    """Return a merchant's keys; the first time they are made, with the next port. Only the owner can read the file."""
    path = folder / name / NAME
    if not path.exists():
        ports = [of_merchant(folder, other).port for other in merchants(folder)]
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        keep(folder, name, made(max(ports, default=FIRST_PORT - 1) + 1))
    return Keys(**json.loads(path.read_text()))


def keep(folder: Path, name: str, keys: Keys) -> None:
    """Write a merchant's keys, whose folder is there; only the owner can read the file."""
    path = folder / name / NAME
    fresh = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(keys), file, indent=1)
    fresh.replace(path)


def base_of(keys: Keys) -> str:
    """Return the address at which a merchant's gateways are served."""
    return f"http://127.0.0.1:{keys.port}"


def account(keys: Keys, base: str) -> dict[str, dict[str, Any]]:
    """Return what a seller's account at each provider needs, as `accounts.set_up` takes it."""
    return {
        "alipay": {
            "app_id": keys.alipay_app,
            "merchant": keys.alipay_seller,
            "plan": "INDUSTRY|DIGITAL_MEDIA",
            "gateway": f"{base}/gateway.do",
            "secrets": {"private_key": keys.alipay_private_ours, "public_key": keys.alipay_public_theirs},
        },
        "wechat": {
            "app_id": keys.wechat_app,
            "merchant": keys.wechat_merchant,
            "plan": keys.wechat_plan,
            "gateway": base,
            "secrets": {
                "private_key": keys.wechat_private_ours,
                "serial": keys.wechat_serial,
                "public_key": keys.wechat_public_theirs,
                "public_key_id": keys.wechat_key_id,
                "v3_key": keys.wechat_v3,
                "v2_key": keys.wechat_v2,
            },
        },
    }
