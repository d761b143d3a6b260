"""Resource packs: grant them, draw on them when a period is measured, and write down what was used (rule 21).

`draw` reads and answers, `record` writes; both in the transaction of the close, which keeps the packs locked between the
two. A period that is measured again may use what is left now and what it had used itself, so nothing that another period
has used is ever taken away from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Max, QuerySet, Sum
from django.utils.translation import gettext as _

from billing import drawing
from billing.drawing import Piece, Supply
from billing.models import Pack, PackUse
from tenants import audit
from tenants.bulk import among, copy_in
from tenants.errors import Invalid
from tenants.models import Tenant, User
from tenants.printable import check_printable
from usage import measuring
from usage.decoding import text
from usage.models import Meter

# Meters whose units add up; a level cannot be used up.
ADDING = ("sum", "count")
ZERO = Decimal(0)
MOST = Decimal(10) ** 20
MOST_PRIORITY = 32767


class Place(NamedTuple):
    """One price's usage in one part of one period."""

    period: int | None
    price: int
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What the usage of one price asks of the packs: how much of `want` they cover after the `included` units.

    `part` names the part of the period (the cause of its charges), `before` is what the period had measured before that
    part, and `earlier` are the places of that usage: what packs covered of it has used up no included unit. `period_id` is
    None in a preview of a period that does not exist yet.
    """

    key: Any
    want: measuring.Want
    included: Decimal
    seller_id: int
    price_id: int
    period_id: int | None = None
    part: str = ""
    before: Decimal = ZERO
    earlier: tuple[Place, ...] = ()

    @property
    def place(self) -> Place:
        """Where its use is written down."""
        return Place(self.period_id, self.price_id, self.part)


class Held(NamedTuple):
    """How much of a pack a place has used by now, and how many rows say so."""

    quantity: Decimal
    number: int


@dataclass(frozen=True, slots=True)
class Cover:
    """The answer to one question: what was measured, from how many events, and what packs cover of it.

    `earlier` is what they cover of the usage before its part; `held` what this place had used by now.
    """

    ask: Ask
    measured: Decimal
    events: int
    packs: Mapping[int, Decimal]
    earlier: Decimal
    held: Mapping[int, Held]

    @property
    def quantity(self) -> Decimal:
        """How much is covered, of all packs."""
        return sum(self.packs.values(), ZERO)


# What is left of each pack, and what each place has used of it.
Books = tuple[dict[int, Decimal], dict[Place, dict[int, Held]]]


@transaction.atomic
def grant(
    tenant: Tenant,
    meter: Meter,
    quantity: Decimal,
    expires: datetime,
    *,
    reason: str,
    at: datetime,
    by: User | None,
    priority: int = 0,
    valid_from: datetime | None = None,
    match: Mapping[str, Any] | None = None,
) -> Pack:
    """Give a customer units of a meter, valid from now (or later) to before `expires`.

    Never for what was used earlier, so no closed period changes. Raises Invalid with the field that is wrong.
    """
    begins = valid_from or at
    wanted = {name: text(value) for name, value in (match or {}).items()}
    _check(meter, quantity, priority, wanted)
    _check_days(begins, expires, at)
    _check_reason(reason)
    pack = Pack.objects.create(
        tenant=tenant,
        seller_id=meter.seller_id,
        meter=meter,
        quantity=quantity,
        priority=priority,
        valid_from=begins,
        expires=expires,
        match=wanted,
        reason=reason,
        granted_by=by,
        granted_by_name=by.get_full_name() if by else "",
        created_at=at,
    )
    detail = {"meter": meter.code, "quantity": f"{quantity:f}", "expires": expires.isoformat(), "reason": reason}
    audit.record("pack.granted", tenant=tenant, target=f"pack:{pack.pk}", at=at, by=by, **detail)
    return pack


def holders(tenants: Iterable[int]) -> set[int]:
    """Return which of these customers have ever had a pack."""
    return set(Pack.objects.filter(among("tenant", set(tenants))).values_list("tenant_id", flat=True).distinct())


def draw(asks: Iterable[Ask]) -> dict[Any, Cover]:
    """Return what packs cover of each question, by its key; questions that no pack serves are left out.

    Locks the packs of these customers until the end of the transaction and writes nothing. Periods that end first draw
    first, whatever the order of the questions. One query where nobody has a pack.
    """
    wanted = list(asks)
    rows = _packs(wanted).select_for_update(no_key=True).order_by("pk") if wanted else []
    return _covers(wanted, list(rows))


def expected(asks: Iterable[Ask], *, at: datetime, more: Mapping[Any, Decimal] | None = None) -> dict[Any, Cover]:
    """Return the same without locking, for a preview; `more` is what each question expects after `at`, by its key."""
    wanted = list(asks)
    return _covers(wanted, list(_packs(wanted)) if wanted else [], at=at, more=more)


def record(covers: Iterable[Cover], *, at: datetime) -> None:
    """Write down what periods use of packs, as the difference to what they had used; nothing where none is."""
    rows = [
        (cover.ask.want.tenant_id, pack, place.period, place.price, place.part, held.number + 1, quantity, at)
        for cover in covers
        for place in [cover.ask.place]
        for pack, held, quantity in _differences(cover)
    ]
    if rows:
        columns = ["tenant_id", "pack_id", "period_id", "price_id", "part", "number", "quantity", "at"]
        copy_in(PackUse, columns, rows)


def used(places: Iterable[Place]) -> dict[Place, dict[int, Decimal]]:
    """Return what each place has used of each pack, as it is written down."""
    wanted = set(places)
    rows = PackUse.objects.filter(among("period", {place.period for place in wanted if place.period}))
    found: dict[Place, dict[int, Decimal]] = defaultdict(dict)
    for pack, period, price, part, quantity in (
        rows.order_by("pack_id")
        .values_list("pack_id", "period_id", "price_id", "part")
        .annotate(quantity=Sum("quantity"))
    ):
        if quantity and (place := Place(period, price, part)) in wanted:
            found[place][pack] = quantity
    return found


def left(tenant: Tenant) -> list[Pack]:
    """Return a customer's packs, the next to be used first, each with `used`: what closed periods used of it."""
    return list(
        Pack.objects.filter(tenant=tenant)
        .with_used()
        .select_related("meter")
        .order_by("priority", "expires", "created_at", "pk")
    )


