"""What the verbs of a story do: each calls the product's own verb, at the step's instant, and raises its refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from billing import packs, subscriptions
from billing.models import Subscription
from billing.orders import LAST_DAY, Order
from invoices import checkout
from invoices.rehearsal import capping_stories, contesting, regretting, settling
from invoices.rehearsal.staging import World, top_up
from invoices.rehearsal.story import Step
from tenants import agreements
from tenants.errors import DomainError, Invalid, NotFound
from tenants.models import Authorisation, Tenant
from tenants.models.agreements import RENEWS
from usage.models import Meter
from usage.periods import local_day

Pays = Subscription.Pays
# A pack of which no end is written.
NEVER = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, tzinfo=UTC)


class NotSupported(DomainError):
    """A verb of stories that this release does not have yet."""

    code = "not_supported"
    status = 501


def act(world: World, step: Step) -> None:
    """Do one step; raise the refusal of the verb that it calls."""
    tenant = _tenant(world, step)
    if step.do not in VERBS:
        raise NotSupported(_("“%(verb)s” is not supported yet.") % {"verb": step.do}, field="do")
    VERBS[step.do](world, tenant, step)


def tenant_of(world: World, step: Step) -> Tenant:
    """Return the customer of a step; raise NotFound where the story has none of that code."""
    return _tenant(world, step)


def _tenant(world: World, step: Step) -> Tenant:
    if step.tenant not in world.tenants:
        raise NotFound(_("The story has no tenant “%(code)s”.") % {"code": step.tenant}, field="tenant")
    return world.tenants[step.tenant]


def _subscription(tenant: Tenant, step: Step) -> Subscription:
    """Return the customer's subscription, of several the one that the step names."""
    mine = Subscription.objects.filter(tenant=tenant).select_related("version", "seller", "plan").order_by("pk")
    label = step.get("subscription")
    found = list(mine.filter(label=label) if label else mine)
    live = [one for one in found if one.status != Subscription.Status.ENDED] or found[-1:]
    if not live:
        raise NotFound(_("There is no such subscription."), field="subscription")
    if len(live) > 1:
        raise Invalid(_("There are several subscriptions; name one."), field="subscription")
    return live[0]


def _subscribe(world: World, tenant: Tenant, step: Step) -> None:
    renews, pays = step.get("auto_renew", True), world.companies[step.tenant].pays
    agreed = step.get("authorise", {}) if renews and pays != Pays.MANUAL else None
    order = Order(
        tenant=tenant,
        version=subscriptions.on_sale(world.seller.pk, step["plan"]),
        start_on=step.get("start") or local_day(step.at, tenant.timezone),
        quantities=step.get("quantities", {}),
        modules=step.get("modules", ()),
        negotiated=step.get("prices", {}),
        label=step.get("as") or "",
        pays=pays,
        consent=_authorise(world, tenant, step, scope=RENEWS) if renews else None,
        end_on=step.get("end"),
        coupons=step.get("coupons", ()),
    )
    bought = checkout.subscribe(order, at=step.at, by=None).subscription
    if agreed is not None:
        scope = _scope(agreed.get("scope", agreements.ALL), lambda: bought)
        _authorise(world, tenant, step, **{**agreed, "scope": scope})


def _change_plan(world: World, tenant: Tenant, step: Step) -> None:
    version = subscriptions.on_sale(world.seller.pk, step["plan"])
    checkout.change_plan(_subscription(tenant, step), version, when=step.get("when"), at=step.at, by=None)


def _set_quantity(world: World, tenant: Tenant, step: Step) -> None:
    checkout.set_quantity(_subscription(tenant, step), step["price"], step["quantity"], at=step.at, by=None)


def _add_module(world: World, tenant: Tenant, step: Step) -> None:
    checkout.add_module(_subscription(tenant, step), step["price"], at=step.at, by=None)


def _remove_module(world: World, tenant: Tenant, step: Step) -> None:
    checkout.remove_module(_subscription(tenant, step), step["price"], at=step.at, by=None)


def _cancel(world: World, tenant: Tenant, step: Step) -> None:
    checkout.cancel(_subscription(tenant, step), when=step.get("when", "period_end"), at=step.at, by=None)


