"""Read a file of usage: its encoding, its columns, and each line as an event, without holding the file in memory.

Columns: `key` and `meter` (or `void`), and if wanted `tenant`, `quantity`, `occurred_at`, `properties` (a JSON object) and
`properties.NAME`, one property each. An empty cell is an absent one.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from tenants.errors import Invalid

COLUMNS = ("tenant", "meter", "quantity", "key", "occurred_at", "void", "properties")
PROPERTY = "properties."
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the file, or what is wrong with its line: `problems` are (column, message)."""

    number: int
    tenant: str
    event: dict[str, Any]
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """What a first look at the whole file says: its encoding, its hash, and whether it takes events back."""

    encoding: str
    sha256: str
    has_voids: bool


def look(path: Path) -> Shape:
    """Return the file's encoding (UTF-8, with or without a mark, or GB18030) and hash; raise Invalid for any other."""
    decoders = {name: codecs.getincrementaldecoder(name)("strict") for name in ("utf-8-sig", "gb18030")}
    digest = sha256()
    heading = b""
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK)
            digest.update(chunk)
            heading = heading or chunk.split(b"\n")[0]
            for name in list(decoders):
                if not _decodes(decoders[name], chunk):
                    del decoders[name]
            if not chunk:
                break
    if not decoders:
        raise Invalid(_("The file is neither UTF-8 nor GB18030 text. Save it as CSV UTF-8."), field="file")
    return Shape(next(iter(decoders)), digest.hexdigest(), b"void" in heading)


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes) -> bool:
    try:
        decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError:
        return False
    return True


def lines(path: Path, shape: Shape, *, needs_tenant: bool) -> Iterator[Line]:
    """Yield the file's events in order; raise Invalid where the heading has a wrong, double or missing column.

    A line's number is the one an editor shows for its last line.
    """
    with path.open(encoding=shape.encoding, newline="") as file:
        rows = csv.reader(file, strict=True)
        names = _heading(rows, needs_tenant)
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as wrong:
                message = _("The line is no CSV: %(error)s.") % {"error": wrong}
                yield Line(rows.line_num, "", {}, (("", message),))
                continue
            if row:
                yield _line(rows.line_num, names, row)


def _heading(rows: Any, needs_tenant: bool) -> list[str]:
    try:
        names = [name.strip() for name in next(rows)]
    except (StopIteration, csv.Error) as wrong:
        raise Invalid(_("The file has no heading: its first line names the columns."), field="file") from wrong
    for name in names:
        if name not in COLUMNS and not (name.startswith(PROPERTY) and len(name) > len(PROPERTY)):
            known = ", ".join((*COLUMNS, "properties.NAME"))
            raise Invalid(
                _("Unknown column “%(name)s”. Known are %(known)s.") % {"name": name, "known": known}, field=name
            )
        if names.count(name) > 1:
            raise Invalid(_("The column “%(name)s” is there twice.") % {"name": name}, field=name)
    needed = ["key", *(["tenant"] if needs_tenant else []), *([] if "void" in names else ["meter"])]
    for name in needed:
        if name not in names:
            raise Invalid(_("The column “%(name)s” is missing.") % {"name": name}, field=name)
    return names


def _line(number: int, names: list[str], row: list[str]) -> Line:
    if len(row) != len(names):
        message = _("The line has %(found)d cells and the heading has %(wanted)d.")
        return Line(number, "", {}, (("", message % {"found": len(row), "wanted": len(names)}),))
    cells = {name: cell.strip() for name, cell in zip(names, row, strict=True) if cell.strip()}
    problems = []
    event: dict[str, Any] = {name: cells[name] for name in ("key", "meter", "quantity", "void") if name in cells}
    if "key" not in cells:
        problems.append(("key", _("Give the event a key of 1 to 120 characters.")))
    if told := cells.get("occurred_at"):
        try:
            event["occurred_at"] = _instant(told)
        except ValueError:
            problems.append(("occurred_at", _("Write the instant with its zone, as 2026-01-31T09:00:00+08:00.")))
    try:
        properties = _properties(cells)
    except msgspec.DecodeError:
        problems.append(("properties", _("Write the properties as an object of names and values.")))
    else:
        event |= {"properties": properties} if properties else {}
    return Line(number, cells.get("tenant", ""), event, tuple(problems))


def _instant(told: str) -> datetime:
    when = datetime.fromisoformat(told)
    if when.tzinfo is None:
        raise ValueError(told)
    return when


def _properties(cells: dict[str, str]) -> dict[str, Any]:
    found = msgspec.json.decode(cells["properties"], type=dict[str, Any]) if "properties" in cells else {}
    return found | {name[len(PROPERTY) :]: cell for name, cell in cells.items() if name.startswith(PROPERTY)}
