"""Contracts with the acts that change them: shown line by line first, then confirmed with a reason."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from billing import formatting
from billing.admin.subscriptions import SubscriptionAdmin, is_live
from billing.models import PlanVersion, Price, Subscription
from billing.models.catalogue import Status
from billing.templatetags.amounts import day
from invoices import by_hand, confirming, taking_back, wishes
from invoices.admin.by_hand import WishQuestion, told
from invoices.by_hand import Looked
from invoices.confirming import Offer, StalePreview
from invoices.hand_kinds import Hand
from invoices.models import OperatorAct
from invoices.pages import hands
from tenants.admin.acts import act, address, ask, sent

WHEN = (("", _("as the rules say")), ("now", _("now")), ("period_end", _("at the end")))


class WishForm(forms.Form):
    """A wish, with the reason for the audit log; every field but the reason is one of the wish's own."""

    def __init__(self, _row: Subscription, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["reason"] = forms.CharField(
            label=_("reason"), max_length=200, widget=UnfoldAdminTextInputWidget, help_text=_("For the audit log.")
        )


def choice(label: Any, choices: Any, *, required: bool = True) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, required=required, widget=UnfoldAdminSelectWidget)


class PlanForm(WishForm):
    """Which plan of the product, and when."""

    def __init__(self, row: Subscription, **kwargs: Any) -> None:
        super().__init__(row, **kwargs)
        on_sale = PlanVersion.objects.filter(
            plan__family=row.family_id, plan__on_sale=True, status=Status.PUBLISHED, currency=row.currency
        ).exclude(pk=row.version_id)
        plans = [(v.plan.code, v.plan.name) for v in on_sale.select_related("plan").order_by("plan__name")]
        self.fields = {"plan": choice(_("plan"), plans), "when": choice(_("when"), WHEN, required=False)} | self.fields


class QuantityForm(WishForm):
    """How many of what."""

    def __init__(self, row: Subscription, **kwargs: Any) -> None:
        super().__init__(row, **kwargs)
        counted = Price.objects.filter(version=row.version_id, kind=Price.Kind.SEAT).order_by("position")
        prices = [(price.code, price.name) for price in counted]
        number = forms.CharField(label=_("quantity"), max_length=20, widget=UnfoldAdminTextInputWidget)
        self.fields = {"price": choice(_("price"), prices), "quantity": number} | self.fields


class ModuleForm(WishForm):
    """Which optional price."""

    def __init__(self, row: Subscription, **kwargs: Any) -> None:
        super().__init__(row, **kwargs)
        optional = Price.objects.filter(version=row.version_id, optional=True).order_by("position")
        self.fields = {"price": choice(_("module"), [(p.code, p.name) for p in optional])} | self.fields


class WhenForm(WishForm):
    """At once, or with the term."""

    def __init__(self, row: Subscription, **kwargs: Any) -> None:
        super().__init__(row, **kwargs)
        self.fields = {"when": choice(_("when"), WHEN[1:])} | self.fields


class CouponForm(WishForm):
    """Which coupon."""

    def __init__(self, row: Subscription, **kwargs: Any) -> None:
        super().__init__(row, **kwargs)
        code = forms.CharField(label=_("coupon"), max_length=60, widget=UnfoldAdminTextInputWidget)
        self.fields = {"coupon": code} | self.fields


def wished(admin_: Any, request: HttpRequest, row: Subscription, do: str, form: WishForm, title: str) -> HttpResponse:
    """Ask for a wish, show what it does, and do it when exactly that was confirmed."""
    asking = WishQuestion(
        title=title,
        lead=gettext(
            "You see every line first. What you confirm is billed; only what the customer confirms is deducted."
        ),
        button=gettext("Show what it does"),
        back=address(row),
    )

    def go(data: dict[str, Any]) -> HttpResponse:
        wish = wishes.read({"do": do} | {name: data[name] for name in data if name != "reason"})
        stale = ""
        if held := request.POST.get("held", ""):
            try:
                wanted = hand(row, wish, held, data["reason"], request)
                return told(request, by_hand.do(wanted, at=timezone.now(), by=request.user))
            except StalePreview as refusal:
                stale = refusal.message
        offer = confirming.look(row, wish, at=timezone.now(), by=request.user)
        shown = WishForm(row)
        shown.fields = {}  # What was chosen goes along hidden; it is not to be changed after it was shown.
        context = {**admin_.admin_site.each_context(request), "opts": admin_.model._meta, "form": shown}
        looked = by_hand.look(hand(row, wish, offer.held, data["reason"], request), at=timezone.now(), by=request.user)
        return answer(request, context, offering(title, row, offer, stale, looked), data | {"held": offer.held})

    return ask(admin_, request, asking, form, go)


def answer(
    request: HttpRequest, context: dict[str, Any], question: WishQuestion, hidden: dict[str, Any]
) -> HttpResponse:
    more = {"question": question, "title": question.title, "hidden": hidden}
    return TemplateResponse(request, question.template, context | more)


