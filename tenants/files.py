"""Files kept by the hash of their content: written once, found by name of nothing else."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile
from typing import IO

from django.conf import settings

CHUNK = 1 << 20


class Damaged(OSError):
    """A kept file no longer has the hash that it was kept under."""


def keep(content: bytes) -> str:
    """Store `content` and return its SHA-256; storing the same again changes nothing."""
    digest = sha256(content).hexdigest()
    path = place(digest)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, delete=False) as fresh:
            fresh.write(content)
            fresh.flush()
            os.fsync(fresh.fileno())
        Path(fresh.name).replace(path)
    return digest


def keep_file(content: IO[bytes]) -> tuple[str, int]:
    """Store an open file, piece by piece, as `keep` does; return its SHA-256 and its size."""
    content.seek(0)
    digest, size = sha256(), 0
    while piece := content.read(CHUNK):
        digest.update(piece)
        size += len(piece)
    path = place(digest.hexdigest())
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        content.seek(0)
        with NamedTemporaryFile(dir=path.parent, delete=False) as fresh:
            copyfileobj(content, fresh, CHUNK)
            fresh.flush()
            os.fsync(fresh.fileno())
        Path(fresh.name).replace(path)
    return digest.hexdigest(), size


def fetch(digest: str) -> bytes:
    """Return the content kept under `digest`; raise Damaged when it is no longer the same."""
    content = place(digest).read_bytes()
    if sha256(content).hexdigest() != digest:
        raise Damaged(f"the file kept as {digest} was changed")
    return content


def place(digest: str) -> Path:
    """Return where the content of `digest` lies."""
    return settings.DOCUMENTS_DIR / digest[:2] / digest
