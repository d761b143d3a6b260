"""Acts with money in two steps: what the customer's figures are before and after, then exactly that; and the queue of those
that wait for a second person, with their counter-entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from billing.admin.columns import amount, moment
from invoices import by_hand
from invoices.by_hand import Looked, StaleAct
from invoices.hand_kinds import NO_COUNTER, Hand
from invoices.models import OperatorAct, PurchaseRequest
from invoices.pages.hands import figure_rows
from tenants.admin.acts import Question, act, address, ask, done, sent
from tenants.admin.listing import Reading, facts, state


@dataclass(frozen=True, kw_only=True)
class WishQuestion(Question):
    """A question that is asked twice: `held` is what was shown, empty as long as nothing was."""

    held: str = ""
    template: str = "admin/wish.html"


TONES = {"waiting": "busy", "done": "good", "declined": "", "outdated": "late", "reversed": "late"}
REQUEST_TONES = {"waiting": "busy", "approved": "good", "expired": "late", "outdated": "late"}
SEEN = "seen"


def twice(
    admin_: Any,
    request: HttpRequest,
    question: Question,
    form: forms.Form,
    hand_of: Callable[[dict[str, Any], str], Hand],
) -> HttpResponse:
    """Ask, show the figures before and after, and do exactly that when it was confirmed; above the limit it waits."""

    def go(data: dict[str, Any]) -> HttpResponse:
        key = request.POST.get("key") or uuid4().hex
        hand, stale, now = hand_of(data, key), "", timezone.now()
        if seen := request.POST.get(SEEN, ""):
            try:
                return told(request, by_hand.do(hand, at=now, by=request.user, seen=seen))
            except StaleAct as refusal:
                stale = refusal.message
        looked = by_hand.look(hand, at=now, by=request.user)
        return shown(admin_, request, question, hand, looked, stale)

    return ask(admin_, request, question, form, go)


def told(request: HttpRequest, row: OperatorAct) -> HttpResponse:
    """Say what became of an act, and go to its page."""
    if row.state == OperatorAct.State.WAITING:
        return done(
            request, gettext("It is above the limit: a second person has to approve it. Nothing was done yet."), row
        )
    return done(request, gettext("Done; the customer sees it in his log."), row)


def shown(
    admin_: Any, request: HttpRequest, question: Question, hand: Hand, looked: Looked, stale: str
) -> HttpResponse:
    """Return the second question: before and after as a table, and the button that does it."""
    waits = gettext("This is above the limit, so a second person has to approve it.") if looked.waits else ""
    lead = " ".join(part for part in (stale, question.lead, waits) if part)
    second = WishQuestion(
        title=question.title,
        lead=lead,
        heads=(gettext("figure"), gettext("before"), gettext("after")),
        rows=figure_rows(looked.before, looked.after, hand.currency),
        button=gettext("Submit for approval") if looked.waits else gettext("Do it"),
        back=question.back,
    )
    hidden = {name: value for name, value in request.POST.items() if name not in ("csrfmiddlewaretoken", SEEN)}
    context = {**admin_.admin_site.each_context(request), "opts": admin_.model._meta, "form": forms.Form()}
    hidden |= {"key": hand.key, SEEN: looked.sha256}
    context |= {"question": second, "title": question.title, "hidden": hidden}
    return TemplateResponse(request, second.template, context)


class WhyForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label=_("reason"),
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("The customer reads it in his log."),
    )


def waits(row: OperatorAct) -> bool:
    return row.state == OperatorAct.State.WAITING


def counts(row: OperatorAct) -> bool:
    return row.state == OperatorAct.State.DONE and row.kind not in NO_COUNTER


@admin.register(OperatorAct)
class OperatorActAdmin(Reading):
    """What was done by hand with a customer's money: before, after, why, by whom; and what waits for a second person."""

    list_display = ["asked", "kind", "tenant", "total", "reason", "asked_by_name", "state_pill", "approved_by_name"]
    list_select_related = ["tenant", "seller"]
    search_fields = ["tenant__code", "tenant__name", "reason", "target", "made"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
    ]
    ordering = ["-id"]
    fields = ["kind", "tenant", "seller", "target", "total", "limit", "figures", "said", "reason", "asked"]
    fields += ["asked_by_name", "state_pill", "decided", "approved_by_name", "answer", "made", "reverses", "way_back"]
    actions_detail = ["approve", "decline", "reverse"]

    state_pill = state("state", TONES, _("state"))
    total = amount("amount_minor", _("amount"))
    limit = amount("limit_minor", _("limit"))
    asked = moment("asked_at", _("asked for"))
    decided = moment("approved_at", _("decided"))
    said = facts("wish", _("what was said"))

    @admin.display(description=_("before → after"))
    def figures(self, row: OperatorAct) -> SafeString:
        rows = figure_rows(row.before, row.after, row.currency)
        cells = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        return format_html('<table class="facts">{}</table>', cells)

    @admin.display(description=_("the way back"))
    def way_back(self, row: OperatorAct) -> str:
        if row.kind in NO_COUNTER:
            return str(NO_COUNTER[row.kind])
        return gettext("It can be reversed by a counter-entry, as far as the balance still holds it.")

    @act(_("Approve"), needs="invoices.change_operatoract", icon="gavel", when=waits)
    def approve(self, request: HttpRequest, row: OperatorAct) -> HttpResponse:
        def decide(_data: dict[str, Any]) -> HttpResponse:
            decided = by_hand.approve(row, at=timezone.now(), by=request.user)
            if decided.state == OperatorAct.State.OUTDATED:
                return done(request, gettext("Nothing was done. %(why)s") % {"why": decided.answer}, decided)
            return done(request, gettext("Done; the customer sees it in his log."), decided)

        question = Question(
            title=gettext("Approve: %(kind)s for “%(tenant)s”")
            % {"kind": row.get_kind_display(), "tenant": row.tenant},
            lead=gettext("%(name)s asks for it: %(reason)s") % {"name": row.asked_by_name, "reason": row.reason},
            heads=(gettext("figure"), gettext("before"), gettext("after")),
            rows=figure_rows(row.before, row.after, row.currency),
            button=gettext("Approve and do it"),
            back=address(row),
        )
        return ask(self, request, question, forms.Form(**sent(request)), decide)

    @act(_("Decline"), needs="invoices.change_operatoract", icon="block", when=waits)
    def decline(self, request: HttpRequest, row: OperatorAct) -> HttpResponse:
        def decide(data: dict[str, Any]) -> HttpResponse:
            return done(
                request,
                gettext("Not approved; nothing was done."),
                by_hand.decline(row, reason=data["reason"], at=timezone.now(), by=request.user),
            )

        question = Question(
            title=gettext("Decline: %(kind)s for “%(tenant)s”")
            % {"kind": row.get_kind_display(), "tenant": row.tenant},
            lead=gettext("%(name)s asks for it: %(reason)s") % {"name": row.asked_by_name, "reason": row.reason},
            button=gettext("Decline"),
            back=address(row),
        )
        return ask(self, request, question, WhyForm(**sent(request)), decide)

    @act(_("Reverse"), needs="invoices.add_operatoract", icon="undo", when=counts)
    def reverse(self, request: HttpRequest, row: OperatorAct) -> HttpResponse:
        question = Question(
            title=gettext("Reverse: %(kind)s for “%(tenant)s”")
            % {"kind": row.get_kind_display(), "tenant": row.tenant},
            lead=gettext("A counter-entry is booked; what was booked stays. What has been spent is not taken back."),
            button=gettext("Show before and after"),
            back=address(row),
        )
        form = WhyForm(**sent(request))
        return twice(
            self, request, question, form, lambda data, key: by_hand.counter(row, reason=data["reason"], key=key)
        )


