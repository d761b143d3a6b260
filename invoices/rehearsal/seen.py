"""What a simulation sees of a story at one instant: all its rows, read in a fixed number of queries, for the invariants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from billing import discounts
from billing.models import BillingPeriod, Change, Charge, ChargeCredit, FormerTerms, PlanVersion, Price, Subscription
from invoices.models import (
    Allocation,
    CreditedCharge,
    CreditNote,
    Dispute,
    DunningAct,
    Invoice,
    InvoiceLine,
    NoticeUse,
    Payment,
    PaymentPart,
    Refund,
    WithdrawnCharge,
)
from invoices.rehearsal.staging import World
from tenants.bulk import among
from usage.periods import local_day, local_midnight

# Rows that no due job may add or change once it has run.
_TRACES = """
SELECT
 (SELECT concat_ws(' ', count(*), count(taken_at), max(id)) FROM billing_charge WHERE tenant_id = ANY(%(ids)s)),
 (SELECT concat_ws(' ', count(*), count(closed_at), max(id)) FROM billing_billingperiod WHERE tenant_id = ANY(%(ids)s)),
 (SELECT concat_ws(' ', count(*), max(id), md5(string_agg(
   concat_ws(' ', id, status, total_minor, paid_minor, frozen_minor, charge_at), ',' ORDER BY id)))
  FROM invoices_invoice WHERE tenant_id = ANY(%(ids)s)),
 (SELECT concat_ws(' ', count(*), max(id)) FROM invoices_creditnote WHERE tenant_id = ANY(%(ids)s)),
 (SELECT concat_ws(' ', count(*), max(id), md5(string_agg(concat_ws(' ', id, status, failure, returned_minor), ',' ORDER BY id)))
  FROM invoices_payment WHERE tenant_id = ANY(%(ids)s)),
 (SELECT concat_ws(' ', count(*), max(id), md5(string_agg(concat_ws(' ', id, status, "to", failure), ',' ORDER BY id)))
  FROM invoices_refund WHERE tenant_id = ANY(%(ids)s)),
 (SELECT concat_ws(' ', count(*), md5(string_agg(concat_ws(' ', id, outcome), ',' ORDER BY id)))
  FROM invoices_dunningact WHERE tenant_id = ANY(%(ids)s)),
 (SELECT concat_ws(' ', count(*), max(id)) FROM invoices_chargenotice WHERE tenant_id = ANY(%(ids)s)),
 (SELECT concat_ws(' ', count(*), max(id)) FROM billing_ledgertransaction WHERE tenant_id = ANY(%(ids)s)),
 (SELECT md5(string_agg(concat_ws(' ', id, status, next_at, terms_done, ended_at, pause_on, changes_on), ',' ORDER BY id))
  FROM billing_subscription WHERE tenant_id = ANY(%(ids)s)),
 (SELECT concat_ws(' ', count(*), max(id), count(settled_at)) FROM billing_change WHERE tenant_id = ANY(%(ids)s))
