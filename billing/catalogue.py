"""The catalogue: draft, publish, retire. A published version is never edited; its subscribers stay on it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.forms.models import model_to_dict
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing.models import Plan, PlanVersion, Price, PriceList, PriceListEntry
from billing.models.catalogue import Interval, Status
from billing.money import UnknownCurrency, minor_digits
from billing.rating import PriceError, parse_price
from tenants import audit
from tenants.errors import DomainError, Invalid, WrongState
from tenants.models import User

LENGTH = {interval: place for place, interval in enumerate(Interval.values)}
# What a new draft takes over from the version before it.
TERMS = [
    "currency",
    "interval",
    "term",
    "alignment",
    "billing_day",
    "trial_days",
    "after_trial",
    "proration",
    "refund",
    "credit_removals",
    "undo_hours",
    "minimum_minor",
    "terms",
]


class BadPrice(DomainError):
    """A price breaks a rule of its shape; `field` is the exact path."""

    code = "bad_price"
    status = 422


@transaction.atomic
def draft(plan: Plan, *, at: datetime, by: User | None) -> PlanVersion:
    """Return the plan's draft; make one, as a copy of the newest version, where there is none."""
    Plan.objects.select_for_update(no_key=True).get(pk=plan.pk)
    if found := plan.versions.filter(status=Status.DRAFT).first():
        return found
    newest = plan.versions.order_by("-number").first()
    number = newest.number + 1 if newest else 1
    taken = {name: getattr(newest, name) for name in TERMS} if newest else {"currency": plan.seller.currency}
    fresh = PlanVersion.objects.create(plan=plan, number=number, **taken)
    for price in newest.prices.all() if newest else ():
        price.pk, price.version = None, fresh
        price.save(force_insert=True)
    audit.record("plan.drafted", tenant=None, target=f"plan_version:{fresh.pk}", at=at, by=by, plan=plan.code)
    return fresh


@transaction.atomic
def publish(version: PlanVersion, *, at: datetime, by: User | None) -> PlanVersion:
    """Seal a draft for good and put it on sale; the version before it is no longer sold.

    Raises BadPrice or Invalid, naming the field, when it cannot be billed as it stands, and WrongState when it is no
    draft.
    """
    version = PlanVersion.objects.select_for_update(no_key=True).select_related("plan").get(pk=version.pk)
    if version.status != Status.DRAFT:
        raise WrongState(_("Version %(number)s was published before; make a new draft.") % {"number": version.number})
    check(version)
    version.plan.versions.filter(status=Status.PUBLISHED).update(status=Status.RETIRED)
    version.status, version.published_at, version.published_by = Status.PUBLISHED, at, by
    version.sha256 = fingerprint(version)
    version.save(update_fields=["status", "published_at", "published_by", "sha256"])
    target = f"plan_version:{version.pk}"
    audit.record("plan.published", tenant=None, target=target, at=at, by=by, sha256=version.sha256)
    return version


@transaction.atomic
def publish_list(price_list: PriceList, *, at: datetime, by: User | None) -> PriceList:
    """Seal a group's price list; the one that was in force for the group is retired."""
    price_list = PriceList.objects.select_for_update(no_key=True).get(pk=price_list.pk)
    if price_list.status != Status.DRAFT:
        raise WrongState(_("This price list was published before; make a new one."))
    entries = list(price_list.entries.select_related("plan").order_by("pk"))
    for number, entry in enumerate(entries):
        _check_entry(entry, f"entries[{number}]")
    in_force = PriceList.objects.filter(seller=price_list.seller_id, group=price_list.group_id, status=Status.PUBLISHED)
    in_force.update(status=Status.RETIRED)
    content = [[e.plan.code, e.price_code, e.model, e.params] for e in entries]
    price_list.status, price_list.published_at = Status.PUBLISHED, at
    price_list.sha256 = _hash(content)
    price_list.save(update_fields=["status", "published_at", "sha256"])
    audit.record("price_list.published", tenant=None, target=f"price_list:{price_list.pk}", at=at, by=by)
    return price_list


