"""Revenue is earned day by day: once a month each line posts what it has earned by then, less what it has posted before.

Earned to date is a function of the line alone (`deferral.earned`), so a month may be run late, twice, or several at once,
and a credit note that comes later makes the next difference negative by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext as _

from billing import ledger
from billing.models import Account, LedgerTransaction
from invoices.deferral import earned
from invoices.models import Invoice
from tenants.errors import WrongState
from tenants.models import Seller
from usage.periods import add_months, local_day, local_midnight

Kind = Account.Kind
# How many lines are looked at in one transaction.
BATCH = 5000
SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Earned:
    """What a run posted: of how many lines, and minor units by currency."""

    lines: int
    sums: Counter[str]


class Line(NamedTuple):
    """A line as it stands at the end of a month; `net` is after credits, `days` 0 for what is delivered once."""

    pk: int
    tenant_id: int
    currency: str
    net: int
    days: int
    elapsed: int
    posted: int


# The lines of bills issued by then that have not posted this month or a later one, and are not earned to the last yet.
_LINES = """
SELECT line.id, line.tenant_id, line.currency, line.net::bigint, line.days, line.elapsed, coalesce(done.posted, 0)::bigint FROM (
  SELECT l.id, l.tenant_id, i.currency, l.gross_minor - l.tax_minor - coalesce(back.net, 0) AS net,
    CASE l.kind WHEN 'service' THEN 0 ELSE l.service_end_on - l.service_start_on END AS days,
    %(first)s::date - l.service_start_on AS elapsed
  FROM invoices_invoiceline l JOIN invoices_invoice i ON i.id = l.invoice_id
  LEFT JOIN LATERAL (
    SELECT sum(c.gross_minor - c.tax_minor) AS net FROM invoices_creditnoteline c
    JOIN invoices_creditnote n ON n.id = c.credit_note_id WHERE c.line_id = l.id AND n.issued_at < %(end)s) back ON true
  WHERE i.seller_id = %(seller)s AND i.issued_at < %(end)s AND l.id > %(after)s) line
LEFT JOIN LATERAL (
  SELECT -sum(p.amount_minor) AS posted, max(t.kind) AS last FROM billing_ledgertransaction t
  JOIN billing_posting p ON p.transaction_id = t.id JOIN billing_account a ON a.id = p.account_id
  WHERE t.source = 'line' AND t.source_id = line.id AND a.kind = 'revenue') done ON true
WHERE (done.last IS NULL OR done.last < %(kind)s)
  AND (line.elapsed < line.days OR line.net <> coalesce(done.posted, 0))
ORDER BY line.id LIMIT %(batch)s
"""


def earn(month: date, *, at: datetime, sellers: Iterable[Seller] | None = None) -> Earned:
    """Post what every line has earned by the end of a month (any day of it), dated its last second; return what that was.

    Months end at the seller's local midnight; raises WrongState for one that is not over at `at`. A line posts once a month;
    one that has posted a later month already is left as it is.
    """
    done = Earned(0, Counter())
    for seller in Seller.objects.order_by("pk") if sellers is None else sellers:
        first = add_months(month.replace(day=1), 1)
        end = local_midnight(first, seller.timezone)
        if end > at:
            raise WrongState(_("The month %(month)s is not over yet.") % {"month": f"{month:%Y-%m}"})
        _earn(seller, f"earned {month:%Y-%m}", first, end, done)
    return done


def catch_up(*, at: datetime) -> Earned:
    """Post every month of every seller that is over at `at` and was not finished; the tick of the first of the month."""
    done = Earned(0, Counter())
    for seller in Seller.objects.order_by("pk"):
        for month in _due(seller, at):
            one = earn(month, at=at, sellers=[seller])
            done.lines += one.lines
            done.sums.update(one.sums)
    return done


def _due(seller: Seller, at: datetime) -> Iterator[date]:
    """Yield the first days of the months to run: from the last that was run, which may have broken off, to the last one."""
    this = local_day(at, seller.timezone).replace(day=1)
    bills = Invoice.objects.issued().filter(seller=seller).order_by("issued_at")
    issued = bills.values_list("issued_at", flat=True).first()
    if issued is None:
        return
    posted = LedgerTransaction.objects.filter(source="line", seller=seller).order_by("-kind")
    last = posted.values_list("kind", flat=True).first()
    month = date.fromisoformat(f"{last[-7:]}-01") if last else local_day(issued, seller.timezone).replace(day=1)
    while month < this:
        yield month
        month = add_months(month, 1)


def _earn(seller: Seller, kind: str, first: date, end: datetime, done: Earned) -> None:
    asked: dict[str, Any] = {"seller": seller.pk, "first": first, "end": end, "kind": kind, "after": 0, "batch": BATCH}
    while lines := _batch(seller, asked, done):
        asked["after"] = lines[-1].pk


@transaction.atomic
def _batch(seller: Seller, asked: dict[str, Any], done: Earned) -> list[Line]:
    """Post a batch; the seller's row keeps two runs from posting the same."""
    Seller.objects.select_for_update(no_key=True).get(pk=seller.pk)
    with connection.cursor() as cursor:
        cursor.execute(_LINES, asked)
        lines = [Line._make(row) for row in cursor.fetchall()]
    found = [(line, amount) for line in lines if (amount := earned(line.net, line.days, line.elapsed) - line.posted)]
    ledger.post(_entry(seller, line, amount, asked) for line, amount in found)
    done.lines += len(found)
    for line, amount in found:
        done.sums[line.currency] += amount
    return lines


def _entry(seller: Seller, line: Line, amount: int, asked: dict[str, Any]) -> ledger.Entry:
    return ledger.Entry(
        seller_id=seller.pk,
        currency=line.currency,
        tenant_id=line.tenant_id,
        source="line",
        source_id=line.pk,
        kind=str(asked["kind"]),
        at=asked["end"] - SECOND,
        sides=((Kind.REVENUE_DEFERRED, amount), (Kind.REVENUE, -amount)),
    )
