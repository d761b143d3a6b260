"""What a machine without any settings needs: a secret of its own and a broker of files."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config.accounts import foreign


def secret(folder: Path) -> str:
    """Return this machine's own secret key, made once and readable by its owner only."""
    return _mine(folder / "secret", lambda: secrets.token_urlsafe(48))


def payment_key(folder: Path) -> str:
    """Return the key that this machine encrypts the keys of providers with: 32 bytes in URL-safe Base64."""
    return _mine(folder / "payment_key", lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())


def _mine(path: Path, make: Callable[[], str]) -> str:
    try:
        return made_once(path, make)
    except PermissionError as error:
        raise foreign(path if path.exists() else path.parent) from error


def made_once(path: Path, make: Callable[[], str]) -> str:
    """Read the secret at `path`, or make it; of several processes that make one the first wins."""
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = folder / f"{path.name}.{secrets.token_hex(4)}"
        fresh.touch(mode=0o600)
        fresh.write_text(make())
        try:
            path.hardlink_to(fresh)  # never replaces: the first of several processes wins
        except FileExistsError:
            pass
        fresh.unlink()
    return path.read_text()


def broker_options(url: str, folder: Path) -> dict[str, Any]:
    """Return the transport's options: folders for the broker of files, nothing for a real one."""
    if not url.startswith("filesystem:"):
        return {}
    for name in ("queue", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    queue = str(folder / "queue")
    return {"data_folder_in": queue, "data_folder_out": queue, "control_folder": str(folder / "control")}
