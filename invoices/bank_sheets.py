"""Read a bank's statement as CSV or XLSX: columns by their names, whoever the bank is; what cannot be read is listed by line.

Banks put lines above the heading and sums below the rows, write amounts with thousands apart, in one column with a sign of
direction or in two for debit and credit, and save as GBK or as UTF-8 with a mark. Nothing here asks the database.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from zoneinfo import ZoneInfo

import yaml
from django.utils.translation import gettext as _

from billing.money import Money
from invoices import sheets
from invoices.sheets import Row, Sheet
from tenants.errors import DomainError, Invalid

# What banks call their columns, in the order in which a name is looked for.
NAMES: dict[str, tuple[str, ...]] = {
    "reference": (
        "交易流水号",
        "银行流水号",
        "流水号",
        "核心流水号",
        "交易参考号",
        "业务编号",
        "账户明细编号-交易流水号",
        "reference",
        "transaction id",
    ),
    "day": ("交易日期", "交易日", "入账日期", "记账日期", "记账日", "交易时间", "入账时间", "date", "booking date"),
    "hour": ("交易时间", "时间", "交易时刻", "time"),
    "credit": (
        "贷方发生额",
        "贷方金额",
        "收入金额",
        "转入金额",
        "收入",
        "贷方发生额(收入)",
        "贷方发生额/元(收入)",
        "credit",
    ),
    "debit": (
        "借方发生额",
        "借方金额",
        "支出金额",
        "转出金额",
        "支出",
        "借方发生额(支取)",
        "借方发生额/元(支取)",
        "debit",
    ),
    "amount": ("交易金额", "发生额", "金额", "amount"),
    "direction": ("借贷标志", "借贷", "收支方向", "借贷方向", "direction"),
    "payer_name": (
        "对方户名",
        "对方账户名称",
        "对方名称",
        "对方单位",
        "收(付)方名称",
        "付款人名称",
        "付款户名",
        "counterparty",
        "payer",
    ),
    "payer_account": (
        "对方账号",
        "对方账户",
        "收(付)方账号",
        "付款人账号",
        "付款账号",
        "counterparty account",
        "payer account",
    ),
    "virtual_account": ("收款虚拟账号", "虚拟账号", "专属账号", "子账号", "记账子单元编号", "virtual account"),
    "currency": ("币种", "currency"),
}
# All of these are read, one after the other.
REMARKS = ("附言", "摘要", "用途", "备注", "交易附言", "remark", "purpose")
CAME_IN = ("贷", "c", "cr", "credit", "收", "收入", "转入", "in")
WENT_OUT = ("借", "d", "dr", "debit", "付", "支", "支出", "转出", "out")
RENMINBI = ("", "人民币", "人民币元", "cny", "rmb", "01", "156")
SUMS = re.compile(r"^(合计|总计|小计|总笔数|总收入|总支出|借方合计|贷方合计|total|共)")
# How far down a heading may stand.
PREAMBLE = 30
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y年%m月%d日")
HOURS = (" %H:%M:%S", " %H:%M", " %H%M%S", "T%H:%M:%S", "%H:%M:%S", "%H%M%S", " %H:%M:%S.%f", "")
KEYS = (*NAMES, "remark", "encoding", "delimiter")


@dataclass(frozen=True, slots=True, kw_only=True)
class BankLine:
    """One row of a statement. `account` is the payer's number in clear: it is hashed and masked before anything is written."""

    line: int
    reference: str
    amount: Money
    came_in: bool
    at: datetime
    payer_name: str = ""
    account: str = ""
    virtual_account: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a row: the line in the file, the column, and why."""

    line: int
    column: str
    message: str

    def as_dict(self) -> dict[str, object]:
        """Return it as the record of an import keeps it."""
        return {"line": self.line, "column": self.column, "message": self.message}


@dataclass(frozen=True, slots=True)
class Statement:
    """What a file says: its rows, and what cannot be read."""

    lines: tuple[BankLine, ...]
    mistakes: tuple[Mistake, ...]


def read(content: bytes, name: str, *, currency: str, zone: str, mapping: str = "") -> Statement:
    """Return what a bank's file says, with every mistake by line and column.

    Days without an hour are noon in `zone`. `mapping` is YAML that names columns otherwise than `NAMES` does, such as
    `reference: 凭证号` or `remark: [摘要, 用途]`. Raises Unreadable for a file that is no table, Invalid for a bad mapping or a
    column that is not there.
    """
    named = _mapping(mapping)
    sheet, above = _sheet(content, name, named)
    columns = _columns(sheet, named)
    lines, mistakes = [], []
    for row in sheet.rows:
        if _is_sum(row):
            continue
        try:
            lines.append(_line(row, row.line + above, columns, currency, ZoneInfo(zone)))
        except DomainError as refusal:
            column = columns.get(refusal.field, ("",))[0]
            mistakes.append(Mistake(row.line + above, column, refusal.message))
    mistakes += _repeated(lines, columns["reference"][0])
    return Statement(tuple(lines), tuple(sorted(mistakes, key=lambda one: one.line)))


def _mapping(text: str) -> dict[str, object]:
    try:
        found = yaml.safe_load(text) if text.strip() else {}
    except yaml.YAMLError as wrong:
        raise Invalid(_("The mapping is no YAML: %(reason)s") % {"reason": wrong}, field="mapping") from None
    if not isinstance(found, dict):
        raise Invalid(_("The mapping names columns, such as “reference: 流水号”."), field="mapping")
    for key in found:
        if key not in KEYS:
            raise Invalid(_("The mapping does not know “%(key)s”.") % {"key": key}, field="mapping")
    return found


def _sheet(content: bytes, name: str, named: Mapping[str, object]) -> tuple[Sheet, int]:
    """Return the table below its heading, and how many lines stand above it."""
    if name.lower().endswith((".xlsx", ".xlsm")):
        return sheets.read(content, name), 0
    encoding, delimiter = str(named.get("encoding", "")), str(named.get("delimiter", ","))
    text = sheets.decoded(content, (encoding,) if encoding else sheets.ENCODINGS)
    # Excel is kept from making a number of an account by a tab before it.
    lines = text.replace("\t", "").splitlines() if delimiter != "\t" else text.splitlines()
    above = next((n for n, line in enumerate(lines[:PREAMBLE]) if _is_heading(line, delimiter, named)), 0)
    # A heading that ends with a comma says that every row does.
    ends = bool(lines) and lines[above].rstrip().endswith(delimiter)
    body = "\n".join(line.rstrip().removesuffix(delimiter) if ends else line for line in lines[above:])
    return sheets.read(body.encode(), name, encoding="utf-8", delimiter=delimiter), above


def _is_heading(line: str, delimiter: str, named: Mapping[str, object]) -> bool:
    cells = {_plain(cell.strip('"')) for cell in line.split(delimiter)}
    return all(any(_plain(name) in cells for name in _wanted(key, named)) for key in ("reference", "day"))


def _wanted(key: str, named: Mapping[str, object]) -> Sequence[str]:
    if key in named:
        said = named[key]
        return [str(one) for one in said] if isinstance(said, list) else [str(said)]
    return REMARKS if key == "remark" else NAMES[key]


def _columns(sheet: Sheet, named: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """Return the file's columns by what they say; the remark may be several."""
    there = {_plain(column): column for column in sheet.columns}
    found: dict[str, tuple[str, ...]] = {}
    for key in (*NAMES, "remark"):
        mine = [there[_plain(name)] for name in _wanted(key, named) if _plain(name) in there]
        if key in named and not mine:
            raise Invalid(_("The file has no column “%(column)s”.") % {"column": named[key]}, field="mapping")
        if mine:
            found[key] = tuple(mine) if key == "remark" else (mine[0],)
    for key in ("reference", "day"):
        if key not in found:
            raise Invalid(
                _("No column says the %(key)s; name it in the mapping.") % {"key": _word(key)}, field="mapping"
            )
    if "credit" not in found and not {"amount", "direction"} <= found.keys():
        raise Invalid(
            _("No column says what came in: a credit column is needed, or an amount with its direction."),
            field="mapping",
        )
    return found