def _keep(world: World, tenant: Tenant, step: Step) -> None:
    checkout.keep(_subscription(tenant, step), at=step.at, by=None)


def _pause(world: World, tenant: Tenant, step: Step) -> None:
    checkout.pause(_subscription(tenant, step), at=step.at, by=None)


def _resume(world: World, tenant: Tenant, step: Step) -> None:
    checkout.resume(_subscription(tenant, step), at=step.at, by=None)


def _redeem(world: World, tenant: Tenant, step: Step) -> None:
    checkout.redeem(_subscription(tenant, step), step["coupon"], at=step.at, by=None)


def _top_up(world: World, tenant: Tenant, step: Step) -> None:
    top_up(world, tenant, step["amount"], key=f"step-{step.number}", gift=step.get("gift", False), at=step.at)


def _grant(world: World, tenant: Tenant, step: Step) -> None:
    meter = Meter.objects.filter(seller=world.seller, code=step["meter"]).first()
    if meter is None:
        raise NotFound(_("There is no meter “%(code)s”.") % {"code": step["meter"]}, field="meter")
    expires = step.get("expires") or NEVER
    packs.grant(tenant, meter, step["quantity"], expires, reason="rehearsal", at=step.at, by=None)


def _authorise(
    world: World, tenant: Tenant, step: Step, *, scope: str = "all", ceiling: Any = None, per_month: Any = None
) -> Authorisation:
    # Renewal is agreed to by who buys, a deduction by whose money it is.
    whose = tenant if scope == RENEWS else tenant.parent or tenant
    return agreements.authorise(
        whose,
        seller=world.seller,
        text=f"演练：{scope}",
        text_version="rehearsal",
        at=step.at,
        by=None,
        scope=scope,
        ceiling_minor=world.money(ceiling).minor if ceiling is not None else None,
        per_month_minor=world.money(per_month).minor if per_month is not None else None,
    )


def _scope(named: str, own: Callable[[], Subscription]) -> str:
    """Return the scope of items that a step names; `subscription` among them is its own."""
    items = named.split(",")
    return agreements.scope_of(f"subscription:{own().pk}" if item == "subscription" else item for item in items)


def _step_scope(tenant: Tenant, step: Step) -> str:
    return _scope(step.get("scope", agreements.ALL), lambda: _subscription(tenant, step))


def _authorise_step(world: World, tenant: Tenant, step: Step) -> None:
    said = {key: step.get(key) for key in ("ceiling", "per_month")}
    _authorise(world, tenant, step, scope=_step_scope(tenant, step), **said)


def _revoke(world: World, tenant: Tenant, step: Step) -> None:
    given = Authorisation.objects.in_force().filter(tenant=tenant, seller=world.seller, scope=_step_scope(tenant, step))
    if not given:
        raise NotFound(_("Nothing is authorised that could be withdrawn."), field="scope")
    for one in given.order_by("pk"):
        agreements.withdraw(one, at=step.at, by=None)


def _auto_renew(world: World, tenant: Tenant, step: Step) -> None:
    subscription = _subscription(tenant, step)
    if not step["on"]:
        subscriptions.stop_renewing(subscription, at=step.at, by=None)
        return
    consent = _authorise(world, tenant, step, scope=RENEWS)
    subscriptions.renew_automatically(subscription, consent=consent, at=step.at, by=None)


VERBS: Mapping[str, Callable[[World, Tenant, Step], None]] = {
    "subscribe": _subscribe,
    "change_plan": _change_plan,
    "set_quantity": _set_quantity,
    "add_module": _add_module,
    "remove_module": _remove_module,
    "cancel": _cancel,
    "keep": _keep,
    "pause": _pause,
    "resume": _resume,
    "redeem": _redeem,
    "top_up": _top_up,
    "grant": _grant,
    "authorise": _authorise_step,
    "revoke": _revoke,
    "auto_renew": _auto_renew,
    "provider": settling.behave,
    "pay": settling.pay,
    "refund": settling.refund,
    "undo": regretting.undo,
    "dispute": contesting.dispute,
    "settle_dispute": contesting.settle,
    "set_budget": capping_stories.set_budget,
}
