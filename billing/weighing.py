"""What a purchase weighs against a company's own limit: what is asked for at once, and what a year of it comes to.

The limit (`Tenant.purchase_limit_minor`) is the company's: above it one person alone commits it to nothing, neither a
member, nor a program, nor one of ours. Both figures are in minor units with tax.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from billing import contracts, formatting
from billing.models import Change, Subscription
from billing.money import round_half_up
from billing.terms import Clause, Contract
from billing.timing import A_YEAR, a_year, prospect
from tenants.errors import Conflict
from tenants.models import Tenant
from usage.periods import Interval


class AboveLimit(Conflict):
    """One person alone may not buy this; nothing was done. `weight` and `limit_minor` say why."""

    code = "approval_needed"


@dataclass(frozen=True, slots=True)
class Weight:
    """What a purchase weighs: `total_minor` is asked for at once, `yearly_minor` is what a year costs more."""

    total_minor: int = 0
    yearly_minor: int = 0

    @property
    def counts(self) -> int:
        """What is held against the limit: the higher of both."""
        return max(self.total_minor, self.yearly_minor)


def limit_of(tenant_id: int) -> int | None:
    """Return the company's limit in minor units as it is now; None: it has set none."""
    return Tenant.objects.values_list("purchase_limit_minor", flat=True).get(pk=tenant_id)


def yearly(subscription: Subscription, change: Change | None = None, *, at: datetime) -> int:
    """Return what base, seats and modules of a contract cost in a year (rule 6), with tax and before discounts;
    at least what the contract commits to per period.

    With a change of plan that waits, what they will cost then. One that has ended costs nothing more; a
    cancellation that is taken back brings back what was agreed before, and weighs nothing.
    """
    if subscription.ended_at:
        return 0
    now = contracts.load([subscription])[subscription.pk]
    then: Contract = now
    if change is not None and change.version is not None and change.status == Change.Status.SCHEDULED:
        then = prospect(subscription, change.version, change.price_list)
    fixed = a_year(then, {clause.code: held for clause in now.clauses if (held := _held(clause, at)) is not None})
    share = Decimal(1) if subscription.seller.tax_inclusive else 1 + subscription.seller.tax_rate
    committed = (subscription.minimum_minor or 0) * A_YEAR[Interval(subscription.version.interval)]
    return max(round_half_up(fixed * share, subscription.currency), committed)


def _held(clause: Clause, at: datetime) -> Decimal | None:
    """Return how much of a price is held, or will be once the contract has begun."""
    ahead = (quantity for start, _end, quantity in clause.quantities if start > at)
    now = clause.quantity_at(at)
    return next(ahead, None) if now is None else now


def refuse(tenant_id: int, currency: str, weight: Weight) -> None:
    """Raise AboveLimit where a purchase weighs more than the company lets one person alone decide."""
    limit = limit_of(tenant_id)
    if limit is None or weight.counts <= limit:
        return
    said = {"limit": formatting.money(limit, currency), "amount": formatting.money(weight.counts, currency)}
    raise AboveLimit(
        _(
            "This comes to %(amount)s. Above %(limit)s a second person of the company has to approve it. Nothing was done."
        )
        % said,
        limit_minor=limit,
        weight=weight,
    )


def refuse_start(begun: Subscription, *, at: datetime) -> None:
    """Raise AboveLimit for a contract that was begun for a customer by ours, in the transaction that began it."""
    if limit_of(begun.tenant_id) is not None:
        refuse(begun.tenant_id, begun.currency, Weight(yearly_minor=yearly(begun, at=at)))
