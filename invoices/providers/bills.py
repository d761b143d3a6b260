"""Read the bills of providers: Alipay's zip of CSV in GBK, WeChat's CSV with backquotes. Pure.

Amounts are yuan there and fen here. A line's amount is above zero, also of a refund; its fee is what the provider kept, below
zero where it gave a fee back. A bill whose own sums disagree with its lines is not read at all: it was cut off.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from invoices.providers.notation import beijing, fen
from invoices.providers.port import NoAnswer, StatementLine

MOST: Final = 256 << 20

# The heads of the columns that we read, as the providers write them.
ALIPAY: Final = {
    "number": "支付宝交易号",
    "order": "商户订单号",
    "kind": "业务类型",
    "at": "完成时间",
    "amount": "订单金额（元）",
    "refund": "退款批次号/请求号",
    "fee": "服务费（元）",
}
WECHAT: Final = {
    "at": "交易时间",
    "number": "微信订单号",
    "order": "商户订单号",
    "state": "交易状态",
    "amount": "订单金额",
    "refund_number": "微信退款单号",
    "refund": "商户退款单号",
    "refund_amount": "申请退款金额",
    "refund_state": "退款状态",
    "fee": "手续费",
}
# Older bills have the amounts under these heads only.
WECHAT_OLD: Final = {"订单金额": "应结订单金额", "申请退款金额": "退款金额"}
WECHAT_SUM: Final = "总交易单数"
NOTHING_WENT_BACK: Final = {"FAIL", "CLOSED"}


Value = TypeVar("Value")


class BadBill(NoAnswer):
    """A bill that cannot be read: `line` is the line of the file, counted from 1, `column` its head, where they are known.

    It is a NoAnswer, for the day's bill is still to be had.
    """

    def __init__(self, what: str, line: int = 0, column: str = "") -> None:
        place = f"line {line}" if line else "file"
        super().__init__(f"{place}{f', {column}' if column else ''}: {what}")
        self.what, self.line, self.column = what, line, column


def alipay(packed: bytes) -> list[StatementLine]:
    """Return the lines of a bill of type `trade`; raise BadBill."""
    rows = _csv_rows(_details(packed))
    heads = _heads(rows, ALIPAY)
    return [_alipay_line(row) for row in _cells(rows, heads, _is_row)]


def wechat(plain: bytes) -> list[StatementLine]:
    """Return the lines of a bill of type `ALL`; raise BadBill. What WeChat refused to pay back is left out."""
    rows = _quoted_rows(_decoded(plain, "utf-8-sig"))
    heads = _heads(rows, WECHAT, WECHAT_OLD)
    found = list(_cells(rows, heads, lambda row: row[0].strip() != WECHAT_SUM))
    _check_sums(rows, found)
    return [_wechat_line(row) for row in found if row["refund_state"] not in NOTHING_WENT_BACK]


class Rows(deque[tuple[int, list[str]]]):
    """Rows of cells, each with its line in the file."""


class Cells(dict[str, str]):
    """The cells of one row by our names."""

    line = 0
    heads: Mapping[str, str] = {}

    def read(self, name: str, how: Callable[[str], Value]) -> Value:
        """Return a cell as `how` reads it; raise BadBill that names line and column."""
        try:
            return how(self[name])
        except ValueError:
            raise BadBill(f"{self[name][:40]!r} cannot be read", self.line, self.heads.get(name, name)) from None


def _alipay_line(row: Cells) -> StatementLine:
    kind = row["kind"]
    if kind not in {"交易", "退款"}:
        raise BadBill(f"{kind[:40]!r} is neither a payment nor a refund", row.line, ALIPAY["kind"])
    refund = kind == "退款"
    return StatementLine(
        reference=row["refund"] if refund else row["order"],
        provider_number=row["number"],
        amount_minor=abs(row.read("amount", fen)),
        # Alipay writes what it took as below zero.
        fee_minor=-row.read("fee", fen),
        at=row.read("at", beijing),
        refund=refund,
        payment_reference=row["order"],
    )


def _wechat_line(row: Cells) -> StatementLine:
    refund = row["state"] == "REFUND"
    if row["state"] not in {"SUCCESS", "REFUND", "REVOKED"}:
        raise BadBill(f"{row['state'][:40]!r} is no known state", row.line, WECHAT["state"])
    return StatementLine(
        reference=row["refund"] if refund else row["order"],
        provider_number=row["refund_number"] if refund else row["number"],
        amount_minor=abs(row.read("refund_amount" if refund else "amount", fen)),
        fee_minor=row.read("fee", fen),
        at=row.read("at", beijing),
        refund=refund,
        payment_reference=row["order"],
    )


def _details(packed: bytes) -> str:
    """Return the file of the single trades; the other one has their sums."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            names = [one for one in archive.infolist() if _name(one).endswith(".csv") and "汇总" not in _name(one)]
            if len(names) != 1:
                raise BadBill("there is not exactly one file of trades in it")
            if names[0].file_size > MOST:
                raise BadBill("too long")
            return _decoded(archive.read(names[0]), "gb18030")
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError):
        raise BadBill("no zip, or a broken one") from None


