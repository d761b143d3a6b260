"""Tell what becomes of a contract by itself: a term that renews, a trial that ends; what it costs then, and how to stop it.

The law wants a renewal announced five days before (Measures for Online Trading, article 18). What is deducted has its own
notice (`announcing`); these say it early for long terms, and to those who pay by hand, who get no other word of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from billing import contracts, previewing
from billing.models import Plan, Subscription
from invoices.announcing import lead
from invoices.pages.controls import EVERY
from invoices.tax import line_tax
from tenants import notices
from tenants.bulk import among
from tenants.models import Notice
from tenants.notices import NewNotice
from usage.periods import local_day, local_midnight

Pays, Status = Subscription.Pays, Subscription.Status
DAY = timedelta(days=1)
# A term that is longer than a month is announced so long before it renews; a trial so long before it ends.
LONG, MONTH, TRIAL = 30 * DAY, 31, 3 * DAY
CHUNK = 200
TERMS = {
    "day": lambda: _("one day"),
    "week": lambda: _("one week"),
    "month": lambda: _("one month"),
    "quarter": lambda: _("one quarter"),
    "half_year": lambda: _("one half-year"),
    "year": lambda: _("one year"),
}


def tell(*, at: datetime) -> int:
    """Owe the letters about terms that renew soon and trials that end soon, each once; return how many."""
    due = {key: row for row in _soon(at) if (key := key_of(row, at))}
    said = set(Notice.objects.filter(key__in=due).values_list("key", flat=True))
    fresh = [(key, row) for key, row in due.items() if key not in said]
    for first in range(0, len(fresh), CHUNK):
        _announce(fresh[first : first + CHUNK], at)
    return len(fresh)


def key_of(row: Subscription, at: datetime) -> str:
    """Return the key of the letter that a subscription is due by now; '' for none."""
    if row.status == Status.TRIALING:
        return _of_trial(row, at)
    left = local_midnight(row.term_end_on, row.zone) - at
    days = (row.term_end_on - row.term_start_on).days
    renews = row.auto_renew and row.cancelled_at is None and (row.end_on is None or row.end_on > row.term_end_on)
    if not renews or row.pause_on is not None or left <= timedelta(0):
        return ""
    early = LONG if days > MONTH else lead() if row.pays == Pays.MANUAL and days * DAY > lead() else timedelta(0)
    return f"renewal-coming:{row.pk}:{row.term_end_on}" if left <= early else ""


def _of_trial(row: Subscription, at: datetime) -> str:
    if row.trial_end_on is None:
        return ""
    left = local_midnight(row.trial_end_on, row.zone) - at
    early = min(TRIAL, (row.trial_end_on - row.start_on) / 2)
    return f"trial-ending:{row.pk}:{row.trial_end_on}" if timedelta(0) < left <= early else ""


def _soon(at: datetime) -> QuerySet[Subscription]:
    """Return the subscriptions whose term or trial ends within the longest of these times; a day more for time zones."""
    until = local_day(at + LONG, "UTC") + 2 * DAY
    live = Subscription.objects.filter(status__in=[Status.TRIALING, Status.ACTIVE, Status.PAST_DUE])
    mine = live.filter(term_end_on__lte=until) | live.filter(status=Status.TRIALING, trial_end_on__lte=until)
    return mine.select_related("tenant", "payer", "seller", "plan", "version").order_by("pk")


@transaction.atomic
def _announce(due: Iterable[tuple[str, Subscription]], at: datetime) -> None:
    rows = [row for _name, row in due]
    agreed = contracts.load(contracts.with_terms(Subscription.objects.filter(among("pk", [row.pk for row in rows]))))
    costs = _costs(rows, at)
    notices.announce_many(
        [_letter(key, row, agreed[row.pk].trial_pays, costs.get(row.pk, 0)) for key, row in due], at=at
    )


def _costs(rows: list[Subscription], at: datetime) -> dict[int, int]:
    """Return what each period of them costs from then on, without usage and with tax, in minor units."""
    found = previewing.preview(rows, at=at)
    by_id = {row.pk: row for row in rows}
    return {
        pk: sum(
            line_tax(
                worth.amount_minor, worth.clause.tax_rate, by_id[pk].seller.tax_inclusive, by_id[pk].currency
            ).gross
            for worth in one.fixed
            if worth.clause.advance
        )
        for pk, one in found.items()
    }


def _letter(key: str, row: Subscription, goes_on: bool, cost: int) -> NewNotice:
    trial, payer = row.status == Status.TRIALING, row.payer
    ends = row.trial_end_on if trial and row.trial_end_on else row.term_end_on
    with translation.override(payer.language):
        every, term = EVERY[row.version.interval](), TERMS[row.version.term]()
    payload = {
        "tenant": row.tenant.name_in(payer.language),
        "path": f"/c/{row.tenant.code}/subscription/",
        "plan": row.plan.name_in(payer.language),
        "last_day": str(ends - DAY),
        "next_day": str(ends),
        "currency": row.currency,
        "amount_minor": cost,
        "every": every,
        "pays": row.pays,
    }
    if trial:
        payload |= _afterwards(row, goes_on, payer.language)
    else:
        payload["term"] = term
    kind = "trial_ending" if trial else "renewal_coming"
    return NewNotice(tenant=payer, seller=row.seller, kind=kind, key=key, payload=payload)


def _afterwards(row: Subscription, goes_on: bool, language: str) -> dict[str, str]:
    """Return what comes after a trial: what was tried, for money; a free plan; or nothing."""
    after = row.version.after_trial
    free = None if after in ("ends", "pays") else Plan.objects.filter(seller=row.seller_id, code=after).first()
    ahead = "pays" if goes_on else "free" if free else "ends"
    return {"afterwards": ahead, "next_plan": free.name_in(language) if free else ""}
