"""Fetch what providers say of a day, once it can be had, and keep it line by line; a bank's file says it of several days.

Fetching twice changes nothing: lines are known by number, amount and instant. Of a closed day nothing is fetched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import Min

from invoices.bank_sheets import BankLine
from invoices.models import Payment, ProviderAccount, ReconciledDay, Refund, StatementFile, StatementRow
from invoices.providers import gateways
from invoices.providers.port import NoAnswer, Refused, StatementLine
from tenants import audit
from tenants.errors import DomainError
from tenants.models import Seller
from usage.periods import local_day, local_midnight

log = structlog.get_logger(__name__)

# Days of providers are Beijing's; their statements are made in the morning (china.md §1: not before ten o'clock).
ZONE = "Asia/Shanghai"
READY = time(10)
# So many days back a statement that was not ready is still asked for.
BACK = 10
BANK = "bank"
# Clocks differ: what happened so close to midnight may stand on the other day's statement.
MIDNIGHT = timedelta(minutes=10)


def zone_of(seller: Seller, provider: str) -> str:
    """Return the zone in which a provider counts days: a bank's are the seller's."""
    return seller.timezone if provider == BANK else ZONE


def bounds(seller: Seller, provider: str, day: date) -> tuple[datetime, datetime]:
    """Return the first instant of a provider's day and that of the next."""
    zone = zone_of(seller, provider)
    return local_midnight(day, zone), local_midnight(day + timedelta(days=1), zone)


def ready(day: date, at: datetime) -> bool:
    """Whether the statement of a day can be had: from ten o'clock of the next day on."""
    return at >= datetime.combine(day + timedelta(days=1), READY, tzinfo=ZoneInfo(ZONE))


def wanted(*, at: datetime) -> list[tuple[Seller, str, date]]:
    """Return the statements that can be had and have not been fetched, of accounts in use, the oldest day first."""
    today = local_day(at, ZONE)
    days = [day for n in range(BACK, 0, -1) if ready(day := today - timedelta(days=n), at)]
    accounts = ProviderAccount.objects.filter(active=True).select_related("seller").order_by("pk")
    kept = set(StatementFile.objects.filter(day__in=days).values_list("seller", "provider", "day"))
    since = {account.pk: _first_day(account, default=today - timedelta(days=1)) for account in accounts}
    return [
        (account.seller, account.provider, day)
        for day in days
        for account in accounts
        if (account.seller_id, account.provider, day) not in kept and day >= since[account.pk]
    ]


def _first_day(account: ProviderAccount, *, default: date) -> date:
    """Return the day of the seller's first payment at a provider: before it no statement is asked for."""
    mine = Payment.objects.filter(seller=account.seller_id, provider=account.provider)
    first = mine.aggregate(at=Min("received_at"))["at"]
    return local_day(first - MIDNIGHT, ZONE) if first else default


def fetch(seller: Seller, provider: str, day: date, *, at: datetime) -> StatementFile | None:
    """Fetch a day's statement and keep it; None when it cannot be had yet, which is asked again with the next tick.

    Calls the provider outside of any transaction of its own; a closed day is left alone.
    """
    if not ready(day, at) or _closed(seller, provider, day):
        return None
    try:
        lines = gateways.gateway_of(seller, provider).statement(day)
    except (NoAnswer, Refused, DomainError) as wrong:
        log.warning("statement not to be had", seller=seller.code, provider=provider, day=str(day), why=str(wrong))
        return None
    return keep(seller, provider, day, lines, currency="CNY", at=at)


def _closed(seller: Seller, provider: str, day: date) -> bool:
    days = ReconciledDay.objects.filter(seller=seller, provider=provider, day=day)
    return days.filter(state=ReconciledDay.State.CLOSED).exists()


@transaction.atomic
def keep(
    seller: Seller, provider: str, day: date, lines: Sequence[StatementLine], *, currency: str, at: datetime
) -> StatementFile:
    """Keep the lines of a day that are not known yet; the same statement again is the same file."""
    Seller.objects.select_for_update(no_key=True).get(pk=seller.pk)
    digest = sha256("\n".join(sorted(map(repr, lines))).encode()).hexdigest()
    same = {"seller": seller, "provider": provider, "day": day, "sha256": digest}
    if (before := StatementFile.objects.filter(**same).first()) is not None:
        return before
    fresh = _unknown(seller, provider, lines)
    file = StatementFile.objects.create(
        **same, currency=currency, lines=len(lines), fees_minor=sum(one.fee_minor for one in fresh), fetched_at=at
    )
    StatementRow.objects.bulk_create(_row(file, number, one) for number, one in enumerate(fresh, start=1))
    audit.record(
        "statement.kept",
        tenant=None,
        target=f"statement_file:{file.pk}",
        at=at,
        by=None,
        provider=provider,
        day=str(day),
        lines=len(fresh),
    )
    return file


def _unknown(seller: Seller, provider: str, lines: Iterable[StatementLine]) -> list[StatementLine]:
    """Return the lines that no file of this provider has had, each once."""
    lines = list(lines)
    rows = StatementRow.objects.filter(
        file__seller=seller, file__provider=provider, line__isnull=False, at__in={one.at for one in lines}
    )
    known = set(rows.values_list("provider_number", "reference", "amount_minor", "at", "refund"))
    found = []
    for one in lines:
        key = (one.provider_number[:80], one.reference[:80], one.amount_minor, one.at, one.refund)
        if one.amount_minor > 0 and key not in known:
            known.add(key)
            found.append(one)
    return found


def _row(file: StatementFile, number: int, line: StatementLine) -> StatementRow:
    # Until it is compared, a line is not here.
    state = StatementRow.State.MISSING_HERE
    return StatementRow(
        file=file,
        line=number,
        reference=line.reference[:80],
        provider_number=line.provider_number[:80],
        amount_minor=line.amount_minor,
        fee_minor=line.fee_minor,
        at=line.at,
        refund=line.refund,
        state=state,
        difference=state,
    )


def keep_bank(seller: Seller, lines: Iterable[BankLine], *, currency: str, at: datetime) -> list[StatementFile]:
    """Keep the rows of a bank's file as statements of their days; a row of a closed day stands on the day of `at`.

    Of what went out only our refunds are kept: what else the seller pays is none of this book's business.
    """
    days: dict[date, list[StatementLine]] = defaultdict(list)
    lines = list(lines)
    mine = ReconciledDay.objects.filter(seller=seller, provider=BANK, currency=currency)
    closed = set(mine.filter(state=ReconciledDay.State.CLOSED).values_list("day", flat=True))
    went_out = [line.reference for line in lines if not line.came_in]
    ours = set(
        Refund.objects.filter(seller=seller, provider_number__in=went_out).values_list("provider_number", flat=True)
    )
    for line in lines:
        day = local_day(line.at, seller.timezone)
        if line.came_in or line.reference in ours:
            days[local_day(at, seller.timezone) if day in closed else day].append(_of_bank(line, at))
    return [keep(seller, BANK, day, days[day], currency=currency, at=at) for day in sorted(days)]


def _of_bank(line: BankLine, at: datetime) -> StatementLine:
    return StatementLine(
        reference=line.reference,
        provider_number=line.reference,
        amount_minor=line.amount.minor,
        fee_minor=0,
        at=min(line.at, at),
        refund=not line.came_in,
        payment_reference="",
    )