def check(version: PlanVersion) -> None:
    """Raise the first reason why a draft cannot be billed, naming the field."""
    try:
        minor_digits(version.currency)
    except UnknownCurrency:
        raise Invalid(
            _("“%(code)s” is no currency we can bill in.") % {"code": version.currency}, field="currency"
        ) from None
    if LENGTH[version.term] < LENGTH[version.interval]:
        raise Invalid(_("The term is shorter than the billing period; make it at least as long."), field="term")
    prices = list(version.prices.select_related("meter").order_by("position", "pk"))
    if not prices:
        raise Invalid(_("A plan needs at least one price."), field="prices")
    for number, price in enumerate(prices):
        _check_price(price, version, f"prices[{number}]")
    _check_matches(prices)
    _check_trial(version)


def check_params(model: str, params: Mapping[str, Any], path: str) -> None:
    """Raise BadPrice, naming the exact path, when a price cannot be read."""
    try:
        parse_price({**params, "model": model}, path)
    except PriceError as wrong:
        raise BadPrice(wrong.text(get_language() or "en"), field=wrong.path) from None


def fingerprint(version: PlanVersion) -> str:
    """Return the SHA-256 over the terms and every price: what an acceptance points at."""
    return sha256(canonical(version).encode()).hexdigest()


def canonical(version: PlanVersion) -> str:
    """Return the text that `fingerprint` is the hash of: the terms and every price as JSON, so that anybody can hash it again."""
    terms = {name: getattr(version, name) for name in TERMS}
    keep = [f.name for f in Price._meta.fields if f.name not in ("id", "version")]
    prices = [model_to_dict(price, keep) for price in version.prices.order_by("position", "pk")]
    return _text({"plan": version.plan.code, "number": version.number, "terms": terms, "prices": prices})


def _check_price(price: Price, version: PlanVersion, path: str) -> None:
    check_params(price.model, price.params, path)
    if LENGTH[price.interval or version.interval] > LENGTH[version.interval]:
        raise Invalid(
            _("“%(price)s” is billed less often than the plan; give it the plan's interval or a shorter one.")
            % {"price": price.name},
            field=f"{path}.interval",
        )
    if price.above and not version.prices.filter(code=price.above).exclude(kind=Price.Kind.USAGE).exists():
        raise Invalid(
            _("The plan has no price “%(code)s” with a quantity.") % {"code": price.above}, field=f"{path}.above"
        )
    if price.meter and price.meter.seller_id != version.plan.seller_id:
        raise Invalid(_("This meter belongs to another seller."), field=f"{path}.meter")


def _check_matches(prices: Iterable[Price]) -> None:
    """Refuse two prices of one meter of which one charges some of the other's events: it is hard to see which.

    Two that charge the very same events are two prices of one thing, and each has its line.
    """
    seen: dict[int, list[tuple[int, Price]]] = {}
    for number, price in enumerate(prices):
        if price.meter_id is None:
            continue
        for _n, other in seen.setdefault(price.meter_id, []):
            both = set(price.match) & set(other.match)
            if price.match == other.match:
                continue
            if not any(price.match[key] != other.match[key] for key in both) and bool(price.match) == bool(other.match):
                raise Invalid(
                    _("“%(one)s” and “%(two)s” would both charge the same events; tell them apart by a property.")
                    % {"one": other.name, "two": price.name},
                    field=f"prices[{number}].match",
                )
        seen[price.meter_id].append((number, price))


def _check_trial(version: PlanVersion) -> None:
    if not version.trial_days or version.after_trial in ("ends", "pays"):
        return
    if not Plan.objects.filter(seller=version.plan.seller_id, code=version.after_trial).exists():
        raise Invalid(
            _("There is no plan “%(code)s” to go on with after the trial.") % {"code": version.after_trial},
            field="after_trial",
        )


def _check_entry(entry: PriceListEntry, path: str) -> None:
    check_params(entry.model, entry.params, path)
    sold = Price.objects.filter(version__plan=entry.plan_id, version__status=Status.PUBLISHED, code=entry.price_code)
    if not sold.exists():
        raise Invalid(
            _("The plan on sale has no price “%(code)s”.") % {"code": entry.price_code}, field=f"{path}.price_code"
        )


def _hash(content: object) -> str:
    return sha256(_text(content).encode()).hexdigest()


def _text(content: object) -> str:
    return json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)
