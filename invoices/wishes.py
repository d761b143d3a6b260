"""Wishes: what somebody wants changed of a contract, as a page, a program or an operator says it; and how it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from django.db import transaction
from django.utils.translation import gettext as _

from billing import weighing
from billing.models import Subscription
from billing.subscriptions import on_sale
from billing.weighing import Weight
from invoices import checkout, taking_back
from invoices.checkout import Confirmed
from tenants.errors import Invalid
from tenants.models import User

# What each wish must say, and what it may say.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "change_plan": ("plan",),
    "set_quantity": ("price", "quantity"),
    "add_module": ("price",),
    "remove_module": ("price",),
    "cancel": (),
    "keep": (),
    "pause": (),
    "resume": (),
    "redeem": ("coupon",),
    "undo": (),
}
WITH_WHEN = ("change_plan", "cancel")
NAMES = ("plan", "when", "price", "quantity", "coupon")
LONGEST = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish. `when` is `now`, `period_end` or empty: as the rules say; `quantity` is decimal text."""

    do: str
    plan: str = ""
    when: str = ""
    price: str = ""
    quantity: str = ""
    coupon: str = ""

    def said(self) -> dict[str, str]:
        """Return what it says, without what it leaves open."""
        return {name: value for name, value in asdict(self).items() if value}


def read(said: Mapping[str, str]) -> Wish:
    """Return the wish that is said; raise Invalid, naming the field, for one that lacks something or says too much."""
    do = said.get("do", "")
    if do not in NEEDED:
        raise Invalid(_("Say what is to be done: %(known)s.") % {"known": ", ".join(NEEDED)}, field="do")
    given = {name: said[name].strip() for name in NAMES if said.get(name, "").strip()}
    for name in NEEDED[do]:
        if name not in given:
            raise Invalid(_("This is needed."), field=name)
    for name, value in given.items():
        if name not in (*NEEDED[do], *(("when",) if do in WITH_WHEN else ())):
            raise Invalid(_("This has no meaning here."), field=name)
        if len(value) > LONGEST or not value.isprintable():
            raise Invalid(_("This is too long, or has signs that cannot be printed."), field=name)
    if "quantity" in given:
        _number(given["quantity"])
    return Wish(do=do, **given)


@transaction.atomic
def carry_out(wish: Wish, subscription: Subscription, *, at: datetime, by: User | None) -> Confirmed:
    """Do what is wished, with its documents and its payment; raise the verb's refusal.

    Raises AboveLimit, having done nothing, where the company lets no one person alone buy so much (`weighing`).
    """
    done, weight = weigh(wish, subscription, at=at, by=by)
    weighing.refuse(subscription.tenant_id, subscription.currency, weight)
    return done


def weigh(wish: Wish, subscription: Subscription, *, at: datetime, by: User | None) -> tuple[Confirmed, Weight]:
    """Do what is wished whatever the company's limit, and return what it weighs against it.

    For what is taken back again (a preview), and for what a second person has approved (`approvals`).
    """
    if weighing.limit_of(subscription.tenant_id) is None:
        return try_out(wish, subscription, at=at, by=by), Weight()
    before = weighing.yearly(_fresh(subscription), at=at)
    done = try_out(wish, subscription, at=at, by=by)
    more = weighing.yearly(_fresh(subscription), done.change, at=at) - before
    return done, Weight(max(0, checkout.papers(done).total_minor), max(0, more))


def try_out(wish: Wish, subscription: Subscription, *, at: datetime, by: User | None) -> Confirmed:
    """Do what is wished without asking how much it weighs: only for what is taken back at once."""
    return DOING[wish.do](wish, subscription, at, by)


def _fresh(subscription: Subscription) -> Subscription:
    return Subscription.objects.select_related("seller", "version", "plan").get(pk=subscription.pk)


def _change_plan(wish: Wish, subscription: Subscription, at: datetime, by: User | None) -> Confirmed:
    version = on_sale(subscription.seller_id, wish.plan)
    return checkout.change_plan(subscription, version, when=wish.when or None, at=at, by=by)


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise Invalid(_("Write a number."), field="quantity") from None


DOING: Mapping[str, Callable[[Wish, Subscription, datetime, User | None], Confirmed]] = {
    "change_plan": _change_plan,
    "set_quantity": lambda wish, s, at, by: checkout.set_quantity(s, wish.price, _number(wish.quantity), at=at, by=by),
    "add_module": lambda wish, s, at, by: checkout.add_module(s, wish.price, at=at, by=by),
    "remove_module": lambda wish, s, at, by: checkout.remove_module(s, wish.price, at=at, by=by),
    "cancel": lambda wish, s, at, by: checkout.cancel(s, when=wish.when or "period_end", at=at, by=by),
    "keep": lambda _wish, s, at, by: checkout.keep(s, at=at, by=by),
    "pause": lambda _wish, s, at, by: checkout.pause(s, at=at, by=by),
    "resume": lambda _wish, s, at, by: checkout.resume(s, at=at, by=by),
    "redeem": lambda wish, s, at, by: checkout.redeem(s, wish.coupon, at=at, by=by),
    "undo": lambda _wish, s, at, by: taking_back.undo(s, at=at, by=by),
}
