"""What changed since the last bill: each line against the same line of the bill before, in money, with its causes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.charging import Worth
from billing.rating import Price
from invoices.causes_of_change import Part, Side, split
from invoices.deriving import Derivation, derive_all
from invoices.deriving import usage as metering
from invoices.models import Invoice, InvoiceLine
from tenants.models.companies import Language
from usage import measuring

# A line is the same as one of the bill before when these agree: subscription, price code, reason.
Key = tuple[int, str, str]
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Moved:
    """One line that differs: what it came to before and comes to now, with tax, and why."""

    key: Key
    name: str
    name_en: str
    unit: str
    unit_en: str
    quantity_before: Decimal | None
    quantity_after: Decimal | None
    before_minor: int
    after_minor: int
    parts: tuple[Part, ...]
    currency: str

    @property
    def change_minor(self) -> int:
        """What it adds to the difference of the bills."""
        return self.after_minor - self.before_minor

    def name_in(self, language: str) -> str:
        """Return the name for a reader of `language`."""
        return self.name_en if language == Language.ENGLISH and self.name_en else self.name


@dataclass(frozen=True, slots=True)
class Difference:
    """Two bills of one payer, and every line that differs, the largest first; the lines add up to the difference."""

    older: Invoice
    currency: str
    before_minor: int
    after_minor: int
    lines: tuple[Moved, ...]

    @property
    def change_minor(self) -> int:
        """How much more (or less, below zero) it is than last time, with tax."""
        return self.after_minor - self.before_minor

    @property
    def causes(self) -> dict[str, int]:
        """What each cause makes of it, over all lines."""
        found: dict[str, int] = {}
        for line in self.lines:
            for part in line.parts:
                found[part.cause] = found.get(part.cause, 0) + part.amount_minor
        return found


@dataclass(frozen=True, slots=True)
class _Known:
    """One line of one side."""

    names: tuple[str, str, str, str]
    quantity: Decimal
    side: Side


def of_bill(bill: Invoice) -> Difference | None:
    """Return how a periodic bill differs from the last one of the same contracts; None for the first, and for a change's."""
    older = before(bill)
    if older is None:
        return None
    return _difference(older, bill.total_minor, bill.currency, _of_lines(bill))


def of_preview(older: Invoice, worths: Iterable[tuple[int, Worth]]) -> Difference:
    """Return how what is announced (subscription, worth) differs from a bill: for the notice of a deduction.

    Coupons and tax on top are not known before a bill is drafted: what is announced counts as its amount before discount.
    """
    found = {
        (subscription, worth.clause.code, "period"): _Known(
            (worth.clause.name, worth.clause.name_en, worth.clause.unit, worth.clause.unit_en),
            worth.quantity,
            Side(
                price=worth.clause.price,
                quantity=worth.quantity,
                amount_minor=worth.amount_minor,
                share=_share(worth.details),
                metered=worth.clause.meter is not None,
            ),
        )
        for subscription, worth in worths
    }
    total = sum(one.side.gross_minor for one in found.values())
    return _difference(older, total, older.currency, found)


def before(bill: Invoice) -> Invoice | None:
    """Return the periodic bill before this one that shares a contract with it."""
    if bill.origin:
        return None
    mine = InvoiceLine.objects.filter(invoice=bill).values("charge__subscription")
    found = Invoice.objects.issued().filter(
        tenant=bill.tenant_id,
        seller=bill.seller_id,
        currency=bill.currency,
        origin="",
        charge_on__lt=bill.charge_on,
        lines__charge__subscription__in=mine,
    )
    return found.order_by("-charge_on", "-id").first()


def _difference(older: Invoice, total: int, currency: str, new: Mapping[Key, _Known]) -> Difference:
    old = _of_lines(older)
    moved = [_moved(key, old.get(key), new.get(key), currency) for key in {**new, **old}]
    changed = [one for one in moved if one.change_minor or one.parts]
    lines = tuple(sorted(changed, key=lambda one: (-abs(one.change_minor), one.key)))
    return Difference(older, currency, older.total_minor, total, lines)


def _moved(key: Key, old: _Known | None, new: _Known | None, currency: str) -> Moved:
    known = new or old
    assert known is not None
    return Moved(
        key,
        *known.names,
        old.quantity if old else None,
        new.quantity if new else None,
        old.side.gross_minor if old else 0,
        new.side.gross_minor if new else 0,
        split(old.side if old else None, new.side if new else None, currency),
        currency,
    )


def _of_lines(bill: Invoice) -> dict[Key, _Known]:
    """Return the lines of a bill by their key; several of one key are one line that no single price makes."""
    lines = list(InvoiceLine.objects.filter(invoice=bill).select_related("charge").order_by("position"))
    # A subsidiary's line is taken as it stands: its contract and its records are its own.
    own = {
        one.of.charge.pk: one for one in derive_all(x.charge_id for x in lines if x.charge.tenant_id == bill.tenant_id)
    }
    found: dict[Key, list[_Known]] = {}
    for line in lines:
        names = (line.name, line.name_en, line.unit, line.unit_en)
        key = (line.charge.subscription_id, line.code, line.reason)
        found.setdefault(key, []).append(_Known(names, line.quantity, _side(own.get(line.charge_id), line)))
    return {key: _together(known) for key, known in found.items()}


def _together(known: Sequence[_Known]) -> _Known:
    if len(known) == 1:
        return known[0]
    sides = [one.side for one in known]
    return _Known(
        known[0].names,
        sum((one.quantity for one in known), ZERO),
        Side(
            price=None,
            quantity=ZERO,
            amount_minor=sum(side.amount_minor for side in sides),
            discount_minor=sum(side.discount_minor for side in sides),
            tax_minor=sum(side.tax_minor for side in sides),
        ),
    )


def _side(one: Derivation | None, line: InvoiceLine) -> Side:
    on_top = line.gross_minor - (line.amount_minor - line.discount_minor)
    side = Side(
        price=None,
        quantity=line.quantity,
        amount_minor=line.amount_minor,
        discount_minor=line.discount_minor,
        tax_minor=on_top,
    )
    if one is None:
        return side
    how, of = one.data["how"], one.of
    if how["type"] == "share" and of.clause is not None:
        return _priced(side, of.clause.price, share=_share(of.charge.details))
    if how["type"] != "usage" or of.clause is None or of.charge.reason != "period":
        return side
    price = of.clause.price
    single = measuring.transactions(metering.wants(of)["own"]) if price.model == "percentage" else None
    return _priced(
        side,
        metering.included(price, how),
        quantity=Decimal(how["measured"]),
        covered=Decimal(how["covered"]),
        before=None if how["before"] is None else Decimal(how["before"]),
        transactions=None if single is None else tuple(single),
        metered=True,
    )


def _priced(side: Side, price: Price, **more: Any) -> Side:
    told: dict[str, Any] = {
        name: getattr(side, name) for name in ("quantity", "amount_minor", "discount_minor", "tax_minor")
    }
    return Side(**(told | {"price": price} | more))


def _share(details: Mapping[str, Any]) -> Fraction:
    part = details.get("seconds") or details.get("days")
    return Fraction(part[0], part[1]) if part else Fraction(1)
