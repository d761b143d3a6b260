"""On which day waiting charges are deducted: with their notice, or on a bill of their own that is announced now.

CONTRACTS rule 17: renewals that were announced, and arrears within the announced ceiling (before discount and tax, late and
minimum lines included), go together on the notice's day. All else goes whole on a bill of its own, five days from now.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from invoices import allowing
from invoices.forthcoming import AUTOMATIC
from invoices.models import ChargeNotice
from invoices.models.notices import WAIT
from tenants.bulk import among
from usage.periods import local_day, local_midnight

# A charge that waits, with what its subscription says of payment: a row as drafting reads it.
Waiting = Any
# (payer, seller, currency, way of payment, due day)
Key = tuple[int, int, str, str, date]


class Day(NamedTuple):
    """When charges are asked for: the local day of their bill, the instant of its deduction, and its mark of origin."""

    charge_on: date
    charge_at: datetime | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    """What was announced for one payer and day: the notice of its renewals in force, and how many versions there are."""

    renewal: ChargeNotice | None = None
    versions: int = 0


def days(charges: Sequence[Waiting], *, zones: Mapping[int, str], at: datetime) -> dict[int, Day]:
    """Return the day of each charge, by its id. What is paid by hand is asked for when it is due.

    `zones` are the payers' time zones. A bill with an origin is announced after it was drafted (`announcing.announce_bills`).
    """
    found: dict[int, Day] = {}
    groups: dict[Key, list[Waiting]] = defaultdict(list)
    for charge in charges:
        if charge.subscription__pays in AUTOMATIC:
            side = (charge.payer_id, charge.seller_id, charge.currency, charge.subscription__pays)
            groups[*side, charge.due_on].append(charge)
        else:
            found[charge.pk] = Day(charge.due_on)
    told = _told(groups)
    for key, group in groups.items():
        found |= _days(key, group, told.get(key, _Told()), zones[key[0]], at)
    return found


def later(one: Day, other: Day) -> Day:
    """Return which of two days of one bill is deducted later; a day without an instant is none."""
    if one.charge_at is None or other.charge_at is None:
        return one if other.charge_at is None else other
    return one if one.charge_at >= other.charge_at else other


def _days(key: Key, group: Sequence[Waiting], told: _Told, zone: str, at: datetime) -> dict[int, Day]:
    due_on = key[4]
    inside = _announced(group, told.renewal, due_on)
    rest = [charge for charge in group if charge.pk not in inside]
    known = _with_notice(told.renewal, due_on, zone, at) if told.renewal else Day(due_on)
    # Without an amount there is nothing to deduct: zero lines wait for a bill, credits answer the bills that they undo.
    owes = sum(charge.amount_minor for charge in rest) > 0
    own = _alone(due_on, told.versions + 1, zone, at) if owes else known
    return {charge.pk: known if charge.pk in inside else own for charge in group}


def _announced(group: Sequence[Waiting], notice: ChargeNotice | None, due_on: date) -> set[int]:
    """Return the charges that the notice announced."""
    if notice is None:
        return set()
    renewals = [charge for charge in group if charge.service_start_on >= due_on]
    arrears = [charge for charge in group if charge.service_start_on < due_on]
    inside = _renewals(renewals, notice)
    if sum(charge.amount_minor for charge in arrears) <= notice.ceiling_minor:
        inside |= {charge.pk for charge in arrears}
    return inside


def _renewals(renewals: Sequence[Waiting], notice: ChargeNotice) -> set[int]:
    """Return the renewals that were announced: all of them, or those of the subscriptions that cost no more than it says."""
    if sum(charge.amount_minor for charge in renewals) <= notice.renewal_minor:
        return {charge.pk for charge in renewals}
    said: Counter[int] = Counter()
    for line in notice.lines:
        said[line["subscription"]] += line["amount_minor"]
    cost: Counter[int] = Counter()
    for charge in renewals:
        cost[charge.subscription_id] += charge.amount_minor
    return {charge.pk for charge in renewals if cost[charge.subscription_id] <= said[charge.subscription_id]}


def _with_notice(notice: ChargeNotice, due_on: date, zone: str, at: datetime) -> Day:
    # A notice that has not arrived: its bill is asked for when it could have been deducted, and waits to be deducted.
    charge_at = notice.charge_at or max(notice.due_at, at + WAIT)
    return Day(max(due_on, local_day(charge_at, zone)), charge_at)


def _alone(due_on: date, version: int, zone: str, at: datetime) -> Day:
    charge_at = max(local_midnight(due_on, zone), at + WAIT)
    return Day(local_day(charge_at, zone), charge_at, allowing.origin(due_on, version))


def _told(groups: Mapping[Key, object]) -> dict[Key, _Told]:
    """Look all notices of a batch up in one query."""
    if not groups:
        return {}
    rows = ChargeNotice.objects.filter(
        among("tenant", {key[0] for key in groups}), due_on__in={key[4] for key in groups}
    )
    told: dict[Key, _Told] = {}
    for row in rows.order_by("version"):
        key = (row.tenant_id, row.seller_id, row.currency, row.pays, row.due_on)
        renewal = row if row.of == ChargeNotice.Of.RENEWAL else told.get(key, _Told()).renewal
        told[key] = _Told(renewal, row.version)
    return told
