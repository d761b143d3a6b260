"""Ask usage what the usage prices of contracts need to know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from billing.charging import Measure
from billing.models import Subscription
from billing.planning import Clause, Stretch
from usage import measuring


def want(key: object, subscription: Subscription, stretch: Stretch, clause: Clause) -> measuring.Want:
    """Return the question that a usage price asks about a period; the answer comes back under `key`."""
    meter = clause.meter
    assert meter is not None
    return measuring.Want(
        key=key,
        tenant_id=subscription.tenant_id,
        meter_id=meter.meter_id,
        aggregation=meter.aggregation,
        recurring=meter.recurring,
        start=stretch.start,
        end=stretch.end,
        match=dict(meter.match),
        others=[dict(match) for match in meter.others],
    )


def measure(wants: Sequence[measuring.Want], single: Iterable[object]) -> dict[Any, Measure]:
    """Return what was measured for each want, by its key; for the keys in `single` with each transaction."""
    found = measuring.measure(wants)
    apart = set(single)
    return {
        one.key: Measure(
            found[one.key].quantity,
            tuple(measuring.transactions(one)) if one.key in apart else None,
            found[one.key].events,
        )
        for one in wants
    }


def asks_for_transactions(clause: Clause) -> bool:
    """Return whether a usage price is reckoned per transaction."""
    return clause.price.model == "percentage"