def _word(key: str) -> str:
    return {"reference": _("bank's reference"), "day": _("day")}[key]


def _plain(text: str) -> str:
    return re.sub(r"[\s*\ufeff]", "", unicodedata.normalize("NFKC", text)).casefold()


def _is_sum(row: Row) -> bool:
    first = next((cell for cell in row.cells.values() if cell), "")
    return bool(SUMS.match(first.casefold()))


def _line(row: Row, line: int, columns: Mapping[str, tuple[str, ...]], currency: str, zone: ZoneInfo) -> BankLine:
    if row.spoilt:
        raise row.spoilt
    cells = {key: " ".join(filter(None, (row.cells[name] for name in names))) for key, names in columns.items()}
    if _plain(cells.get("currency", "")) not in (RENMINBI if currency == "CNY" else ("", currency.casefold())):
        raise Invalid(_("This row is in another currency; import it with an account of its own."), field="currency")
    reference = cells["reference"].strip("'` ")
    if not reference or len(reference) > 64:
        raise Invalid(_("A row needs the bank's reference, of at most 64 characters."), field="reference")
    amount, came_in = _moved(cells, currency)
    return BankLine(
        line=line,
        reference=reference,
        amount=amount,
        came_in=came_in,
        at=_instant(cells["day"], cells.get("hour", ""), zone),
        payer_name=cells.get("payer_name", "")[:200],
        account=re.sub(r"\D", "", cells.get("payer_account", "")),
        virtual_account=re.sub(r"\D", "", cells.get("virtual_account", "")),
        remark=cells.get("remark", ""),
    )