def _name(entry: zipfile.ZipInfo) -> str:
    """Return a name in the zip: Alipay writes GBK, which zip reads as code page 437 unless it is marked UTF-8."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return entry.filename


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as wrong:
        raise BadBill(f"not {encoding}", content[: wrong.start].count(b"\n") + 1) from None


def _csv_rows(text: str) -> Rows:
    reader = csv.reader(io.StringIO(text))
    try:
        return Rows((reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row))
    except csv.Error:
        raise BadBill("no CSV", reader.line_num) from None


def _quoted_rows(text: str) -> Rows:
    """Split rows at comma and backquote, for a text may have a comma in it; heads have no backquotes."""
    found = Rows()
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("`"):
            found.append((number, [cell.strip() for cell in line[1:].split(",`")]))
        elif line.strip():
            found.append((number, [cell.strip() for cell in line.split(",")]))
    return found


def _heads(rows: Rows, wanted: Mapping[str, str], instead: Mapping[str, str] = {}) -> dict[str, tuple[int, str]]:
    """Take everything up to the heads of the columns off `rows`, and return where each column is and what it is called."""
    while rows:
        line, row = rows.popleft()
        if wanted["order"] in row:
            heads = {name: head if head in row else instead.get(head, head) for name, head in wanted.items()}
            missing = [head for head in heads.values() if head not in row]
            if missing:
                raise BadBill("this column is missing", line, missing[0])
            return {name: (row.index(head), head) for name, head in heads.items()}
    raise BadBill("it has no heads of columns")


def _is_row(row: Sequence[str]) -> bool:
    return not row[0].startswith("#")


def _cells(rows: Rows, heads: Mapping[str, tuple[int, str]], more: Callable[[Sequence[str]], bool]) -> Iterator[Cells]:
    """Yield rows by name and take them off, as long as there are more of them."""
    least, names = max(heads.values())[0] + 1, {name: head for name, (_place, head) in heads.items()}
    while rows and more(rows[0][1]):
        line, row = rows.popleft()
        if len(row) < least:
            raise BadBill(f"it has {len(row)} cells and needs {least}", line)
        cells = Cells({name: row[place] for name, (place, _head) in heads.items()})
        cells.line, cells.heads = line, names
        yield cells
    if not rows:
        raise BadBill("it ends in the middle")


def _check_sums(rows: Rows, found: Sequence[Cells]) -> None:
    """Compare WeChat's own sums with what was read: number of rows, payments, refunds."""
    if len(rows) < 2:
        raise BadBill("its sums are missing")
    line, sums = rows[1]
    told = dict(zip(rows[0][1], sums, strict=False))
    if told.get(WECHAT_SUM) != str(len(found)):
        raise BadBill(f"it has {len(found)} rows and says {told.get(WECHAT_SUM, '')[:20]!r}", line, WECHAT_SUM)
    for head, name in (("订单总金额", "amount"), ("申请退款总金额", "refund_amount")):
        if head not in told:
            continue
        whole = Cells({name: told[head]})
        whole.line, whole.heads = line, {name: head}
        if whole.read(name, fen) != sum(row.read(name, fen) for row in found):
            raise BadBill("this is not the sum of its rows", line, head)
