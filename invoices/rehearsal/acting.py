"""What the verbs of a story do: each calls the product's own verb, at the step's instant, and raises its refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from billing import packs, subscriptions, wallets
from billing.models import Subscription
from billing.money import Money
from billing.orders import LAST_DAY, Order
from invoices import checkout, collection, payments
from invoices.models import Invoice, Payment
from invoices.rehearsal.staging import World, top_up
from invoices.rehearsal.story import Step
from invoices.rehearsal.telling import number_of
from tenants import agreements
from tenants.errors import DomainError, Invalid, NotFound
from tenants.models import Authorisation, Tenant
from usage.models import Meter
from usage.periods import local_day

Pays, Method = Subscription.Pays, Payment.Method
# The consent under which a subscription renews; it lets nobody deduct anything.
RENEWAL = "renewal"
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
    if renews and pays != Pays.MANUAL and step.get("authorise", {}) is not None:
        _authorise(world, tenant, step, **step.get("authorise", {}))
    order = Order(
        tenant=tenant,
        version=subscriptions.on_sale(world.seller.pk, step["plan"]),
        start_on=step.get("start") or local_day(step.at, tenant.timezone),
        quantities=step.get("quantities", {}),
        modules=step.get("modules", ()),
        negotiated=step.get("prices", {}),
        label=step.get("as") or "",
        pays=pays,
        consent=_authorise(world, tenant, step, scope=RENEWAL) if renews else None,
        end_on=step.get("end"),
        coupons=step.get("coupons", ()),
    )
    checkout.subscribe(order, at=step.at, by=None)


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
    whose = tenant if scope == RENEWAL else tenant.parent or tenant
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


def _scope(tenant: Tenant, step: Step) -> str:
    """Return the scope that a step names: `all`, or its subscription."""
    named = step.get("scope", "all")
    if named == "all":
        return "all"
    if named == "subscription":
        return f"subscription:{_subscription(tenant, step).pk}"
    raise Invalid(_("The scope is “all” or “subscription”."), field="scope")


def _authorise_step(world: World, tenant: Tenant, step: Step) -> None:
    said = {key: step.get(key) for key in ("ceiling", "per_month")}
    _authorise(world, tenant, step, scope=_scope(tenant, step), **said)


def _revoke(world: World, tenant: Tenant, step: Step) -> None:
    given = Authorisation.objects.in_force().filter(tenant=tenant, seller=world.seller, scope=_scope(tenant, step))
    if not given:
        raise NotFound(_("Nothing is authorised that could be withdrawn."), field="scope")
    for one in given.order_by("pk"):
        agreements.withdraw(one, at=step.at, by=None)


def _auto_renew(world: World, tenant: Tenant, step: Step) -> None:
    subscription = _subscription(tenant, step)
    if not step["on"]:
        subscriptions.stop_renewing(subscription, at=step.at, by=None)
        return
    consent = _authorise(world, tenant, step, scope=RENEWAL)
    subscriptions.renew_automatically(subscription, consent=consent, at=step.at, by=None)


def _pay(world: World, tenant: Tenant, step: Step) -> None:
    """Pay from the balance where it holds enough, else by a transfer, unless the step says how."""
    payer = Tenant.objects.get(pk=tenant.payer_id)
    invoice = _invoice(world, payer, step)
    amount = world.money(step["amount"]).minor if step.get("amount") is not None else None
    if invoice is None and amount is None:
        raise NotFound(_("There is no open bill to pay."), field="invoice")
    wanted = amount if amount is not None else invoice.due_minor if invoice else 0
    method = step.get("method") or _fitting(world, payer, wanted)
    if method == Method.WALLET and invoice is not None:
        collection.pay_now(invoice, at=step.at, by=None, amount=amount)
    elif method == Method.TRANSFER:
        _transfer(world, payer, step, invoice, amount)
    else:
        raise NotSupported(_("“%(verb)s” is not supported yet.") % {"verb": method}, field="method")


def _fitting(world: World, payer: Tenant, wanted: int) -> str:
    held = wallets.balance(payer, world.seller, world.story.currency).total
    return Method.WALLET if 0 < wanted <= held else Method.TRANSFER


def _transfer(world: World, payer: Tenant, step: Step, invoice: Invoice | None, amount: int | None) -> None:
    """Let a transfer come in: for the bill that is named, else for the oldest ones; what is over stays unused."""
    owed = invoice.due_minor if invoice else 0
    paid = owed if amount is None else amount
    named = invoice is not None and (step.get("invoice") is not None or amount is None)
    payments.receive_transfer(
        payer,
        seller=world.seller,
        amount=Money(paid, world.story.currency),
        reference=f"{world.token}-{step.number}",
        received_at=step.at,
        at=step.at,
        by=None,
        allocate={invoice.pk: min(owed, paid)} if named and invoice else None,
    )


def _invoice(world: World, payer: Tenant, step: Step) -> Invoice | None:
    """Return the bill that a step names by its number or its place, else the oldest open one, if there is one."""
    named = step.get("invoice")
    bills = list(Invoice.objects.issued().filter(tenant=payer).order_by("sequence"))
    if named is None:
        return min((b for b in bills if b.status == Invoice.Status.OPEN), key=lambda b: (b.due_on, b.pk), default=None)
    found = [b for place, b in enumerate(bills, 1) if named in (place, number_of(world, b.number))]
    if not found:
        raise NotFound(_("There is no bill “%(number)s”.") % {"number": named}, field="invoice")
    return found[0]


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
    "pay": _pay,
}