def _moved(cells: Mapping[str, str], currency: str) -> tuple[Money, bool]:
    """Return what moved and whether it came in: of two columns, or of one with its direction."""
    if "credit" in cells:
        credit, debit = (_money(cells.get(key, ""), currency, key) for key in ("credit", "debit"))
        if (credit.minor > 0) == (debit.minor > 0):
            raise Invalid(_("A row has either a credit or a debit."), field="credit")
        return (credit, True) if credit.minor else (debit, False)
    amount, direction = _money(cells["amount"], currency, "amount"), _plain(cells["direction"])
    if not amount.minor:
        raise Invalid(_("The amount must be above zero."), field="amount")
    if direction not in CAME_IN + WENT_OUT:
        raise Invalid(_("Whether it came in or went out cannot be read."), field="direction")
    return amount, direction in CAME_IN


def _money(text: str, currency: str, field: str) -> Money:
    plain = re.sub(r"[,\s¥+]|CNY|RMB|元", "", unicodedata.normalize("NFKC", text).upper())
    try:
        amount = Money.of(plain or "0", currency)
    except ValueError:
        raise Invalid(_("“%(amount)s” is no amount.") % {"amount": text[:40]}, field=field) from None
    if amount.minor < 0:
        raise Invalid(_("An amount below zero stands in the other column."), field=field)
    return amount


def _instant(day: str, hour: str, zone: ZoneInfo) -> datetime:
    """Return the instant that day and hour say, or an hour's column that says both; without an hour noon."""
    for text, (days, hours) in product((f"{day} {hour}", hour, day), product(DAYS, HOURS)):
        try:
            found = datetime.strptime(text, days + hours).replace(tzinfo=zone)
        except ValueError:
            continue
        return found if hours else found.replace(hour=12)
    raise Invalid(_("“%(day)s” is no day: write it as 2026-11-20.") % {"day": day[:40]}, field="day")


def _repeated(lines: Sequence[BankLine], column: str) -> list[Mistake]:
    """Return a mistake for each reference that came before in the file: one number is one movement."""
    seen: dict[str, int] = {}
    found = []
    for one in lines:
        if one.reference in seen:
            told = _("The same reference stands on line %(line)s.") % {"line": seen[one.reference]}
            found.append(Mistake(one.line, column, told))
        seen.setdefault(one.reference, one.line)
    return found
