"""Read a file of rows, CSV or XLSX, whoever wrote it: every cell as text, with the line it stands on."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import openpyxl
from django.utils.translation import gettext as _
from openpyxl.utils.exceptions import InvalidFileException

from tenants.errors import DomainError, Invalid

# Excel's Chinese edition saves CSV in GB18030 (or its older parts), everything else in UTF-8.
ENCODINGS = ("utf-8-sig", "gb18030")
MOST_ROWS = 200_000


class Unreadable(Invalid):
    """The file cannot be read as a table; the message says where."""

    code = "unreadable_file"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file, its number among the rows of data (from 1), and its cells by column.

    `spoilt` is the reason why the cells cannot be told apart.
    """

    line: int
    number: int
    cells: Mapping[str, str]
    spoilt: DomainError | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its heading."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read(content: bytes, name: str, *, encoding: str = "", delimiter: str = ",", sheet: str = "") -> Sheet:
    """Return the table in a file; its name's ending tells XLSX from CSV.

    Raises Unreadable, naming the line, when it is no table: another encoding, an open quotation mark, no heading, a
    column twice.
    """
    lines = _xlsx(content, sheet) if name.lower().endswith((".xlsx", ".xlsm")) else _csv(content, encoding, delimiter)
    head = next(lines, None)
    if head is None:
        raise Unreadable(_("The file is empty."), field="file")
    columns = _columns(head[1])
    rows = tuple(_row(number, line, columns, cells) for number, (line, cells) in enumerate(lines, start=1))
    if not rows:
        raise Unreadable(_("The file has a heading and no rows."), field="file")
    return Sheet(columns, rows)


def _columns(cells: Sequence[str]) -> tuple[str, ...]:
    columns = tuple(cell.strip() for cell in cells)
    for number, column in enumerate(columns, start=1):
        if not column:
            raise Unreadable(_("Column %(number)s has no name in the heading.") % {"number": number}, field="file")
        if columns.count(column) > 1:
            raise Unreadable(_("The heading names the column “%(column)s” twice.") % {"column": column}, field="file")
    return columns


def _row(number: int, line: int, columns: Sequence[str], cells: Sequence[str]) -> Row:
    spoilt = None
    if len(cells) != len(columns):
        message = _("This line has %(found)s cells, the heading has %(wanted)s. Check commas and quotation marks.")
        spoilt = Unreadable(message % {"found": len(cells), "wanted": len(columns)}, line=line)
    padded = [*cells, *[""] * (len(columns) - len(cells))]
    return Row(line, number, {c: cell.strip() for c, cell in zip(columns, padded, strict=False)}, spoilt)


def _csv(content: bytes, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    text = decoded(content, (encoding,) if encoding else ENCODINGS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for cells in reader:
            if any(cells):
                yield start, cells
            start = reader.line_num + 1
            _bounded(start)
    except csv.Error as wrong:
        message = _("Line %(line)s cannot be read: %(reason)s. Is a quotation mark left open?")
        raise Unreadable(message % {"line": start, "reason": wrong}, field="file", line=start) from None


def decoded(content: bytes, encodings: Iterable[str]) -> str:
    """Return the text in the first of `encodings` that fits; raise Unreadable when none does."""
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    raise Unreadable(
        _("The file is neither UTF-8 nor GB18030. Save it as “CSV UTF-8”, or name its encoding in the mapping."),
        field="file.encoding",
    )


def _xlsx(content: bytes, sheet: str) -> Iterator[tuple[int, list[str]]]:
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError):
        raise Unreadable(_("This is no XLSX file. Save it anew as .xlsx or as CSV."), field="file") from None
    if sheet and sheet not in book.sheetnames:
        raise Unreadable(
            _("There is no sheet “%(sheet)s”; the file has %(sheets)s.")
            % {"sheet": sheet, "sheets": ", ".join(book.sheetnames)},
            field="file.sheet",
        )
    table = book[sheet] if sheet else book.worksheets[0]
    width = 0
    for line, values in enumerate(table.iter_rows(values_only=True), start=1):
        _bounded(line)
        cells = [_text(value) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            # Empty cells at the end of a row are not stored; the heading says how many there are.
            width = width or len(cells)
            yield line, [*cells, *[""] * (width - len(cells))]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time().isoformat() == "00:00:00" else value.isoformat()
    if isinstance(value, int | str):
        return str(value)
    # A number of Excel is a binary fraction; its shortest decimal is the one that was typed.
    return f"{Decimal(str(value)).normalize():f}" if not hasattr(value, "isoformat") else value.isoformat()


def _bounded(line: int) -> None:
    if line > MOST_ROWS:
        raise Unreadable(_("The file has more than %(most)s lines; cut it.") % {"most": MOST_ROWS}, field="file")
