"""Import customers with their subscriptions from a file, by a mapping: all rows are checked before one is written.

`read` checks and writes nothing; `run` writes all of it in one transaction, or nothing. A customer whose code exists
already is passed over and said so: a second run of the same file imports nothing twice.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from django.db import connection, transaction
from django.utils.translation import gettext as _

from billing import subscriptions
from billing.models import Acceptance, NegotiatedPrice, PlanVersion, Subscription, SubscriptionItem
from billing.subscriptions import Order
from invoices import mapping, sheets
from invoices.mapping import CustomerMap
from invoices.models import CustomerImport
from invoices.translating import Entry, Plans, entry_of
from tenants import agreements, companies, profiles
from tenants.errors import DomainError, Invalid
from tenants.models import Seller, Tenant, User
from tenants.models.agreements import RENEWS

Status = CustomerImport.Status
CHUNK = 500
MOST_ERRORS = 1000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a row: the line in the file, the column ("" for the row itself), and why."""

    line: int
    column: str
    message: str
    path: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return it as the record of an import keeps it."""
        return {"line": self.line, "column": self.column, "message": self.message, "path": self.path}


@dataclass(slots=True)
class Report:
    """What a file holds: customers to import, those that exist already as (line, code), and every mistake."""

    file_name: str
    sha256: str
    mapping_text: str
    agreed: CustomerMap
    seller: Seller | None
    sheet: sheets.Sheet
    entries: list[Entry] = field(default_factory=list)
    existing: list[tuple[int, str]] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return len(self.sheet.rows)

    @property
    def bad_lines(self) -> set[int]:
        """The lines with a mistake."""
        return {mistake.line for mistake in self.mistakes}

    @property
    def errors(self) -> list[dict[str, object]]:
        """The mistakes as plain data, the first thousand."""
        return [mistake.as_dict() for mistake in self.mistakes[:MOST_ERRORS]]

    def note(self, entry: Entry, refusal: DomainError) -> None:
        """Put down a refusal of an entry, under the column that it is about."""
        path = entry.path_of(refusal.field)
        self.mistakes.append(Mistake(entry.row.line, self.agreed.column_of(path), refusal.message, path))


class _Refused(Exception):
    """Something that was in order when the file was read is so no more: everything is taken back."""


def read(content: bytes, name: str, mapping_text: str) -> Report:
    """Return what a file says about customers, with every mistake by line and column; write nothing.

    Raises Mistakes for a mapping with errors or with columns that the file has not, Unreadable for a file that is no table.
    """
    agreed = mapping.read(mapping_text)
    sheet = sheets.read(content, name, **agreed.file)
    mapping.check_columns(agreed, sheet.columns)
    seller = _seller(agreed)
    report = Report(name, sha256(content).hexdigest(), mapping_text, agreed, seller, sheet)
    plans = Plans(seller)
    entries = [entry_of(row, agreed, plans) for row in sheet.rows]
    known = _existing(entries)
    report.existing = [(e.row.line, e.company.code) for e in entries if e.company.code in known]
    fresh = [entry for entry in entries if entry.company.code not in known]
    _check(report, fresh)
    bad = report.bad_lines
    report.entries = [entry for entry in fresh if entry.row.line not in bad]
    return report


@transaction.atomic
def run(
    report: Report,
    *,
    at: datetime,
    by: User | None,
    skip_bad: bool = False,
    progress: Progress = lambda done, total: None,
) -> CustomerImport:
    """Import what was read, all of it or nothing, and return the record of it.

    With a bad row nothing is imported unless `skip_bad`; the record then holds the reasons.
    """
    if report.mistakes and not skip_bad:
        return _record(report, Status.REFUSED, 0, at, by)
    try:
        with transaction.atomic():
            imported = _write(report, at, by, progress)
    except _Refused:
        return _record(report, Status.REFUSED, 0, at, by)
    return _record(report, Status.IMPORTED, imported, at, by)


@transaction.atomic
def look(report: Report, *, at: datetime, by: User | None) -> CustomerImport:
    """Write down that a file was only checked, with every mistake that was found; import nothing."""
    return _record(report, Status.CHECKED, 0, at, by)


def bad_rows(report: Report) -> str:
    """Return the bad rows as CSV, as they stood in the file, with line and reasons behind: to be mended and read again."""
    reasons: dict[int, list[str]] = {}
    for mistake in report.mistakes:
        reasons.setdefault(mistake.line, []).append(": ".join(filter(None, (mistake.column, mistake.message))))
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow([*report.sheet.columns, _("line"), _("reason")])
    for row in report.sheet.rows:
        if row.line in reasons:
            table.writerow([*row.cells.values(), row.line, "; ".join(reasons[row.line])])
    return written.getvalue()


def _seller(agreed: CustomerMap) -> Seller | None:
    if not agreed.seller:
        return None
    found = Seller.objects.filter(code=agreed.seller).first()
    if found is None:
        raise Invalid(_("There is no seller “%(code)s”.") % {"code": agreed.seller}, field="seller")
    return found


def _check(report: Report, entries: Sequence[Entry]) -> None:
    """Put down every mistake of entries: what could not be read, what the company's own check says, a refused parent."""
    refusals = companies.check([entry.company for entry in entries])
    for number, entry in enumerate(entries):
        spoilt = {entry.path_of(refusal.field) for refusal in entry.refusals}
        more = () if entry.row.spoilt else refusals.get(number, ())
        for refusal in (*entry.refusals, *(one for one in more if entry.path_of(one.field) not in spoilt)):
            report.note(entry, refusal)
    bad = report.bad_lines
    gone = {entry.company.code for entry in entries if entry.row.line in bad}
    for entry in entries:
        if entry.row.line not in bad and entry.company.parent in gone:
            report.note(entry, profiles.unknown_parent(entry.company.parent or ""))