def hand(row: Subscription, wish: wishes.Wish, held: str, reason: str, request: HttpRequest) -> Hand:
    """Return the act of changing a contract as it was shown; raise StalePreview where that is no longer so."""
    now, (seen_at, mark) = timezone.now(), confirming.seen(held)
    confirming.agreed(row, wish, held, at=now, by=request.user)
    return Hand(
        kind=OperatorAct.Kind.CONTRACT,
        tenant=row.tenant,
        seller=row.seller,
        currency=row.currency,
        target=f"subscription:{row.pk}",
        wish={"subscription": row.pk, "wish": wish.said(), "seen_at": seen_at.isoformat(), "mark": mark},
        reason=reason,
        key=sha256(held.encode()).hexdigest(),
    )


def offering(title: str, row: Subscription, offer: Offer, stale: str, looked: Looked) -> WishQuestion:
    """Return the second question: what would happen, as a table, and the button that does it."""
    waits = gettext("This is above the limit, so a second person has to approve it.") if looked.waits else ""
    figures = hands.figure_rows(looked.before, looked.after, row.currency)
    said = [stale, waits, gettext("%(effect)s.") % {"effect": offer.effect} if offer.effect else ""]
    return WishQuestion(
        title=title,
        lead=" ".join(part for part in said if part),
        heads=(gettext("what"), gettext("from"), gettext("up to, not including"), gettext("amount")),
        rows=(*rows(offer), *((name, before, "→", after) for name, before, after in figures)),
        button=gettext("Submit for approval") if looked.waits else gettext("Confirm"),
        back=address(row),
        held=offer.held,
    )


def rows(offer: Offer) -> list[tuple[Any, ...]]:
    """Return the lines, what is asked for and given back with tax, and the next bill."""
    papers, currency = offer.papers, offer.after.currency

    def money(minor: int) -> str:
        return formatting.money(minor, currency)

    found: list[tuple[Any, ...]] = []
    for line in papers.lines or papers.charges:
        name = line.name if formatting.is_chinese(get_language() or "") else line.name_en or line.name
        found.append((name, day(line.service_start_on), day(line.service_end_on), money(line.amount_minor)))
        if getattr(line, "discount_minor", 0):
            found.append((gettext("discount"), "", "", money(-line.discount_minor)))
    found.append((gettext("to be paid, with tax"), "", "", money(sum(i.total_minor for i in papers.invoices))))
    if papers.credited_minor:
        found.append((gettext("given back, with tax"), "", "", money(papers.credited_minor)))
    if offer.next_after:
        found.append((gettext("next bill"), day(offer.next_after.on), "", money(offer.next_after.total_minor)))
    return found


def wish_act(do: str, label: Any, form: type[WishForm], icon: str, when: Callable[[Subscription], bool]) -> Any:
    """Return an act that makes one kind of wish."""

    def body(self: Any, request: HttpRequest, row: Subscription) -> HttpResponse:
        title = gettext("%(act)s: “%(row)s”") % {"act": label, "row": row}
        return wished(self, request, row, do, form(row, **sent(request)), title)

    body.__name__ = do
    return act(label, needs="billing.change_subscription", icon=icon, when=when)(body)


def can_undo(row: Subscription) -> bool:
    return taking_back.until(row, timezone.now()) is not None


def waits(row: Subscription) -> bool:
    return bool(row.cancelled_at or row.changes_on or row.pause_on) or row.changes.filter(status="scheduled").exists()


@admin.register(Subscription)
class ContractAdmin(SubscriptionAdmin):
    """Contracts, with the acts that cost money or give it back."""

    actions_detail = [
        "change_plan",
        "set_quantity",
        "add_module",
        "remove_module",
        "redeem",
        "pause",
        "resume",
        "keep",
        "undo",
        "cancel",
        *SubscriptionAdmin.actions_detail,
    ]
    change_plan = wish_act("change_plan", _("Change the plan"), PlanForm, "swap_horiz", is_live)
    set_quantity = wish_act("set_quantity", _("Change seats"), QuantityForm, "group_add", is_live)
    add_module = wish_act("add_module", _("Add a module"), ModuleForm, "add_box", is_live)
    remove_module = wish_act("remove_module", _("Remove a module"), ModuleForm, "indeterminate_check_box", is_live)
    redeem = wish_act("redeem", _("Redeem a coupon"), CouponForm, "confirmation_number", is_live)
    pause = wish_act("pause", _("Pause"), WishForm, "pause_circle", lambda s: is_live(s) and not s.pause_on)
    resume = wish_act("resume", _("End the pause"), WishForm, "play_circle", lambda s: is_live(s) and bool(s.pause_on))
    keep = wish_act("keep", _("Take back what waits"), WishForm, "undo", lambda s: is_live(s) and waits(s))
    undo = wish_act("undo", _("Take the last purchase back"), WishForm, "settings_backup_restore", can_undo)
    cancel = wish_act("cancel", _("Cancel"), WhenForm, "event_busy", is_live)
