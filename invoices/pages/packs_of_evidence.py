"""The page /evidence/: choose a stretch of days, fetch the pack, and see the fingerprint of every pack that was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _

from billing import formatting
from invoices.evidence import packing
from invoices.models import EvidencePack
from invoices.pages import titles
from invoices.pages.visit import Visit
from tenants.errors import Invalid, NotFound
from usage.periods import add_months

MONTHS, SHOWN = 24, 100
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Month:
    """A month to choose: its first day and its name."""

    value: str
    name: str


@dataclass(frozen=True)
class PackRow:
    """One pack on record."""

    days: tuple[date, date]
    made_at: datetime
    by: str
    sha256: str
    fingerprint: str
    size: str
    address: str


@dataclass(frozen=True)
class EvidencePage:
    """The page /evidence/."""

    months: tuple[Month, ...]
    first: str
    last: str
    make: str
    packs: tuple[PackRow, ...]
    keys: str
    verifier: str
    command: str


def page(visit: Visit, keys: str, verifier: str) -> EvidencePage:
    """Return the page; `keys` and `verifier` are where the public keys and the program to check with stand."""
    found = EvidencePack.objects.filter(tenant=visit.tenant).order_by("-made_at", "-id")[:SHOWN]
    return EvidencePage(
        months=months(visit),
        first=visit.today.replace(day=1).isoformat(),
        last=visit.today.isoformat(),
        make=visit.to("evidence_make"),
        packs=tuple(pack(visit, row) for row in found),
        keys=keys,
        verifier=verifier,
        command=f"python3 -I verify_pack.py {visit.tenant.code}.zip --public-key …",
    )


def months(visit: Visit) -> tuple[Month, ...]:
    """Return the months since the company came, newest first."""
    opened = visit.tenant.opened_at.astimezone(visit.zone).date().replace(day=1)
    firsts = [add_months(visit.today.replace(day=1), -n) for n in range(MONTHS)]
    chinese = formatting.is_chinese(visit.language)
    return tuple(
        Month(f"{first:%Y-%m}", f"{first.year}年{first.month}月" if chinese else f"{first:%B %Y}")
        for first in firsts
        if first >= opened
    )


def pack(visit: Visit, row: EvidencePack) -> PackRow:
    return PackRow(
        days=(row.start_on, titles.last_day(row.end_on)),
        made_at=row.made_at,
        by=row.made_by_name or _("us"),
        sha256=row.sha256,
        fingerprint=row.fingerprint,
        size=f"{max(1, row.bytes // 1024)} kB",
        address=visit.to("evidence_file", row.sha256),
    )


def period(query: Mapping[str, str]) -> tuple[date, date]:
    """Read the days that are asked for: `month` (2026-09), or `first` and `last` (the last one included); raise Invalid."""
    try:
        if month := query.get("month", ""):
            first = date.fromisoformat(f"{month}-01")
            return first, add_months(first, 1)
        return date.fromisoformat(query.get("first", "")), date.fromisoformat(query.get("last", "")) + DAY
    except (ValueError, OverflowError):
        raise Invalid(_("Choose a month, or write the first and the last day as 2026-09-30."), field="month") from None


def find(visit: Visit, sha256: str) -> EvidencePack:
    """Return a pack of this company by its fingerprint; raise NotFound for any other."""
    found = EvidencePack.objects.filter(tenant=visit.tenant, sha256=sha256).select_related("tenant").first()
    if found is None:
        raise NotFound(_("There is no such pack."))
    return found


name_of = packing.name_of
