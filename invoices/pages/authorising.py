"""Give an authorisation on the page: choose what, how much, how and how long; read the whole text; agree (REQUIREMENTS C1).

Nothing is chosen beforehand. The text is made of what was chosen, and is kept as it was shown, with its hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing import formatting
from billing.models import Price, Subscription
from billing.money import Money
from invoices.pages.payers import who
from invoices.pages.paying import seller_of, typed
from invoices.pages.visit import Visit
from tenants import agreements
from tenants.agreements import Way
from tenants.errors import Conflict, Invalid
from tenants.models import Authorisation
from usage.periods import local_midnight

TEXT_VERSION = "authorisation-2026-12"
CONSENT = gettext_noop(
    "%(company)s allows %(seller)s to deduct by itself:\n"
    "%(items)s\n"
    "1. Way of payment: %(way)s.\n"
    "2. One deduction: %(single)s. One calendar month: %(month)s.\n"
    "3. Valid %(days)s.\n"
    "4. Only what comes from prices that the company accepted is deducted. Each deduction is announced at least five days "
    "before, with its lines, its highest amount and its day. More than that is never taken.\n"
    "5. It is withdrawn with one click, at any time, without a reason and without a fee, and at once. Bills are then paid by hand."
)
FIELDS = ("ceiling", "per_month", "way", "from", "until")


class TextChanged(Conflict):
    """What the member read is not what would be agreed to now."""

    code = "consent_changed"


@dataclass(frozen=True)
class Item:
    """Something that may be deducted, in words."""

    value: str
    name: str
    second: str


@dataclass(frozen=True)
class ChoicePage:
    """The page /controls/new/: what can be chosen, and nothing chosen."""

    items: tuple[Item, ...]
    ways: tuple[tuple[str, str], ...]
    today: date
    may_pay: bool
    who: str
    back: str


@dataclass(frozen=True)
class TextPage:
    """The page on which it is agreed to: the whole text, and the fields that it was made of."""

    text: str
    version: str
    seen: str
    scope: str
    ceiling: Money | None
    per_month: Money | None
    way: str
    valid_from: datetime | None
    valid_until: datetime | None
    fields: tuple[tuple[str, str], ...]
    back: str


def page(visit: Visit) -> ChoicePage:
    """Return what may be authorised here."""
    ways = tuple((value, str(label)) for value, label in Way.choices)
    return ChoicePage(items(visit), ways, visit.today, visit.member.may_pay, who(visit), visit.to("controls"))


def items(visit: Visit) -> tuple[Item, ...]:
    """Return the items of an authorisation: all bills, what is due anyhow, what use costs, a module, a subscription."""
    mine = Subscription.objects.live().filter(payer=visit.tenant).select_related("plan").order_by("created_at", "id")
    modules = Price.objects.filter(version__subscriptions__in=mine, kind=Price.Kind.MODULE).distinct()
    named = {price.code: price.name_in(visit.language) for price in modules.order_by("code")}
    every = _("every module of this name, in each renewal")
    return (
        Item(agreements.ALL, _("All bills"), _("renewals, use, and changes that could not be paid when confirmed")),
        Item(agreements.RENEWAL, _("Renewals"), _("base price, seats, modules and services of each period")),
        Item(agreements.OVERAGE, _("Use"), _("what is charged by use, and what an agreed minimum lacks")),
        *(Item(f"module:{code}", _("Module: %(name)s") % {"name": name}, every) for code, name in named.items()),
        *(Item(f"subscription:{row.pk}", _("One subscription: %(name)s") % _named(visit, row), "") for row in mine),
    )


def _named(visit: Visit, row: Subscription) -> dict[str, str]:
    return {"name": f"{row.plan.name_in(visit.language)} {row.label}".strip()}


def text(visit: Visit, said: QueryDict) -> TextPage:
    """Return the text that these choices make; raise Invalid, naming the field, for what cannot be chosen."""
    known = {item.value: item.name for item in items(visit)}
    chosen = said.getlist("item")
    if any(item not in known for item in chosen):
        raise Invalid(_("Choose from what can be deducted here."), field="item")
    scope = agreements.scope_of(chosen)
    single, month = _amount(visit, said, "ceiling"), _amount(visit, said, "per_month")
    if single and month and month.minor < single.minor:
        raise Invalid(_("The most of a month cannot be less than the most of one deduction."), field="per_month")
    way = said.get("way", "")
    if way not in Way.values:
        raise Invalid(_("Choose a way of payment: any, balance, Alipay, or WeChat Pay."), field="way")
    first, last = _day(said, "from"), _day(said, "until")
    if last and last < max(visit.today, first or visit.today):
        raise Invalid(_("The last day must not be before the first one, nor before today."), field="until")
    whole = _(CONSENT) % {
        "company": visit.tenant.name_in(visit.language),
        "seller": seller_of(visit).legal_name,
        "items": "\n".join(f"— {known[item]}" for item in scope.split(",")),
        "way": Way(way).label,
        "single": _most(single) or _("at most what its notice says"),
        "month": _most(month) or _("no limit of its own"),
        "days": _days(visit, first, last),
    }
    return TextPage(
        text=whole,
        version=TEXT_VERSION,
        seen=sha256(whole.encode()).hexdigest(),
        scope=scope,
        ceiling=single,
        per_month=month,
        way=way,
        valid_from=local_midnight(first, visit.tenant.timezone) if first and first > visit.today else None,
        valid_until=local_midnight(last + timedelta(days=1), visit.tenant.timezone) if last else None,
        fields=(*(("item", item) for item in scope.split(",")), *((name, said.get(name, "")) for name in FIELDS)),
        back=visit.to("authorise"),
    )


def agree(visit: Visit, said: QueryDict, *, address: str | None) -> Authorisation:
    """Keep the consent with exactly the text that was shown; raise TextChanged where that would be another one now."""
    told = text(visit, said)
    if said.get("seen") != told.seen:
        raise TextChanged(_("The text has changed since you read it. Nothing was agreed; please read it again."))
    return agreements.authorise(
        visit.tenant,
        seller=seller_of(visit),
        text=told.text,
        text_version=told.version,
        scope=told.scope,
        ceiling_minor=told.ceiling.minor if told.ceiling else None,
        per_month_minor=told.per_month.minor if told.per_month else None,
        way=told.way,
        valid_from=told.valid_from,
        valid_until=told.valid_until,
        address=address,
        at=visit.at,
        by=visit.user,
    )


def worded(scope: str, known: Mapping[str, str]) -> str:
    """Return the items of a scope in words; `known` names the modules and subscriptions of this company."""
    plain = {
        agreements.ALL: _("All bills"),
        agreements.RENEWAL: _("Renewals"),
        agreements.OVERAGE: _("Use"),
        agreements.RENEWS: _("Renewing (deducts nothing)"),
        agreements.TOP_UP: _("Topping up"),
    }
    return _(", ").join(plain.get(item) or known.get(item) or item for item in scope.split(","))


def _most(amount: Money | None) -> str:
    return _("at most %(amount)s") % {"amount": formatting.money(amount.minor, amount.currency)} if amount else ""


def _days(visit: Visit, first: date | None, last: date | None) -> str:
    begins = formatting.day(max(first or visit.today, visit.today), visit.language, "weekday")
    if last is None:
        return _("from %(first)s until it is withdrawn") % {"first": begins}
    return _("from %(first)s to %(last)s") % {
        "first": begins,
        "last": formatting.day(last, visit.language, "weekday"),
    }


def _amount(visit: Visit, said: QueryDict, name: str) -> Money | None:
    written = said.get(name, "").strip()
    return typed(visit, written) if written else None


def _day(said: QueryDict, name: str) -> date | None:
    written = said.get(name, "").strip()
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise Invalid(_("Write a day such as 2026-12-31."), field=name) from None
