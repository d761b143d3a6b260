"""When something of a story is due next, and the doing of it in the order of the river; nothing is asked in between."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from billing import closing
from billing.models import Subscription
from invoices import (
    announcing,
    asking,
    charge_reminders,
    collection,
    debiting,
    drafting,
    dunning,
    issuing,
    returning,
    undoing_debits,
)
from invoices.models import ChargeNotice, Invoice
from invoices.rehearsal.staging import World
from tenants.bulk import among
from usage.periods import local_midnight

DAY = timedelta(days=1)
CLOSE, ISSUE, COLLECT, OVERDUE, ANNOUNCE = "close", "issue", "collect", "overdue", "announce"
# A provider is asked for what is under way; what was not paid is tried again.
ASK, DUN = "ask", "dun"
# Bills under an agreement alone are dunned: of others, also since it was withdrawn, nothing would be seen in the answer.
DUNNED = Subscription.Pays.MANDATE
# What was announced is reminded of on the days before it that each customer has set.
REMIND = "remind"
# What may have become due by a step.
BY_A_STEP = (CLOSE, ISSUE, COLLECT, OVERDUE, ANNOUNCE)
# A close may start a subscription that is due at once (the plan after a trial), never so many in a row.
ROUNDS = 10
# A part period may follow a trial, and a price may have a shorter rhythm than its plan: such renewals are looked for day by
# day. Of bills the first local day of each zone; a bill is overdue from the day after its due date on, and that matters
# where a subscription is still called active.
_NEXT = """
SELECT 'close', min(next_at), NULL::date, NULL FROM billing_subscription WHERE tenant_id = ANY(%(ids)s) AND next_at > %(now)s
UNION ALL
SELECT 'announce', min(next_at) - %(lead)s, NULL::date, NULL FROM billing_subscription
WHERE tenant_id = ANY(%(ids)s) AND next_at > %(now)s + %(lead)s AND pays <> 'manual' AND status <> 'ended'
UNION ALL
SELECT 'announce', NULL, (%(now)s AT TIME ZONE zone)::date + 1, zone FROM billing_subscription s
WHERE tenant_id = ANY(%(ids)s) AND next_at > %(now)s AND next_at <= %(now)s + %(lead)s AND pays <> 'manual'
  AND (status = 'trialing'
    OR EXISTS (SELECT FROM billing_price p WHERE p.version_id = s.version_id AND p.interval IN ('day', 'week')))
GROUP BY zone
UNION ALL
SELECT 'issue', min(charge_at), min(charge_on) FILTER (WHERE charge_at IS NULL), zone FROM invoices_invoice
WHERE tenant_id = ANY(%(ids)s) AND status = 'draft'
  AND CASE WHEN charge_at IS NULL THEN charge_on > (%(now)s AT TIME ZONE zone)::date ELSE charge_at > %(now)s END
GROUP BY zone
UNION ALL
SELECT 'collect', min(charge_at), NULL::date, NULL FROM invoices_invoice
WHERE tenant_id = ANY(%(ids)s) AND status = 'open' AND charge_at > %(now)s
UNION ALL
SELECT 'collect', NULL::timestamptz, min(due_again_on), zone FROM invoices_invoice
WHERE tenant_id = ANY(%(ids)s) AND status = 'open' AND pays <> 'manual' AND due_again_on > (%(now)s AT TIME ZONE zone)::date
GROUP BY zone
UNION ALL
SELECT 'collect', NULL::timestamptz, (date_trunc('month', %(now)s AT TIME ZONE zone) + interval '1 month')::date, zone
FROM invoices_invoice b
WHERE tenant_id = ANY(%(ids)s) AND status = 'open' AND pays <> 'manual' AND charge_at <= %(now)s AND EXISTS (
    SELECT FROM tenants_authorisation a
    WHERE a.tenant_id = b.tenant_id AND a.per_month_minor IS NOT NULL AND a.withdrawn_at IS NULL)
GROUP BY zone
UNION ALL
SELECT 'overdue', NULL::timestamptz, min(coalesce(due_again_on, due_on)), zone FROM invoices_invoice
WHERE tenant_id = ANY(%(ids)s) AND status = 'open' AND coalesce(due_again_on, due_on) >= (%(now)s AT TIME ZONE zone)::date
  AND EXISTS (SELECT FROM billing_subscription s WHERE s.payer_id = invoices_invoice.tenant_id AND s.status = 'active')