@admin.register(PurchaseRequest)
class PurchaseRequestAdmin(Reading):
    """Customers' purchases above their own limit; only their own people decide, so there is no button here."""

    list_display = ["asked", "tenant", "total", "yearly", "asked_by_name", "state_pill", "decided_by_name"]
    list_select_related = ["tenant"]
    search_fields = ["tenant__code", "tenant__name", "asked_by_name", "decided_by_name"]
    list_filter = [("state", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter)]
    ordering = ["-id"]
    fields = ["tenant", "subscription", "quote", "said", "total", "yearly", "limit", "asked", "asked_by_name", "until"]
    fields += ["state_pill", "decided", "decided_by_name", "reason", "sha256"]

    state_pill = state("state", REQUEST_TONES, _("state"))
    said = facts("wish", _("what is wished"))
    total = amount("total_minor", _("to pay at once"))
    yearly = amount("yearly_minor", _("more in a year"))
    limit = amount("limit_minor", _("limit"))
    asked = moment("asked_at", _("asked for"))
    until = moment("expires_at", _("good until"))
    decided = moment("decided_at", _("decided"))


def badge(request: HttpRequest) -> str:
    """Return how many acts wait for a second person, for the sidebar; nothing when there are none."""
    return str(OperatorAct.objects.filter(state=OperatorAct.State.WAITING).count() or "")
