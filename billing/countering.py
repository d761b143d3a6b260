"""Counter-entries: what undoes a charge exactly, without touching it. Nothing of the books is ever edited."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import Exists, OuterRef, QuerySet

from billing import discounts
from billing.charging import Worth, step_json
from billing.models import AppliedDiscount, Change, Charge, ChargeCredit
from billing.money import minor_digits
from billing.rating.steps import step
from tenants.bulk import among, reserve

COPIED = (
    "tenant_id",
    "payer_id",
    "seller_id",
    "subscription_id",
    "period_id",
    "acceptance_id",
    "price_id",
    "code",
    "kind",
    "name",
    "name_en",
    "unit",
    "unit_en",
    "service_start_on",
    "service_end_on",
    "currency",
    "tax_rate",
    "tax_inclusive",
)
SAID = ("撤回：与原计费相抵", "Taken back: the charge is undone")


def counter(charge_ids: Sequence[int], change: Change, *, at: datetime) -> dict[int, int]:
    """Write the counter-entry of each charge, with the change as its cause; return their ids by that of the charge.

    A charge is undone with what it came to after discount. A credit gives nothing back any more.
    """
    charges = list(Charge.objects.filter(among("pk", charge_ids)).order_by("pk"))
    nets = discounts.nets(charge.pk for charge in charges)
    numbers = reserve(Charge, len(charges)) if charges else []
    made = [_counter(pk, one, nets[one.pk], change, at) for pk, one in zip(numbers, charges, strict=True)]
    Charge.objects.bulk_create(made)
    ChargeCredit.objects.bulk_create(
        ChargeCredit(
            tenant_id=one.tenant_id,
            credit_id=back.pk,
            charge_id=one.pk,
            amount_minor=-back.amount_minor,
            undiscounted_minor=-back.undiscounted_minor,
        )
        for back, one in zip(made, charges, strict=True)
        if one.undiscounted_minor > 0
    )
    ChargeCredit.objects.filter(among("credit", charge_ids), undone_at=None).update(undone_at=at)
    return {one.pk: back.pk for back, one in zip(made, charges, strict=True)}


def not_undone(charges: QuerySet[Charge]) -> QuerySet[Charge]:
    """Return what counts of charges: no counter-entry, and nothing that has one."""
    undone = Charge.objects.filter(reason=Charge.Reason.CORRECTION, corrects=OuterRef("pk"))
    return charges.exclude(reason=Charge.Reason.CORRECTION).exclude(Exists(undone))


def touched(charge_ids: Sequence[int]) -> bool:
    """Whether something was given back of charges, or corrects them, beside what came with them and what was undone itself."""
    others = ChargeCredit.objects.filter(among("charge", charge_ids), undone_at=None)
    if others.exclude(among("credit", charge_ids)).exists():
        return True
    corrections = not_undone(Charge.objects.filter(among("corrects", charge_ids)))
    return corrections.exclude(among("pk", charge_ids)).exists()


def closed_before(worth: Worth) -> int | None:
    """Return the charge that a period was closed with before it was opened again, of this price and part, if there is one."""
    named = {"period": worth.stretch.id, "price": worth.clause.price_id, "cause": worth.cause}
    made = Charge.objects.filter(**named, reason=Charge.Reason.PERIOD).order_by("-pk")
    return made.values_list("pk", flat=True).first()


def together(charge: Charge) -> set[int]:
    """Return the charge of a period's close and all that corrects it: later differences, what was taken back, closes anew."""
    first = charge
    while first.corrects is not None:
        first = first.corrects
    found, asked = {first.pk}, {first.pk}
    while asked:
        asked = set(Charge.objects.filter(among("corrects", asked)).values_list("pk", flat=True)) - found
        found |= asked
    return found


def free_discounts(charge_ids: Sequence[int], *, at: datetime) -> set[int]:
    """Count what coupons gave on charges as not given any more; return the redeemed coupons."""
    given = AppliedDiscount.objects.filter(among("charge", charge_ids), final_at__isnull=False, undone_at=None)
    redemptions = set(given.values_list("redemption", flat=True))
    given.update(undone_at=at)
    return redemptions


def _counter(pk: int, charge: Charge, net: int, change: Change, at: datetime) -> Charge:
    amount = -(net if charge.undiscounted_minor > 0 else charge.amount_minor)
    shown = Decimal(amount).scaleb(-minor_digits(charge.currency))
    details = {name: charge.details[name] for name in ("days", "seconds") if name in charge.details}
    return Charge(
        pk=pk,
        **{name: getattr(charge, name) for name in COPIED},
        reason=Charge.Reason.CORRECTION,
        cause=change.cause,
        corrects=charge,
        quantity=-charge.quantity,
        exact=-charge.exact,
        amount_minor=amount,
        undiscounted_minor=-charge.undiscounted_minor,
        details={**details, "undoes": charge.pk, "steps": [step_json(step(SAID, "credit", shown), charge.currency)]},
        due_on=charge.due_on,
        created_at=at,
    )
