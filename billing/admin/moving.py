"""Price migrations: who would move is shown first, then announced; how far each came; and the way to take one back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSingleDateWidget, UnfoldAdminTextInputWidget

from billing import formatting, migrating
from billing.admin.columns import day, moment
from billing.migrating import Move
from billing.models import Change, PlanVersion, PriceMigration
from billing.templatetags import amounts
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.listing import EMPTY, Reading, pill

SHOWN = 500  # subscribers on one page; the totals are of all


class MoveForm(forms.Form):
    """From which day on subscribers move, and why."""

    on = forms.DateField(
        label=_("from which day"),
        widget=UnfoldAdminSingleDateWidget,
        help_text=_(
            "At least thirty days ahead. Each moves at the end of the first term that ends on this day or later."
        ),
    )
    reason = forms.CharField(
        label=_("reason"),
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The customer reads it."),
    )


def may_move(version: PlanVersion) -> bool:
    """Return whether a version has subscribers of older versions whom nobody announced a move to yet."""
    on_sale = version.status == "published"
    return (
        on_sale and not version.migrations.filter(withdrawn_at=None).exists() and migrating.on_older(version).exists()
    )


def ask_to_move(admin_: Any, request: HttpRequest, version: PlanVersion) -> HttpResponse:
    """Ask from which day and why, show what happens to each, and announce exactly that when it was confirmed."""
    title = gettext("Move subscribers to “%(version)s”") % {"version": version}
    asking = Question(
        title=title,
        lead=gettext("You see first who moves when, and what it means in money. Nobody is told before you confirm."),
        button=gettext("Show who would move"),
        back=address(version),
    )

    def go(data: dict[str, Any]) -> HttpResponse:
        on, at = data["on"], timezone.now()
        if held := request.POST.get("held", ""):
            reason = data["reason"]
            migration, moves = migrating.announce(version, on=on, reason=reason, at=at, by=request.user, held=held)
            told = sum(not move.stays for move in moves)
            return done(request, gettext("%(count)s subscribers are told by mail.") % {"count": told}, migration)
        moves = migrating.propose(version, on=on, at=at)
        question = offering(title, version, moves)
        hidden = {"on": on.isoformat(), "reason": data["reason"], "held": migrating.seal(moves)}
        context = {**admin_.admin_site.each_context(request), "opts": admin_.model._meta, "form": Nothing()}
        return TemplateResponse(
            request, question.template, context | {"question": question, "title": title, "hidden": hidden}
        )

    return ask(admin_, request, asking, MoveForm(**sent(request)), go)


def offering(title: str, version: PlanVersion, moves: Sequence[Move]) -> Question:
    """Return the second question: each subscriber, the totals, and the button that announces it."""
    comparison = f"{reverse('admin:compare_prices')}?prices=version:{version.pk}&months=12"
    moving = [move for move in moves if not move.stays]
    counts = {"moving": len(moving), "staying": len(moves) - len(moving)}
    said = gettext("%(moving)s move and are told by mail, %(staying)s stay.") % counts
    link = gettext("What all would have paid for what they really used")
    money = (
        gettext("fixed per period"),
        gettext("with the new prices"),
        gettext("difference"),
        gettext("usage, as last period"),
    )
    return Question(
        title=title,
        lead=format_html('{} <a class="underline" href="{}">{}</a>', said, comparison, link),
        heads=(gettext("customer"), gettext("moves on"), *money, gettext("stays because")),
        rows=(*rows(moves), *totals(moving, len(moves))),
        button=gettext("Announce it") if moving else "",
        back=address(version),
        template="admin/wish.html",
    )


def rows(moves: Sequence[Move]) -> Iterable[tuple[Any, ...]]:
    """Yield a row for each subscriber; those who stay have no money beside them."""
    for move in moves[:SHOWN]:
        who = format_html('<a href="{}">{}</a>', address(move.subscription), move.subscription)
        money = ("", "", "", "", "") if move.stays else (amounts.day(move.on), *figures([move]))
        yield (who, *money, move.stays)


def totals(moving: Sequence[Move], shown: int) -> Iterable[tuple[Any, ...]]:
    """Yield the sum of those who move, and how many of all are not shown."""
    if shown > SHOWN:
        yield (gettext("and %(count)s more") % {"count": shown - SHOWN}, "", "", "", "", "", "")
    if moving:
        yield (gettext("all who move"), "", *figures(moving), "")


def figures(moves: Sequence[Move]) -> tuple[str, str, str, str]:
    """Return what is fixed before and after, the difference, and that of usage as far as it is known."""
    currency = moves[0].subscription.currency
    known = [m.usage_difference_minor for m in moves if m.usage_difference_minor is not None]
    return (
        formatting.money(sum(m.before_minor for m in moves), currency),
        formatting.money(sum(m.after_minor for m in moves), currency),
        formatting.signed_money(sum(m.difference_minor for m in moves), currency),
        formatting.signed_money(sum(known), currency) if known else EMPTY,
    )


@admin.register(PriceMigration)
class PriceMigrationAdmin(Reading):
    """Announced moves to a new version, and how far they came. They are announced from the version's page."""

    list_display = ["version", "first_day", "reason", "announced", "announced_by", "moved", "waiting", "left", "state"]
    list_select_related = ["version__plan", "announced_by"]
    search_fields = ["version__plan__code", "version__plan__name", "reason"]
    list_filter = [("from_on", RangeDateFilter)]
    ordering = ["-id"]
    fields = ["version", "first_day", "reason", "announced", "announced_by", "withdrawn"]
    fields += ["moved", "waiting", "left", "state", "subscribers"]
    actions_detail = ["take_back"]

    first_day = day("from_on", _("from"))
    announced = moment("announced_at", _("announced"))
    withdrawn = moment("withdrawn_at", _("withdrawn"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[PriceMigration]:
        counted = migrating.progress()
        return counted.select_related("version__plan").order_by(*self.get_ordering(request))

    @admin.display(description=_("moved"), ordering="moved")
    def moved(self, row: Any) -> int:
        return row.moved

    @admin.display(description=_("waiting"), ordering="waiting")
    def waiting(self, row: Any) -> int:
        return row.waiting

    @admin.display(description=_("left or taken back"), ordering="left")
    def left(self, row: Any) -> int:
        return row.left

    @admin.display(description=_("state"))
    def state(self, row: Any) -> str:
        if row.withdrawn_at:
            return pill(_("taken back"))
        return pill(_("under way"), "busy") if row.waiting else pill(_("done"), "good")

    @admin.display(description=_("subscribers"))
    def subscribers(self, row: PriceMigration) -> str:
        to = list_address(Change, f"migration__id__exact={row.pk}")
        return format_html('<a class="underline" href="{}">{}</a>', to, gettext("Each one's change"))

    @act(
        _("Take back"),
        needs="billing.change_planversion",
        icon="undo",
        when=lambda row: row.withdrawn_at is None and row.waiting > 0,
        variant=ActionVariant.DANGER,
    )
    def take_back(self, request: HttpRequest, row: PriceMigration) -> HttpResponse:
        def withdraw(_data: dict[str, Any]) -> HttpResponse:
            stay = migrating.withdraw(row, at=timezone.now(), by=request.user)
            return done(request, gettext("%(count)s subscribers keep their prices.") % {"count": stay}, row)

        question = Question(
            title=gettext("Take the migration to “%(version)s” back") % {"version": row.version},
            lead=gettext(
                "All who have not moved yet keep the prices they have, and are told by mail. Who moved already stays moved."
            ),
            button=gettext("Take it back"),
            back=address(row),
        )
        return ask(self, request, question, Nothing(**sent(request)), withdraw)