def _existing(entries: Sequence[Entry]) -> set[str]:
    codes = {entry.company.code for entry in entries}
    return set(Tenant.objects.filter(code__in=codes).values_list("code", flat=True))


def _write(report: Report, at: datetime, by: User | None, progress: Progress) -> int:
    """Write the entries, parents before children; raise _Refused when one is refused by now."""
    known = _existing(report.entries)
    wanted = sorted((e for e in report.entries if e.company.code not in known), key=lambda e: bool(e.company.parent))
    for start in range(0, len(wanted), CHUNK):
        part = wanted[start : start + CHUNK]
        opened = companies.open([entry.company for entry in part], at=at, by=by)
        for entry, answer in zip(part, opened, strict=True):
            for mistake in answer.mistakes:
                report.note(entry, mistake)
        _stop_if_bad(report, part)
        _subscribe([(e, o.tenant) for e, o in zip(part, opened, strict=True) if o.tenant], report, at, by)
        _stop_if_bad(report, part)
        progress(min(start + CHUNK, len(wanted)), len(wanted))
    if len(wanted) >= CHUNK:
        _count_anew()
    return len(wanted)


def _count_anew() -> None:
    """Let the database count the tables that were just filled: until it does, it plans the first bills for a few rows."""
    with connection.cursor() as cursor:
        for model in (Tenant, Acceptance, Subscription, SubscriptionItem, NegotiatedPrice):
            cursor.execute(f'ANALYZE "{model._meta.db_table}"')


def _stop_if_bad(report: Report, part: Sequence[Entry]) -> None:
    if report.bad_lines & {entry.row.line for entry in part}:
        raise _Refused


def _subscribe(pairs: Sequence[tuple[Entry, Tenant]], report: Report, at: datetime, by: User | None) -> None:
    buyers = [(entry, entry.purchase, tenant) for entry, tenant in pairs if entry.purchase]
    # Read anew: a version may have gone off sale since the file was checked.
    sold = PlanVersion.objects.select_related("plan").in_bulk({bought.version_id for _e, bought, _t in buyers})
    # What they have was agreed elsewhere; doubles among it are found by the sweep.
    terms = [bought.terms | {"version": sold[bought.version_id], "twice": None} for _e, bought, _t in buyers]
    orders = [Order(tenant=t, **said) for said, (_e, _b, t) in zip(terms, buyers, strict=True)]
    outcomes = subscriptions.start(orders, at=at, by=by)
    for (entry, bought, tenant), outcome in zip(buyers, outcomes, strict=True):
        if outcome.refusal:
            report.note(entry, outcome.refusal)
        if outcome.subscription and bought.consent:
            assert report.seller is not None
            consent = agreements.authorise(
                tenant,
                seller=report.seller,
                text=bought.consent,
                text_version=bought.consent_version,
                scope=RENEWS,
                at=at,
                by=by,
            )
            subscriptions.renew_automatically(outcome.subscription, consent=consent, at=at, by=by)


def _record(report: Report, status: str, imported: int, at: datetime, by: User | None) -> CustomerImport:
    return CustomerImport.objects.create(
        file_name=report.file_name[-200:],
        sha256=report.sha256,
        mapping=report.mapping_text,
        status=status,
        rows=report.rows,
        imported=imported,
        errors=report.errors,
        at=at,
        by=by,
    )
