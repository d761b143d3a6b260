"""Write a pack: a ZIP whose bytes depend on nothing but the rows, the period and the instant; signed over its manifest."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.db import transaction
from django.utils.translation import gettext as _

from invoices.deriving import derive_all
from invoices.deriving.standing import instant
from invoices.evidence import agreed, documents, readme, rows, signing
from invoices.evidence.gathering import Scope
from invoices.models import EvidencePack, SigningKey
from tenants import audit, files
from tenants.errors import Invalid
from tenants.models import Tenant, User

FORMAT = "mingzhang-evidence/1"
# A year and a day: longer packs are made in parts.
LONGEST = timedelta(days=366)
DAY = timedelta(days=1)
# The earliest date that a ZIP can hold: the bytes must not depend on the clock.
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(slots=True)
class _Writer:
    """A ZIP under way, with the hash of each member as it is written."""

    zip: ZipFile
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, content: bytes) -> None:
        self.zip.writestr(_member(name), content, compresslevel=6)
        self.files[name] = {"sha256": sha256(content).hexdigest(), "bytes": len(content)}

    def list(self, name: str, content: list[Any], *, count: str) -> None:
        self.add(name, _json(content))
        self.counts[count] = len(content)

    def table(self, name: str, head: Iterable[str], body: Iterable[Iterable[object]]) -> int:
        """Write a CSV row by row; return how many rows it has below its heading."""
        return self._stream(name, (_line(row) for row in _chain(head, body))) - 1

    def lines(self, derivations: Iterable[dict[str, Any]]) -> None:
        """Write the derivations as a JSON list, one at a time."""
        self.counts["lines"] = self._stream("lines.json", _pieces(derivations)) - 1

    def _stream(self, name: str, pieces: Iterable[bytes]) -> int:
        """Write a member piece by piece; return how many pieces it has."""
        digest, size, count = sha256(), 0, 0
        with self.zip.open(_member(name), "w", force_zip64=True) as out:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                count += 1
                out.write(piece)
        self.files[name] = {"sha256": digest.hexdigest(), "bytes": size}
        return count


def pack(tenant: Tenant, start: date, end: date, at: datetime, *, by: User | None = None) -> bytes:
    """Return the evidence pack of a company for the local days [start, end), as it stands at `at`.

    The same rows, days, instant and person give the same bytes. Raises Invalid for days that are no period, or too many.
    """
    with TemporaryFile() as out:
        _write(Scope(tenant, start, end, at), out, by)
        out.seek(0)
        return out.read()


@transaction.atomic
def keep(tenant: Tenant, start: date, end: date, *, at: datetime, by: User | None) -> EvidencePack:
    """Make a pack, keep the file under its hash, and put its fingerprint on record; the same pack is kept once."""
    with TemporaryFile() as out:
        manifest, key = _write(Scope(tenant, start, end, at), out, by)
        digest, size = files.keep_file(out)
    made, is_new = EvidencePack.objects.get_or_create(
        tenant=tenant,
        sha256=digest,
        defaults={
            "start_on": start,
            "end_on": end,
            "manifest_sha256": sha256(manifest).hexdigest(),
            "fingerprint": key.fingerprint,
            "bytes": size,
            "counts": json.loads(manifest)["counts"],
            "made_at": at,
            "made_by": by,
            "made_by_name": by.get_full_name() if by else "",
        },
    )
    if is_new:
        told = {"start": str(start), "end": str(end), "sha256": digest}
        audit.record("evidence.made", tenant=tenant, target=f"evidence_pack:{made.pk}", at=at, by=by, **told)
    return made


def name_of(row: EvidencePack) -> str:
    """Return the file's name: the company, the first and the last day."""
    return f"{row.tenant.code}-{row.start_on}-{row.end_on - DAY}.zip"


