"""The bank's statements of the demo: a CSV of each day, and one transfer that nobody knows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zlib import crc32
from zoneinfo import ZoneInfo

from billing.money import Money
from invoices import remitting
from invoices.demo.reading import read
from tenants.models import Seller, Tenant

ZONE = ZoneInfo("Asia/Shanghai")
COLUMNS = ("交易流水号", "交易日期", "交易时间", "贷方发生额", "借方发生额", "对方户名", "对方账号", "附言")


@dataclass(frozen=True, slots=True)
class Row:
    """Money that came in: minor units of CNY, from whom, and what he wrote."""

    reference: str
    at: datetime
    minor: int
    payer: str
    remark: str


def code(tenant: Tenant, seller: Seller, *, at: datetime) -> str:
    """Return the remark of a customer who writes his code."""
    return f"{remitting.code_of(tenant, seller, at=at).code} 软件服务费"


def strays(today: date, day: date) -> Iterator[tuple[Seller, Row]]:
    """Yield what came in on this day from people whom nobody here knows."""
    for said in read("money")["strays"]:
        if _weekday(today - timedelta(days=said["days"])) == day:
            reference = f"{day:%Y%m%d}{crc32(said['payer'].encode()) % 10**8:08d}"
            at = datetime.combine(day, time(10, 20), ZONE)
            minor = Money.of(said["amount"], "CNY").minor
            yield Seller.objects.get(code=said["seller"]), Row(reference, at, minor, said["payer"], said["remark"])


def _weekday(day: date) -> date:
    """Return the day, or the Friday before a weekend."""
    return day - timedelta(days=max(0, day.weekday() - 4))


def statement(rows: Sequence[Row]) -> bytes:
    """Return a day's statement as the bank's page lets it be downloaded."""
    text = io.StringIO()
    sheet = csv.writer(text)
    sheet.writerow(COLUMNS)
    for row in sorted(rows, key=lambda row: row.at):
        local = row.at.astimezone(ZONE)
        account = f"6222{crc32(row.payer.encode()) % 10**12:012d}"
        amount = str(Money(row.minor, "CNY").amount)
        sheet.writerow(
            [row.reference, f"{local:%Y-%m-%d}", f"{local:%H:%M:%S}", amount, "", row.payer, account, row.remark]
        )
    return text.getvalue().encode()
