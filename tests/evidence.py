"""Packs to check and to tamper with: the verifier run alone, and a pack rewritten with hashes that fit again."""

from __future__ import annotations

import base64
import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from invoices import evidence
from tenants.models import Tenant

VERIFIER = Path(__file__).resolve().parents[1] / "docs" / "verify" / "verify_pack.py"


def packed(folder: Path, tenant: Tenant, start: str, end: str, at: datetime) -> Path:
    """Return the path of a pack of local days."""
    path = folder / "pack.zip"
    path.write_bytes(evidence.pack(tenant, date.fromisoformat(start), date.fromisoformat(end), at))
    return path


def verified(path: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """Run the verifier alone, from an empty folder; return its exit code and its report."""
    (empty := path.parent / "empty").mkdir(exist_ok=True)
    command = [sys.executable, "-I", str(VERIFIER), str(path), "--json", *more]
    done = subprocess.run(command, cwd=empty, capture_output=True, text=True, timeout=120, check=False)
    assert not done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def codes(path: Path, *more: str) -> set[str]:
    """Return the codes of all that the verifier finds wrong."""
    code, report = verified(path, *more)
    assert code == (1 if report["faults"] else 0)
    return {fault["code"] for fault in report["faults"]}


def members(path: Path) -> dict[str, bytes]:
    """Return the files of a pack."""
    with zipfile.ZipFile(path) as pack:
        return {name: pack.read(name) for name in pack.namelist()}


def rewritten(
    path: Path, name: str, change: Callable[[Any], Any], *, hashed: bool = True, signed: bool = False
) -> Path:
    """Change one file of a pack; with `hashed` the manifest fits again, with `signed` a stranger signs that manifest.

    `change` is given the JSON, or the rows of a CSV, and changes it in place.
    """
    files = members(path)
    if name.endswith(".csv"):
        rows = list(csv.DictReader(io.StringIO(files[name].decode())))
        change(rows)
        out = io.StringIO()
        writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        files[name] = out.getvalue().encode()
    else:
        content = json.loads(files[name])
        change(content)
        files[name] = json.dumps(content, ensure_ascii=False).encode()
    if hashed and name in json.loads(files["manifest.json"])["files"]:
        manifest = json.loads(files["manifest.json"])
        manifest["files"][name]["sha256"] = sha256(files[name]).hexdigest()
        files["manifest.json"] = json.dumps(manifest).encode()
    if signed:
        sign(files)
    return written(path.with_name("tampered.zip"), files)


def sign(files: dict[str, bytes]) -> None:
    """Sign a manifest with a key of a stranger, and name it there as the seller's."""
    secret = Ed25519PrivateKey.generate()
    public = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    manifest = json.loads(files["manifest.json"])
    manifest["signed_by"] = [dict(manifest["signed_by"][0], fingerprint=sha256(public).hexdigest())]
    files["manifest.json"] = json.dumps(manifest).encode()
    told = {
        "seller": manifest["signed_by"][0]["seller"],
        "public_key": base64.b64encode(public).decode(),
        "fingerprint": sha256(public).hexdigest(),
        "signature": base64.b64encode(secret.sign(files["manifest.json"])).decode(),
    }
    files["manifest.sig"] = json.dumps([told]).encode()


def written(path: Path, files: dict[str, bytes]) -> Path:
    """Write a ZIP of these files."""
    with zipfile.ZipFile(path, "w") as pack:
        for name, content in files.items():
            pack.writestr(name, content)
    return path
