"""One derivation for each charge: what it is, on what it stands, how it was reckoned, what came off, and its tax."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from billing.models import AppliedDiscount, Charge
from billing.money import plain
from invoices.deriving import credits, shares, usage
from invoices.deriving.standing import Standing, instant, price, standing
from invoices.models import CreditedCharge, InvoiceLine
from tenants.bulk import among

CHUNK = 100
ALONG = ("price__meter", "price__version__plan", "period", "tenant")


@dataclass(frozen=True, slots=True)
class Derivation:
    """A charge with what it stands on, and all of it as plain JSON data (`data`): decimals and instants are strings."""

    of: Standing
    data: dict[str, Any]


def derive(charge_id: int) -> Derivation:
    """Return the derivation of one charge."""
    return next(derive_all([charge_id]))


def derive_all(charge_ids: Iterable[int]) -> Iterator[Derivation]:
    """Yield the derivations of charges by ascending id, some hundred at a time."""
    ids = sorted(charge_ids)
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        rows = list(Charge.objects.filter(among("pk", some)).select_related(*ALONG).order_by("pk"))
        found, places, taken = standing(rows), _places(rows), _discounts(rows)
        for row in rows:
            of = found[row.pk]
            yield Derivation(of, _data(of, places.get(row.pk, {}), taken.get(row.pk, [])))


def _data(of: Standing, place: dict[str, Any], discounts: list[dict[str, Any]]) -> dict[str, Any]:
    charge, period = of.charge, of.charge.period
    return {
        "charge": charge.pk,
        **place,
        "tenant": charge.tenant.code,
        "subscription": charge.subscription_id,
        "code": charge.code,
        "kind": charge.kind,
        "reason": charge.reason,
        "name": charge.name,
        "name_en": charge.name_en,
        "unit": charge.unit,
        "unit_en": charge.unit_en,
        "currency": charge.currency,
        "service": [str(charge.service_start_on), str(charge.service_end_on)],
        "quantity": plain(charge.quantity),
        "exact": plain(charge.exact),
        "amount_minor": charge.amount_minor,
        "undiscounted_minor": charge.undiscounted_minor,
        "discounts": discounts,
        "tax_rate": plain(charge.tax_rate),
        "tax_inclusive": charge.tax_inclusive,
        "charged_at": instant(charge.created_at),
        "due_on": str(charge.due_on),
        "corrects": charge.corrects_id,
        "zone": period.zone,
        "period": {"interval": period.interval, "start": instant(period.start), "end": instant(period.end)},
        "price": price(of),
        "how": how(of),
        "steps": charge.details.get("steps", []),
    }


def how(of: Standing) -> dict[str, Any]:
    """Return by which rule a charge was reckoned, with its parameters; `stated` where only its steps say."""
    charge = of.charge
    if charge.kind == shares.KIND:
        return shares.minimum(of) | ({"chain": credits.chain(charge)} if charge.amount_minor < 0 else {})
    if charge.reason in (Charge.Reason.CAP, Charge.Reason.CORRECTION) or of.clause is None:
        return {"type": "stated", "details": {k: v for k, v in charge.details.items() if k != "steps"}}
    if charge.kind == "usage":
        return usage.how(of)
    return credits.how(of) if charge.amount_minor < 0 or "gives_back" in charge.details else shares.how(of)


def _places(rows: Iterable[Charge]) -> dict[int, dict[str, Any]]:
    """Return where charges stand: on which line of which bill, or inside which credit note; with the tax there."""
    ids = [row.pk for row in rows]
    found: dict[int, dict[str, Any]] = {}
    lines = InvoiceLine.objects.filter(among("charge", ids)).select_related("invoice")
    for line in lines:
        found[line.charge_id] = {
            "invoice": line.invoice.number,
            "line": line.pk,
            "position": line.position,
            "credit_note": None,
            "discount_minor": line.discount_minor,
            "tax_minor": line.tax_minor,
            "gross_minor": line.gross_minor,
        }
    for one in CreditedCharge.objects.filter(among("charge", ids)).select_related("credit_note"):
        found[one.charge_id] = {
            "invoice": None,
            "line": None,
            "position": one.position,
            "credit_note": one.credit_note.number,
            "discount_minor": one.discount_minor,
            "tax_minor": one.tax_minor,
            "gross_minor": one.gross_minor,
        }
    return found


def _discounts(rows: Iterable[Charge]) -> dict[int, list[dict[str, Any]]]:
    """Return what coupons took off each charge, in order, with what the coupon gives."""
    taken = AppliedDiscount.objects.filter(among("charge", [row.pk for row in rows])).order_by("charge", "position")
    found: dict[int, list[dict[str, Any]]] = {}
    for one in taken.select_related("redemption__coupon"):
        coupon = one.redemption.coupon
        found.setdefault(one.charge_id, []).append(
            {
                "coupon": coupon.code,
                "name": coupon.name,
                "name_en": coupon.name_en,
                "percent": None if coupon.percent is None else plain(coupon.percent),
                "of_amount_minor": coupon.amount_minor,
                "redemption": one.redemption_id,
                "redeemed_at": instant(one.redemption.redeemed_at),
                "amount_minor": one.amount_minor,
            }
        )
    return found