"""
TRACES = (
    "charges",
    "periods",
    "invoices",
    "credit notes",
    "payments",
    "refunds",
    "dunning",
    "notices",
    "bookings",
    "subscriptions",
    "changes",
)


def traces(world: World) -> tuple[str, ...]:
    """Return a mark of each kind of row of the story; equal marks are equal rows."""
    with connection.cursor() as cursor:
        cursor.execute(_TRACES, {"ids": world.ids})
        return tuple(cursor.fetchone())


@dataclass(frozen=True, slots=True)
class Terms:
    """What a subscription was, or is, from one instant until another (None: until now, and on)."""

    version: PlanVersion
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Life:
    """One subscription with all that was opened, charged and changed in it."""

    subscription: Subscription
    terms: Sequence[Terms]
    periods: Sequence[BillingPeriod]
    charges: Sequence[Charge]
    pauses: Sequence[tuple[datetime, datetime | None]]
    prices: Mapping[int, Price]

    @property
    def begins(self) -> datetime:
        """The first instant."""
        return local_midnight(self.subscription.start_on, self.subscription.zone)

    @property
    def cut(self) -> date | None:
        """The local day after the last one, where it ended."""
        s = self.subscription
        return local_day(s.ended_at, s.zone) if s.ended_at else None

    @property
    def undone(self) -> set[int]:
        """The charges that were taken back, and their counter-entries."""
        counters = [charge for charge in self.charges if charge.reason == Charge.Reason.CORRECTION]
        return {charge.pk for charge in counters} | {charge.corrects_id for charge in counters if charge.corrects_id}

    def is_paused(self, day: date) -> bool:
        """Return whether a local day lies in a pause; that on which it was resumed does not."""
        noon = local_midnight(day, self.subscription.zone)
        zone = self.subscription.zone
        return any(
            start <= noon and (end is None or noon < local_midnight(local_day(end, zone), zone))
            for start, end in self.pauses
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """The rows of a story at one instant."""

    world: World
    lives: Sequence[Life]
    charges: Sequence[Charge]
    nets: Mapping[int, int]
    credits: Sequence[ChargeCredit]
    invoices: Sequence[Invoice]
    lines: Mapping[int, Sequence[InvoiceLine]]
    notes: Sequence[CreditNote]
    credited: Sequence[int]
    payments: Sequence[Payment]
    allocations: Sequence[Allocation]
    parts: Sequence[PaymentPart]
    refunds: Sequence[Refund]
    disputes: Sequence[Dispute]
    acts: Sequence[DunningAct]
    uses: Sequence[NoticeUse]


def see(world: World) -> Seen:
    """Return the world's rows."""
    mine = among("tenant", world.ids)
    charges = list(Charge.objects.filter(mine).order_by("pk"))
    lines: dict[int, list[InvoiceLine]] = defaultdict(list)
    for line in InvoiceLine.objects.filter(among("invoice__tenant", world.ids)).order_by("invoice", "position"):
        lines[line.invoice_id].append(line)
    payments = Payment.objects.filter(mine).select_related("authorisation", "notice")
    return Seen(
        world=world,
        lives=_lives(world, charges),
        charges=charges,
        nets=discounts.nets(charge.pk for charge in charges),
        credits=list(ChargeCredit.objects.filter(mine).order_by("pk")),
        invoices=list(Invoice.objects.filter(mine).order_by("pk")),
        lines=lines,
        notes=list(CreditNote.objects.filter(mine).order_by("pk")),
        credited=[
            *CreditedCharge.objects.filter(mine).values_list("charge", flat=True),
            *WithdrawnCharge.objects.filter(mine).values_list("charge", flat=True),
        ],
        payments=list(payments.order_by("pk")),
        allocations=list(Allocation.objects.filter(mine).order_by("pk")),
        parts=list(PaymentPart.objects.filter(mine).order_by("pk")),
        uses=list(NoticeUse.objects.filter(mine).select_related("notice").order_by("pk")),
        refunds=list(Refund.objects.filter(mine).order_by("pk")),
        disputes=list(Dispute.objects.filter(mine).order_by("pk")),
        acts=list(DunningAct.objects.filter(mine).order_by("pk")),
    )


def _lives(world: World, charges: Sequence[Charge]) -> list[Life]:
    mine = among("tenant", world.ids)
    prices = {p.pk: p for p in Price.objects.filter(version__plan__seller=world.seller).select_related("version")}
    former, periods, changes = defaultdict(list), defaultdict(list), defaultdict(list)
    stood = FormerTerms.objects.filter(mine, undone_at=None).select_related("version")
    for terms in stood.order_by("since", "until", "pk"):
        former[terms.subscription_id].append(Terms(terms.version, terms.since, terms.until))
    for period in BillingPeriod.objects.filter(mine, undone_at=None).order_by("start", "end", "pk"):
        periods[period.subscription_id].append(period)
    moved = Change.objects.filter(mine, status=Change.Status.APPLIED, kind__in=[Change.Kind.PAUSE, Change.Kind.RESUME])
    for change in moved.order_by("pk"):
        changes[change.subscription_id].append(change)
    return [
        Life(
            s,
            [*former[s.pk], Terms(s.version, s.terms_since, None)],
            periods[s.pk],
            [charge for charge in charges if charge.subscription_id == s.pk],
            _pauses(changes[s.pk]),
            prices,
        )
        for s in Subscription.objects.filter(mine).select_related("version", "seller").order_by("pk")
    ]


def _pauses(changes: Sequence[Change]) -> list[tuple[datetime, datetime | None]]:
    """Return the pauses that began, each with its end; one that was withdrawn before it began is none."""
    found: list[tuple[datetime, datetime | None]] = []
    for change in changes:
        if change.kind == Change.Kind.PAUSE:
            found.append((change.effective_at, None))
        elif found and found[-1][1] is None and found[-1][0] <= change.effective_at:
            found[-1] = (found[-1][0], change.effective_at)
    return found