def _packs(asks: Sequence[Ask]) -> QuerySet[Pack]:
    return Pack.objects.filter(among("tenant", {ask.want.tenant_id for ask in asks}))


def _covers(
    asks: Sequence[Ask], packs: Sequence[Pack], *, at: datetime | None = None, more: Mapping[Any, Decimal] | None = None
) -> dict[Any, Cover]:
    known = _supplies(packs)
    ready = [(ask, supplies) for ask in asks if (supplies := _serving(ask, known))]
    if not ready:
        return {}
    ready.sort(key=lambda one: (one[0].want.end, one[0].want.start))
    left, held = _books(packs)
    used = _measured(ready, at if more else None)
    covered = {place: sum((one.quantity for one in packs.values()), ZERO) for place, packs in held.items()}
    found = {}
    for ask, supplies in ready:
        parts, events = used[ask.key]
        if more and at:
            parts = drawing.spread(parts, more.get(ask.key, ZERO), at)
        before = held.get(ask.place, {})
        for pack, one in before.items():
            left[pack] += one.quantity
        earlier = sum((covered.get(place, ZERO) for place in ask.earlier), ZERO)
        free = max(ZERO, ask.included - (ask.before - earlier))
        taken = drawing.draw(parts, free, supplies, left)
        measured = measuring.plain(sum((piece.quantity for piece in parts), ZERO))
        found[ask.key] = Cover(ask, measured, events, taken, earlier, before)
        covered[ask.place] = found[ask.key].quantity
    return found


def _supplies(packs: Sequence[Pack]) -> Mapping[tuple[int, int, int], list[Supply]]:
    found: dict[tuple[int, int, int], list[Supply]] = defaultdict(list)
    for pack in packs:
        supply = Supply(pack.pk, pack.priority, pack.valid_from, pack.expires, pack.created_at, pack.match)
        found[pack.tenant_id, pack.seller_id, pack.meter_id].append(supply)
    return found


