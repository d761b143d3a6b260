"""Resource packs: what is left, until when, and which periods used the rest (REQUIREMENTS A10)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Sum
from django.utils.translation import gettext as _

from billing import formatting, lapsing
from billing.lapsing import Standing
from billing.models import BillingPeriod, Pack, PackUse, Price
from invoices import states
from invoices.pages import days, meters, wording
from invoices.pages.visit import Visit
from usage.models import Meter
from usage.periods import local_day, local_midnight

ZERO = Decimal(0)


@dataclass(frozen=True)
class Used:
    """How much one period used of a pack; one that is not closed yet is `running`."""

    days: str
    quantity: str
    running: bool = False


@dataclass(frozen=True)
class PackCard:
    """One pack: how much is left of how much, its days, why it is there, and what used it."""

    name: str
    reason: str
    state: states.State
    left: str
    whole: str
    first: date
    last: date
    only: str
    bar: meters.Meter
    uses: tuple[Used, ...]


@dataclass(frozen=True)
class PacksPage:
    """The page /subscription/packs/: what may be used, then what is over."""

    valid: tuple[PackCard, ...]
    over: tuple[PackCard, ...]
    usage: str


def page(visit: Visit) -> PacksPage:
    """Return the company's packs; those that may still be used first, in the order in which they are."""
    found = lapsing.standing(visit.tenant, at=visit.at)
    uses = uses_of(visit, [one.pack.pk for one in found])
    cards = [(card(visit, one, uses.get(one.pack.pk, ())), is_over(one, visit)) for one in found]
    return PacksPage(
        valid=tuple(one for one, over in cards if not over),
        over=tuple(one for one, over in cards if over),
        usage=visit.to("usage"),
    )


def beside_usage(visit: Visit, meter: Meter, price: Price | None, window: days.Window) -> str:
    """Return what packs give for a meter: what they covered in the period that a window lies in, and what is left."""
    if not Pack.objects.filter(tenant=visit.tenant, meter=meter).exists():
        return ""
    mine = [one for one in lapsing.standing(visit.tenant, at=visit.at) if one.pack.meter_id == meter.pk]
    left = sum((one.left for one in mine if not is_over(one, visit)), ZERO)
    start = local_midnight(window.counted_from, window.zone)
    told = PackUse.objects.filter(pack__in=[one.pack.pk for one in mine], price=price, period__start=start)
    covered = told.aggregate(sum=Sum("quantity", default=0))["sum"]
    if start <= visit.at and window.end > visit.today:
        covered += sum((one.running for one in mine), ZERO)
    unit = meter.unit_in(visit.language)
    said = {"covered": wording.count(covered, unit, visit.language), "left": wording.count(left, unit, visit.language)}
    return (_("%(covered)s covered in this period, %(left)s left") if covered else _("%(left)s left")) % said


def is_over(one: Standing, visit: Visit) -> bool:
    return one.left <= 0 or one.pack.expires <= visit.at


def card(visit: Visit, one: Standing, uses: Iterable[tuple[BillingPeriod, Decimal]]) -> PackCard:
    pack, zone = one.pack, visit.tenant.timezone
    unit = pack.meter.unit_in(visit.language)
    last = local_day(pack.expires - timedelta(microseconds=1), zone)
    left, whole = (wording.count(value, unit, visit.language) for value in (one.left, pack.quantity))
    rows = [
        Used(
            formatting.period_days(period.start_on, period.end_on - timedelta(days=1), visit.language),
            wording.count(quantity, unit, visit.language),
        )
        for period, quantity in uses
    ]
    if one.running:
        rows.append(Used(_("the running period, so far"), wording.count(one.running, unit, visit.language), True))
    return PackCard(
        name=pack.meter.name_in(visit.language),
        reason=pack.reason,
        state=states.PACK[state_of(one, visit)],
        left=left,
        whole=whole,
        first=local_day(pack.valid_from, zone),
        last=last,
        only=wording.joined([f"{name} {value}" for name, value in pack.match.items()]),
        bar=meters.meter(
            _("%(left)s of %(whole)s left") % {"left": left, "whole": whole},
            included=max(one.left, ZERO),
            paid=ZERO,
            coming=ZERO,
            whole=pack.quantity,
        ),
        uses=tuple(rows),
    )


def state_of(one: Standing, visit: Visit) -> str:
    """Return how a pack stands: the code of its state."""
    if one.left <= 0:
        return "used_up"
    if one.pack.expires <= visit.at:
        return "lapsed"
    return "waiting" if one.pack.valid_from > visit.at else "valid"


def uses_of(visit: Visit, packs: list[int]) -> Mapping[int, list[tuple[BillingPeriod, Decimal]]]:
    """Return what each closed period used of each pack, oldest first."""
    rows = (
        PackUse.objects.filter(pack__in=packs)
        .values_list("pack_id", "period_id")
        .annotate(quantity=Sum("quantity"))
        .order_by("period__start", "period_id")
    )
    told = [row for row in rows if row[2]]
    periods = BillingPeriod.objects.in_bulk({period for _pack, period, _quantity in told})
    found: dict[int, list[tuple[BillingPeriod, Decimal]]] = defaultdict(list)
    for pack, period, quantity in told:
        found[pack].append((periods[period], quantity))
    return found