def _write(scope: Scope, out: IO[bytes], by: User | None) -> tuple[bytes, SigningKey]:
    _check(scope)
    sellers = scope.sellers
    if not sellers:
        raise Invalid(_("There is no seller whose bills these could be."), field="tenant")
    keys = [signing.key_of(seller, at=scope.at) for seller in sellers]
    with ZipFile(out, "w", ZIP_DEFLATED, allowZip64=True, compresslevel=6) as archive:
        writer = _Writer(archive)
        _documents(writer, scope)
        _lines(writer, scope)
        _agreed(writer, scope)
        writer.counts["ledger"] = writer.table("ledger.csv", rows.LEDGER, rows.ledger(scope))
        writer.counts["audit"] = writer.table("audit.csv", rows.AUDIT, rows.audit(scope))
        writer.add("README.txt", readme.text(scope, last=str(scope.end - DAY), at=instant(scope.at)).encode())
        manifest = _json(_manifest(scope, writer, keys, by))
        signatures = [_signature(key, manifest) for key in keys]
        archive.writestr(_member("manifest.json"), manifest, compresslevel=6)
        archive.writestr(_member("manifest.sig"), _json(signatures), compresslevel=6)
    return manifest, keys[0]


def _check(scope: Scope) -> None:
    if not scope.start < scope.end:
        raise Invalid(_("The last day is not before the first."), field="end")
    if scope.end - scope.start > LONGEST:
        raise Invalid(_("A pack covers at most a year; make several."), field="end")
    if scope.since > scope.at:
        raise Invalid(_("These days have not begun."), field="start")


def _documents(writer: _Writer, scope: Scope) -> None:
    writer.list("invoices.json", documents.bills(scope), count="invoices")
    writer.list("credit_notes.json", documents.notes(scope), count="credit_notes")
    made = documents.files_of(scope)
    for row in made:
        writer.add(f"invoices/{row.sha256[:16]}-{row.name}", files.fetch(row.sha256))
    writer.counts["documents"] = len(made)


def _lines(writer: _Writer, scope: Scope) -> None:
    """Write the derivations, then the events that they and the period need, and the price versions they stand on."""
    windows: list[rows.Window] = []
    versions: set[int] = set()

    def noted() -> Iterable[dict[str, Any]]:
        for one in derive_all(scope.charges):
            how = one.data["how"]
            if how["type"] == "usage" and one.of.charge.tenant_id == scope.tenant.pk:
                windows.append((how["meter"], one.of.stretch.start, one.of.stretch.end))
            if one.of.charge.price:
                versions.add(one.of.charge.price.version_id)
            yield one.data

    writer.lines(noted())
    writer.counts["usage"] = writer.table("usage.csv", rows.USAGE, rows.usage(scope, windows))
    writer.list("prices.json", agreed.versions(versions), count="prices")


def _agreed(writer: _Writer, scope: Scope) -> None:
    writer.list("authorisations.json", agreed.authorisations(scope), count="authorisations")
    told = agreed.notices(scope)
    writer.add("notices.json", _json(told))
    writer.counts |= {name: len(found) for name, found in told.items()}
    writer.list("payments.json", agreed.payments(scope), count="payments")


def _manifest(scope: Scope, writer: _Writer, keys: list[SigningKey], by: User | None) -> dict[str, Any]:
    tenant = scope.tenant
    return {
        "format": FORMAT,
        "tenant": {"code": tenant.code, "name": tenant.name, "id": tenant.pk},
        "period": [str(scope.start), str(scope.end)],
        "zone": tenant.timezone,
        "made_at": instant(scope.at),
        "made_by": by.get_full_name() if by else "",
        "signed_by": [
            {"seller": key.seller.code, "name": key.seller.legal_name, "fingerprint": key.fingerprint} for key in keys
        ],
        "counts": writer.counts,
        "files": writer.files,
    }


def _signature(key: SigningKey, manifest: bytes) -> dict[str, str]:
    return {
        "algorithm": "Ed25519",
        "seller": key.seller.code,
        "public_key": key.public_key,
        "fingerprint": key.fingerprint,
        "signature": signing.sign(key, manifest),
    }


def _member(name: str) -> ZipInfo:
    """Return a member whose date and rights are always the same."""
    member = ZipInfo(name, date_time=EPOCH)
    member.compress_type, member.external_attr, member.create_system = ZIP_DEFLATED, 0o644 << 16, 3
    return member


def _pieces(derivations: Iterable[dict[str, Any]]) -> Iterable[bytes]:
    opened = b"[\n"
    for one in derivations:
        yield opened + json.dumps(one, ensure_ascii=False, sort_keys=True).encode()
        opened = b",\n"
    yield b"]\n" if opened == b",\n" else b"[]\n"


def _chain(head: Iterable[str], body: Iterable[Iterable[object]]) -> Iterable[Iterable[object]]:
    yield head
    yield from body


def _line(row: Iterable[object]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(row)
    return out.getvalue().encode()


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()
