"""Draft: take charges off the shelf into draft invoices, grouped as one bill each (CONTRACTS rule 9).

A group becomes an invoice when some line is not zero and takes waiting zero lines along; one below zero becomes a credit
note on the bills that charged it. Lines are one-to-one with charges, so a charge cannot be billed twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from billing.models import Charge, Subscription
from invoices import announcing, charge_days, setting_off, writing
from invoices.grouping import Group, Side, Waiting, group_up
from invoices.models import Invoice
from tenants import audit
from tenants.bulk import among
from tenants.models import Tenant, User
from usage.periods import local_day


@dataclass(frozen=True, slots=True)
class Drafted:
    """What became of charges: drafts to be issued, and credit notes, which are issued already."""

    invoices: list[int] = field(default_factory=list)
    credit_notes: list[int] = field(default_factory=list)


@transaction.atomic
def draft(payer_ids: Iterable[int], *, at: datetime) -> list[int]:
    """Draft what waits for these payers; return the ids of the drafts.

    A payer with a subscription that is still due at `at` is passed over: his bill would be cut in two. So is one that
    another worker holds. What comes to less than nothing is credited at once.
    """
    payers = _lock(payer_ids, at)
    groups = _groups(payers, at)
    if _take_back(groups):
        groups = _groups(payers, at)
    if not groups:
        return []
    drafts = _write(groups, payers, at, held=True).invoices
    announcing.announce_bills(drafts, at=at)
    return drafts


@transaction.atomic
def draft_alone(charge_ids: Iterable[int], *, origin: str, at: datetime) -> Drafted:
    """Draft the lines of one confirmed change or purchase, at once and alone, to be issued today.

    `origin` names it, as `change:12`. Lines that are all zero wait for the next periodic bill. A sum below zero becomes a
    credit note, or joins the draft on which its charged line stands. A coupon that gives once gives here, though it
    gives on a draft that waits: this one is issued first.
    """
    charges = Charge.objects.waiting().filter(among("pk", list(charge_ids))).order_by("pk")
    sides: dict[Side, list[Waiting]] = defaultdict(list)
    for charge in map(Waiting._make, charges.values_list(*Waiting._fields)):
        sides[charge.payer_id, charge.seller_id, charge.currency, charge.subscription__pays].append(charge)
    payers = Tenant.objects.filter(pk__in={side[0] for side in sides}).select_for_update(no_key=True).order_by("pk")
    known = {payer.pk: payer for payer in payers}
    groups = [
        Group(side, local_day(at, known[side[0]].timezone), mine, origin)
        for side, mine in sides.items()
        if any(charge.amount_minor for charge in mine)
    ]
    for group in groups:
        group.sort()
    return _write(groups, known, at, held=False)


@transaction.atomic
def discard(drafts: Sequence[int], *, at: datetime, by: User | None) -> int:
    """Void drafts: their lines go and their charges are free again. Issued invoices are passed over."""
    invoices = Invoice.objects.filter(pk__in=drafts, status=Invoice.Status.DRAFT)
    payers = dict(invoices.select_for_update(no_key=True).order_by("pk").values_list("pk", "tenant_id"))
    writing.undo(list(payers))
    for pk, payer in payers.items():
        audit.record("draft.discarded", tenant=payer, target=f"invoice:{pk}", at=at, by=by)
    return len(payers)


def waiting_payers(at: datetime) -> Any:
    """Return the query of payers for whom something waits that may be drafted at `at`."""
    due = Subscription.objects.due(at).filter(payer=OuterRef("pk"))
    # What comes to nothing makes no bill of its own.
    worth = Charge.objects.waiting().filter(payer=OuterRef("pk")).exclude(amount_minor=0)
    return Tenant.objects.filter(Exists(worth), ~Exists(due))


def _write(groups: Sequence[Group], payers: dict[int, Tenant], at: datetime, *, held: bool) -> Drafted:
    writing.reckon(groups, held=held)
    invoices = writing.write([group for group in groups if group.total_minor >= 0], payers, at=at)
    debts = [group for group in groups if group.total_minor < 0]
    return Drafted(invoices, setting_off.settle(debts, at=at) if debts else [])


def _groups(payers: dict[int, Tenant], at: datetime) -> list[Group]:
    sides = _sides(payers)
    zones = {pk: payer.timezone for pk, payer in payers.items()}
    days = charge_days.days([charge for side in sides.values() for charge in side], zones=zones, at=at)
    return [group for side in sides.values() for group in group_up(side, days)]


def _take_back(groups: Sequence[Group]) -> bool:
    """Take drafts of the same bills back, which wait for their day: one day is one bill."""
    wanted = {(*group.side, group.charge_on) for group in groups if not group.origin}
    drafts = Invoice.objects.filter(
        among("tenant", {group.side[0] for group in groups}), status=Invoice.Status.DRAFT, origin=""
    )
    waiting = drafts.values_list("pk", "tenant_id", "seller_id", "currency", "pays", "charge_on")
    same = [pk for pk, *bill in waiting.select_for_update(no_key=True).order_by("pk") if tuple(bill) in wanted]
    return bool(same) and bool(writing.undo(same))


def _lock(payer_ids: Iterable[int], at: datetime) -> dict[int, Tenant]:
    payers = waiting_payers(at).filter(among("pk", payer_ids))
    return {p.pk: p for p in payers.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by("pk")}


def _sides(payers: dict[int, Tenant]) -> dict[Side, list[Waiting]]:
    found: dict[Side, list[Waiting]] = defaultdict(list)
    charges = Charge.objects.waiting().filter(among("payer", payers)).order_by("pk")
    for charge in map(Waiting._make, charges.values_list(*Waiting._fields)):
        found[charge.payer_id, charge.seller_id, charge.currency, charge.subscription__pays].append(charge)
    return found
