"""The subscription page: what runs, what it costs, until when, and the switch of automatic renewal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from billing import formatting
from billing.models import BillingPeriod, Subscription, SubscriptionItem
from invoices import states, taking_back
from invoices.pages import changes, controls, plans, titles, trail, wording
from invoices.pages.visit import Visit


@dataclass(frozen=True)
class Renewal:
    """The switch: off is one click, on goes to the consent page."""

    on: bool
    off_address: str
    on_address: str
    may_pay: bool
    sentence: str


@dataclass(frozen=True)
class SubscriptionCard:
    """One subscription with its items and dates."""

    pk: int
    name: str
    label: str
    rhythm: str
    title: str
    state: states.State
    period: tuple[date, date] | None
    term: tuple[date, date]
    trial_ends: date | None
    ends: date | None
    paid_by: str
    pays: str
    bought: str
    renewal: Renewal
    version: int
    costs: tuple[controls.Cost, ...]
    waiting: tuple[changes.Waiting, ...]
    new_prices: changes.NewPrices | None
    plans: str
    options: str
    # Until when the last purchase can be taken back, and where.
    undo_until: datetime | None
    undo: str


@dataclass(frozen=True)
class SubscriptionPage:
    """The page /subscription/."""

    cards: tuple[SubscriptionCard, ...]
    ended: tuple[SubscriptionCard, ...]


@dataclass(frozen=True)
class HistoryPage:
    """The page /subscription/history/."""

    changes: tuple[changes.Row, ...]
    entries: tuple[trail.Entry, ...]
    items: tuple[ItemRow, ...]


@dataclass(frozen=True)
class ItemRow:
    """A quantity of one price over a stretch of time."""

    name: str
    quantity: str
    first: date
    last: date | None


def page(visit: Visit) -> SubscriptionPage:
    """Return the running subscriptions first, then the ended ones."""
    cards = [card(visit, row) for row in controls.subscriptions(visit, live=False)]
    return SubscriptionPage(
        cards=tuple(c for c in cards if c.state.code != "ended"),
        ended=tuple(c for c in cards if c.state.code == "ended"),
    )


def card(visit: Visit, row: Subscription) -> SubscriptionCard:
    costs = controls.accepted(visit, row).costs
    return SubscriptionCard(
        pk=row.pk,
        name=row.plan.name_in(visit.language),
        label=row.label,
        rhythm=controls.EVERY[row.version.interval](),
        title=titled(row.plan.name_in(visit.language), controls.EVERY[row.version.interval]()),
        state=states.SUBSCRIPTION[row.status],
        period=current_period(visit, row),
        term=(row.term_start_on, titles.last_day(row.term_end_on)),
        trial_ends=row.trial_end_on if row.status == Subscription.Status.TRIALING else None,
        ends=titles.last_day(row.end_on) if row.end_on else None,
        paid_by="" if row.payer_id == row.tenant_id else payer_name(visit),
        pays=str(Subscription.Pays(row.pays).label),
        bought=_(", ").join(what(visit, item) for item in items_now(visit, row)) or _("nothing beside the plan"),
        renewal=renewal(visit, row),
        version=row.version.number,
        costs=costs,
        waiting=changes.waiting(visit, row.pk),
        new_prices=changes.new_prices(visit, row),
        plans=visit.to("plans", row.pk),
        options=visit.to("options", row.pk),
        undo_until=taking_back.until(row, visit.at),
        undo=plans.change_address(visit, row, do="undo"),
    )


def titled(name: str, rhythm: str) -> str:
    """Return plan and rhythm, the rhythm once."""
    return name if rhythm.lower() in name.lower() else _("%(name)s, %(rhythm)s") % {"name": name, "rhythm": rhythm}


def payer_name(visit: Visit) -> str:
    """Return the paying company's name."""
    parent = visit.tenant.parent
    return parent.name_in(visit.language) if parent else _("your parent company")


def current_period(visit: Visit, row: Subscription) -> tuple[date, date] | None:
    """Return first and last day of the billing period that `at` lies in."""
    found = BillingPeriod.objects.filter(
        subscription=row, interval=row.version.interval, start__lte=visit.at, end__gt=visit.at
    )
    period = found.first()
    return (period.start_on, titles.last_day(period.end_on)) if period else None


def items_now(visit: Visit, row: Subscription) -> list[SubscriptionItem]:
    found = row.items.filter(during__contains=visit.at, quantity__gt=0).select_related("price")
    return list(found.exclude(price__kind="base").order_by("price__position", "id"))


def what(visit: Visit, item: SubscriptionItem) -> str:
    """Return how many seats, and the bare name of a module."""
    name = item.price.name_in(visit.language)
    if item.price.kind != "seat":
        return name
    return titles.counted(name, item.quantity, item.price.unit_in(visit.language), visit.language)


def renewal(visit: Visit, row: Subscription) -> Renewal:
    """Return the switch with what it means for the next term."""
    last = titles.last_day(row.end_on or row.term_end_on)
    said = {"day": formatting.day(last, visit.language, "sentence")}
    if row.end_on:
        sentence = _("Ends after %(day)s; nothing is charged for the time after.") % said
    elif row.auto_renew:
        sentence = _("One click stops it, at once.")
    else:
        sentence = _("In use until %(day)s; nothing renews by itself.") % said
    return Renewal(
        on=row.auto_renew,
        off_address=visit.to("renewal_off", row.pk),
        on_address=visit.to("renewal", row.pk),
        may_pay=visit.member.may_pay and row.status != Subscription.Status.ENDED and not row.end_on,
        sentence=sentence,
    )


def history(visit: Visit) -> HistoryPage:
    """Return every change of quantity and every act on the subscriptions, newest first."""
    found = SubscriptionItem.objects.filter(tenant=visit.tenant, during__isempty=False).select_related("price")
    rows = sorted(found, key=lambda item: item.during.lower, reverse=True)
    return HistoryPage(
        changes.rows(visit), trail.entries(visit, target="subscription:"), tuple(item_row(visit, item) for item in rows)
    )


def item_row(visit: Visit, item: SubscriptionItem) -> ItemRow:
    upper = item.during.upper
    return ItemRow(
        name=item.price.name_in(visit.language),
        quantity=wording.count(item.quantity, controls.unit_of(item.price, visit.language), visit.language),
        first=item.during.lower.astimezone(visit.zone).date(),
        last=titles.last_day(upper.astimezone(visit.zone).date()) if upper else None,
    )