GROUP BY zone
UNION ALL
SELECT 'ask', min(ask_at), NULL::date, NULL FROM invoices_payment WHERE tenant_id = ANY(%(ids)s) AND ask_at > %(now)s
UNION ALL
SELECT 'ask', min(ask_at), NULL::date, NULL FROM invoices_refund WHERE tenant_id = ANY(%(ids)s) AND ask_at > %(now)s
UNION ALL
SELECT 'remind', min(charge_at - make_interval(hours => 24 * day)), NULL::date, NULL
FROM invoices_chargenotice n JOIN tenants_tenant t ON t.id = n.tenant_id, unnest(t.reminder_days) day
WHERE tenant_id = ANY(%(ids)s) AND total_minor > 0 AND charge_at - make_interval(hours => 24 * day) > %(now)s
  AND charge_at - make_interval(hours => 24 * day) >= announced_at + interval '24 hours'
"""


def after(world: World) -> tuple[datetime | None, frozenset[str]]:
    """Return the first instant after the story's present at which something is due, and what it is; None for nothing."""
    found = [(instant, kind) for kind, instant in _instants(world) if instant > world.now]
    first = min((instant for instant, _kind in found), default=None)
    return first, frozenset(kind for instant, kind in found if instant == first)


def _instants(world: World) -> Iterator[tuple[str, datetime]]:
    with connection.cursor() as cursor:
        asked: dict[str, Any] = {"ids": world.ids, "now": world.now, "lead": announcing.lead()}
        cursor.execute(_NEXT, asked)
        rows = cursor.fetchall()
    for kind, instant, day, zone in rows:
        if instant is not None:
            yield kind, instant
        if day is not None:
            yield kind, local_midnight(day + DAY if kind == OVERDUE else day, zone)
    if world.debtors and (again := dunning.following(world.debtors, at=world.now, pays=DUNNED)) is not None:
        yield DUN, again


def do(world: World, kinds: Collection[str] = BY_A_STEP) -> None:
    """Do what is due at the story's present: ask providers, close, draft, issue, collect, look what is overdue, dun, announce, remind.

    A notice is delivered at once (CONTRACTS rule 18). What was closed is drafted and issued, and announced anew.
    """
    at, drafts, issued = world.now, [], []
    if ASK in kinds:
        _ask(world)
    if CLOSE in kinds:
        _close(world)
        drafts = drafting.draft(world.ids, at=at)
        if drafts:
            _deliver(world)
    if ISSUE in kinds:
        waiting = Invoice.objects.filter(among("tenant", world.ids), status=Invoice.Status.DRAFT)
        drafts = list(waiting.order_by("pk").values_list("pk", flat=True))
    if drafts:
        issued = issuing.issue(drafts, at=at)
    if world.deducts and (issued or COLLECT in kinds):
        collection.collect(at=at, tenants=world.ids)
    if world.debtors and (issued or COLLECT in kinds):
        debiting.debit(at=at, tenants=world.debtors, any_hour=True)
    if OVERDUE in kinds:
        collection.mark_overdue(at=at, tenants=world.ids)
    if DUN in kinds and world.debtors:
        dunning.dun(at=at, tenants=world.debtors, pays=DUNNED)
    if world.deducts and (CLOSE in kinds or ANNOUNCE in kinds) and announcing.announce(at=at, tenants=world.ids):
        _deliver(world)
    if world.deducts and REMIND in kinds:
        charge_reminders.remind(at=at, tenants=world.ids, any_hour=True)


def _ask(world: World) -> None:
    """Ask for the payments and refunds of the story whose time has come; return what was deducted after a withdrawal."""
    if payments := list(asking.due(world.now).filter(among("tenant", world.ids))):
        asking.ask(at=world.now, payments=payments)
    _send(world)
    if undoing_debits.undo(at=world.now, tenants=world.ids):
        _send(world)


def _send(world: World) -> None:
    refunds = returning.to_send(world.now).filter(among("tenant", world.ids))
    if ids := list(refunds.values_list("pk", flat=True)):
        returning.send(at=world.now, refunds=ids)


def _close(world: World) -> None:
    due = Subscription.objects.due(world.now).filter(among("tenant", world.ids)).order_by("pk")
    for _round in range(ROUNDS):
        ids = list(due.values_list("pk", flat=True))
        if not ids:
            return
        closing.close(ids, at=world.now)


def _deliver(world: World) -> None:
    if world.deducts:
        for notice in ChargeNotice.objects.filter(among("tenant", world.ids), delivered_at=None).order_by("pk"):
            announcing.delivered(notice, at=world.now)