def _serving(ask: Ask, known: Mapping[tuple[int, int, int], list[Supply]]) -> list[Supply]:
    want = ask.want
    match = {name: text(value) for name, value in want.match.items()}
    return [
        supply
        for supply in known.get((want.tenant_id, ask.seller_id, want.meter_id), ())
        if supply.valid_from < want.end and want.start < supply.expires and supply.serves(match)
    ]


def _books(packs: Sequence[Pack]) -> Books:
    left = {pack.pk: pack.quantity for pack in packs}
    held: dict[Place, dict[int, Held]] = defaultdict(dict)
    rows = (
        PackUse.objects.filter(among("pack", left))
        .order_by("pack_id")
        .values_list("pack_id", "period_id", "price_id", "part")
        .annotate(quantity=Sum("quantity"), number=Max("number"))
    )
    for pack, period, price, part, quantity, number in rows:
        left[pack] -= quantity
        held[Place(period, price, part)][pack] = Held(quantity, number)
    return left, held


def _measured(
    ready: Sequence[tuple[Ask, Sequence[Supply]]], cut: datetime | None
) -> dict[Any, tuple[list[Piece], int]]:
    """Return for each question how much was used in each piece of its period, and from how many events."""
    cuts = {cut} if cut else set()
    pieces = {
        ask.key: drawing.pieces(ask.want.start, ask.want.end, drawing.edges(supplies) | cuts) for ask, supplies in ready
    }
    wants = [
        _piece_of(ask.want, (n, m), piece)
        for n, (ask, _supplies) in enumerate(ready)
        for m, piece in enumerate(pieces[ask.key])
    ]
    found = measuring.measure(wants)
    answers = {}
    for n, (ask, _supplies) in enumerate(ready):
        told = [found[n, m] for m in range(len(pieces[ask.key]))]
        parts = [piece._replace(quantity=one.quantity) for piece, one in zip(pieces[ask.key], told, strict=True)]
        answers[ask.key] = parts, sum(one.events for one in told)
    return answers


def _piece_of(want: measuring.Want, key: Any, piece: Piece) -> measuring.Want:
    return measuring.Want(
        key,
        want.tenant_id,
        want.meter_id,
        want.aggregation,
        want.recurring,
        piece.start,
        piece.end,
        want.match,
        want.others,
    )


def _differences(cover: Cover) -> Iterable[tuple[int, Held, Decimal]]:
    none = Held(ZERO, 0)
    for pack in sorted(cover.packs.keys() | cover.held.keys()):
        held = cover.held.get(pack, none)
        if difference := cover.packs.get(pack, ZERO) - held.quantity:
            yield pack, held, difference


def _check(meter: Meter, quantity: Decimal, priority: int, match: Mapping[str, str]) -> None:
    if meter.aggregation not in ADDING:
        raise Invalid(
            _("“%(meter)s” does not add up, so nothing of it can be used up. Choose a meter that sums or counts.")
            % {"meter": meter.name},
            field="meter",
        )
    if not (quantity.is_finite() and 0 < quantity < MOST) or quantity != round(quantity, 10):
        raise Invalid(_("A pack holds more than zero units, with at most ten decimals."), field="quantity")
    if not 0 <= priority <= MOST_PRIORITY:
        raise Invalid(_("The priority is a number from 0 to %(most)d.") % {"most": MOST_PRIORITY}, field="priority")
    for name in match:
        if name not in meter.dimensions:
            raise Invalid(
                _("“%(meter)s” is not counted apart by “%(name)s”.") % {"meter": meter.name, "name": name},
                field=f"match.{name}",
            )


def _check_days(begins: datetime, expires: datetime, at: datetime) -> None:
    if begins < at:
        raise Invalid(_("A pack begins now or later; it does not cover what was used before."), field="valid_from")
    if expires <= begins:
        raise Invalid(_("A pack lapses after it begins. Choose a later day."), field="expires")


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > 200:
        raise Invalid(_("Say why in at most 200 characters; the customer reads it."), field="reason")
    check_printable(reason, "reason")
