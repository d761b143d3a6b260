"""How a contract stands: all that a change may move, as plain values, so that it can be put back exactly.

Two readings are equal when nothing has happened to the contract between them. What a customer may set beside it (renewal, the
way of payment, names) is left out: it is not moved by a change, and not put back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Max

from billing import switching
from billing.models import BillingPeriod, Change, Charge, FormerTerms, Subscription, SubscriptionItem

DATES = ("anchor_on", "first_on", "term_start_on", "term_end_on", "changes_on", "end_on", "pause_on")
INSTANTS = ("terms_since", "next_at", "cancelled_at")
PLAIN = ("plan_id", "version_id", "price_list_id", "acceptance_id", "alignment", "billing_day", "terms_done")
FIELDS = (*PLAIN, *DATES, *INSTANTS)


def read(subscription_id: int) -> dict[str, Any]:
    """Return how a locked contract stands, ready for JSON; `beyond` are the newest ids of what came to be until now."""
    mine = {"subscription": subscription_id}
    row = Subscription.objects.values(*FIELDS, "during").get(pk=subscription_id)
    items = SubscriptionItem.objects.filter(**mine, during__isempty=False).values_list("pk", "during")
    open_periods = BillingPeriod.objects.filter(**mine, closed_at=None).values_list("pk", "end")
    waiting = Change.objects.filter(**mine, status=Change.Status.SCHEDULED).order_by("pk")
    return {
        "row": {name: _text(row[name]) for name in FIELDS},
        "lasts": _text(row["during"].upper),
        "items": {str(pk): [_text(during.lower), _text(during.upper)] for pk, during in items},
        "periods": {str(pk): _text(end) for pk, end in open_periods},
        "waiting": list(waiting.values_list("pk", flat=True)),
        "beyond": {
            "period": _newest(BillingPeriod, mine),
            "charge": _newest(Charge, mine),
            "change": _newest(Change, mine),
        },
    }


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether nothing has happened to a contract between two readings."""
    return all(one[key] == other[key] for key in ("row", "lasts", "items", "periods", "waiting"))


def put_back(s: Subscription, before: Mapping[str, Any], undone: Change, *, at: datetime) -> None:
    """Let a locked contract stand as it did; what came to be since is empty, and counts no more."""
    _periods(s, before, at)
    _items(s, before)
    row = before["row"]
    for name in FIELDS:
        setattr(s, name, _value(name, row[name]))
    s.save(update_fields=[name.removesuffix("_id") for name in FIELDS])
    switching.last_until(s, _instant(before["lasts"]))
    _changes(s, before, at)
    FormerTerms.objects.filter(change=undone).update(undone_at=at)


def _periods(s: Subscription, before: Mapping[str, Any], at: datetime) -> None:
    empty_periods(s, BillingPeriod.objects.filter(pk__gt=before["beyond"]["period"]), at=at)
    ends = before["periods"]
    for period in BillingPeriod.objects.filter(subscription=s, pk__in=list(ends)):
        end = _instant(ends[str(period.pk)])
        assert end is not None
        if period.closed_at:
            period.closed_at, period.reopened_at = None, at
        period.end = end
        period.save(update_fields=["end", "closed_at", "reopened_at"])


def empty_periods(s: Subscription, periods: Any, *, at: datetime) -> None:
    """Let periods of a contract never have been: they are empty, and closed."""
    for period in periods.filter(subscription=s, undone_at=None):
        period.end, period.undone_at = period.start, at
        period.closed_at = period.closed_at or at
        period.save(update_fields=["end", "closed_at", "undone_at"])


def _items(s: Subscription, before: Mapping[str, Any]) -> None:
    stood = before["items"]
    rows = list(SubscriptionItem.objects.filter(subscription=s))
    # What came since goes first, so that nothing overlaps.
    for item in sorted(rows, key=lambda item: str(item.pk) in stood):
        times = stood.get(str(item.pk))
        item.during = DateTimeTZRange(*map(_instant, times)) if times else DateTimeTZRange(empty=True)
        item.save(update_fields=["during"])


def _changes(s: Subscription, before: Mapping[str, Any], at: datetime) -> None:
    now = Change.objects.filter(subscription=s, status=Change.Status.SCHEDULED)
    for change in now.exclude(pk__in=before["waiting"]):
        switching.settle(change, Change.Status.WITHDRAWN, at)
    again = Change.objects.filter(pk__in=before["waiting"]).exclude(status=Change.Status.SCHEDULED)
    again.update(status=Change.Status.SCHEDULED, settled_at=None)


def _newest(model: Any, mine: Mapping[str, int]) -> int:
    return model.objects.filter(**mine).aggregate(newest=Max("pk", default=0))["newest"] or 0


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _value(name: str, text: Any) -> Any:
    if text is None or name in PLAIN:
        return text
    return datetime.fromisoformat(text) if name in INSTANTS else date.fromisoformat(text)
