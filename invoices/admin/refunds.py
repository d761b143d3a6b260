"""Refunds: what waits for approval, what is under way, what is to be transferred by bank, and what could not go back.

A refund of a bill is asked for on the bill's own page, where its lines and ways are shown before anything is done.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from billing import formatting
from billing.admin.columns import amount, moment
from billing.forms import figure
from billing.money import Money
from invoices import refund_plans, refunding, returnable, returning, telling_refunds
from invoices.models import Invoice, Payment, Refund
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.listing import Reading, Rows, state

Status, To = Refund.Status, Refund.To
TONES = {"requested": "late", "approved": "busy", "intended": "busy", "unknown": "bad", "succeeded": "good"}
TONES |= {"failed": "bad", "declined": ""}


def waits(row: Refund) -> bool:
    return row.status == Status.REQUESTED


def by_bank(row: Refund) -> bool:
    return returning.to_transfer().filter(pk=row.pk).exists()


class QueueFilter(DropdownFilter):
    """What somebody has to do something about."""

    title, parameter_name = _("queue"), "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("approval", _("waiting for approval")),
            ("under_way", _("under way")),
            ("bank", _("to be transferred by bank")),
            ("gone", _("could not go back")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = {
            "approval": Q(status=Status.REQUESTED),
            "under_way": Q(status__in=[Status.INTENDED, Status.UNKNOWN])
            | Q(status=Status.APPROVED, payment__method__in=returnable.AT_PROVIDER),
            "bank": Q(pk__in=returning.to_transfer().values("pk")),
            "gone": ~Q(failure=""),
        }
        return queryset.filter(chosen[self.value()]) if self.value() in chosen else queryset


class PartRows(Rows):
    """The other ways of what was asked for at once."""

    model = Refund
    fk_name = "first"
    tab = True
    fields = ["reference", "part", "to", "status"]
    part = amount("amount_minor", _("amount"))


class TransferForm(forms.Form):
    """The transfer as the bank has it."""

    bank_reference = forms.CharField(
        label=_("bank's reference"),
        max_length=80,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("As on the statement; one transfer sends one refund."),
    )


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(label=_("reason"), max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))


@admin.register(Refund)
class RefundAdmin(Reading):
    """Refunds and withdrawals."""

    list_display = ["asked", "tenant", "total", "way", "invoice", "status_pill", "failure", "requested_by", "reference"]
    list_select_related = ["tenant", "invoice", "payment", "requested_by"]
    search_fields = ["reference", "provider_number", "invoice__number", "tenant__code", "tenant__name", "reason"]
    list_filter = [
        QueueFilter,
        ("status", ChoicesDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("seller", RelatedDropdownFilter),
        ("requested_at", RangeDateTimeFilter),
    ]
    ordering = ["-id"]
    inlines = [PartRows]
    fields = ["tenant", "seller", "total", "way", "account", "invoice", "credit_note", "payment", "first", "reason"]
    fields += ["status_pill", "why", "needs_second", "asked", "requested_by", "approved", "approved_by"]
    fields += ["sent_on", "asks", "next_call", "arrived", "reference", "provider_number"]
    actions_detail = ["approve", "decline", "confirm_sent", "give_up"]

    status_pill = state("status", TONES, _("state"))
    total = amount("amount_minor", _("amount"))
    asked = moment("requested_at", _("asked for"))
    approved = moment("approved_at", _("approved"))
    sent_on = moment("sent_at", _("sent"))
    next_call = moment("ask_at", _("asked next"))
    arrived = moment("arrived_at", _("arrived"))

    @admin.display(description=_("way"))
    def way(self, row: Refund) -> str:
        return telling_refunds.way(row)

    @admin.display(description=_("to whom"))
    def account(self, row: Refund) -> str:
        return row.payment.payer_name if row.payment else ""

    @admin.display(description=_("why it could not be sent"))
    def why(self, row: Refund) -> str:
        return telling_refunds.why(row.failure) if row.failure else ""

    @act(_("Approve"), needs="invoices.change_refund", icon="task_alt", when=waits, variant=ActionVariant.PRIMARY)
    def approve(self, request: HttpRequest, row: Refund) -> HttpResponse:
        def let_go(_data: dict[str, Any]) -> HttpResponse:
            refunding.approve(row, at=timezone.now(), by=request.user)
            return done(request, gettext("The refund is approved."), row)

        question = Question(
            title=gettext("Approve the refund to “%(tenant)s”") % {"tenant": row.tenant},
            lead=gettext("Asked for by %(who)s: %(reason)s") % {"who": row.requested_by or "–", "reason": row.reason},
            heads=(gettext("way"), gettext("amount"), gettext("to whom")),
            rows=tuple(
                (telling_refunds.way(one), formatting.money(one.amount_minor, one.currency), self.account(one))
                for one in refunding.parts(row)
            ),
            button=gettext("Approve"),
            back=address(row),
        )
        return ask(self, request, question, Nothing(**sent(request)), let_go)

    @act(_("Do not approve"), needs="invoices.change_refund", icon="block", when=waits)
    def decline(self, request: HttpRequest, row: Refund) -> HttpResponse:
        def refuse(data: dict[str, Any]) -> HttpResponse:
            refunding.decline(row, reason=data["reason"], at=timezone.now(), by=request.user)
            return done(request, gettext("The refund is not approved."), list_address(Refund, "queue=approval"))

        question = Question(
            title=gettext("Do not approve the refund to “%(tenant)s”") % {"tenant": row.tenant},
            lead=gettext("The customer reads the reason. A withdrawal goes back into the balance."),
            button=gettext("Do not approve"),
            back=address(row),
        )
        return ask(self, request, question, ReasonForm(**sent(request)), refuse)

    @act(_("Transferred by bank"), needs="invoices.change_refund", icon="account_balance", when=by_bank)
    def confirm_sent(self, request: HttpRequest, row: Refund) -> HttpResponse:
        def confirm(data: dict[str, Any]) -> HttpResponse:
            returning.confirm_sent(row, at=timezone.now(), by=request.user, **data)
            return done(request, gettext("Booked; the customer is told."), list_address(Refund, "queue=bank"))

        told = {"amount": formatting.money(row.amount_minor, row.currency), "payer": self.account(row) or row.tenant}
        question = Question(
            title=gettext("%(amount)s to “%(payer)s” by bank") % told,
            lead=gettext("Transfer it only to the account that paid. Then write down the bank's reference here."),
            button=gettext("It was transferred"),
            back=address(row),
        )
        return ask(self, request, question, TransferForm(**sent(request)), confirm)

    @act(_("Cannot be transferred"), needs="invoices.change_refund", icon="money_off", when=by_bank)
    def give_up(self, request: HttpRequest, row: Refund) -> HttpResponse:
        def turn(data: dict[str, Any]) -> HttpResponse:
            returning.give_up(row, at=timezone.now(), by=request.user, **data)
            return done(request, gettext("It is in the customer's balance, and the customer is told."), row)

        question = Question(
            title=gettext("Put the refund into the balance of “%(tenant)s”") % {"tenant": row.tenant},
            lead=gettext(
                "For an account that the bank does not credit. The customer is told and may ask for it again."
            ),
            button=gettext("Put it into the balance"),
            back=address(row),
        )
        return ask(self, request, question, ReasonForm(**sent(request)), turn)


class RefundForm(ReasonForm):
    """How much of a bill goes back, of which lines, and where to. `seen` is what was shown before it is done."""

    to = forms.ChoiceField(label=_("returned to"), choices=To.choices, widget=UnfoldAdminSelectWidget)
    amount = figure(_("amount"), _("Spread over the lines. Empty with empty lines: all that is left."))
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.invoice = invoice
        names = dict(invoice.lines.values_list("pk", "name"))
        for pk, left in returnable.left_by_line(invoice).items():
            told = gettext("At most %(amount)s, with tax; empty: nothing of this line.")
            told %= {"amount": formatting.money(left, invoice.currency)}
            self.fields[f"lines.{pk}"] = figure(names[pk], told)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in [name for name in self.fields if name.startswith(("lines.", "amount")) and data.get(name)]:
            try:
                data[name] = Money.of(data[name].replace(",", "").replace("¥", "").strip(), self.invoice.currency).minor
            except ValueError:
                self.add_error(name, _("This is no amount: write digits, such as 36.00."))
        return data

    def asked(self) -> dict[str, Any]:
        """Return what the verb is asked."""
        data = self.cleaned_data
        lines = {int(name[6:]): data[name] for name in self.fields if name.startswith("lines.") and data.get(name)}
        return {"to": data["to"], "lines": lines or None, "amount_minor": data.get("amount") or None}


def is_refundable(invoice: Invoice) -> bool:
    return invoice.status == Invoice.Status.PAID and invoice.paid_minor > 0


def refund_bill(model_admin: Any, request: HttpRequest, invoice: Invoice) -> HttpResponse:
    """Ask how much goes back, show the lines and the ways before and after, and only then do it."""
    form = RefundForm(invoice, **sent(request))

    def show_or_do(data: dict[str, Any]) -> HttpResponse:
        planned = refund_plans.plan(invoice, **form.asked())
        if data["seen"] != token(planned):
            return shown(model_admin, request, invoice, planned)
        rows = refunding.request(invoice, reason=data["reason"], at=timezone.now(), by=request.user, **form.asked())
        said = gettext("It waits for a second person.") if rows[0].needs_second else gettext("It is approved.")
        return done(request, said, rows[0])

    question = Question(
        title=gettext("Refund bill %(number)s") % {"number": invoice},
        lead=gettext("A credit note is issued with it. Next you see the lines and the ways; nothing is done before."),
        button=gettext("Show what it does"),
        back=address(invoice),
    )
    return ask(model_admin, request, question, form, show_or_do)


def shown(model_admin: Any, request: HttpRequest, invoice: Invoice, planned: refund_plans.Plan) -> HttpResponse:
    """Show what a refund does, with the same form, which now carries what was seen."""
    data = request.POST.copy()
    data["seen"] = token(planned)
    total = formatting.money(planned.total_minor, invoice.currency)
    second = gettext("It is above the limit, so somebody else approves it.") if planned.needs_second else ""
    question = Question(
        title=gettext("Refund %(total)s of bill %(number)s") % {"total": total, "number": invoice},
        lead=second,
        heads=(gettext("what"), gettext("before"), gettext("after")),
        rows=tuple(effects(invoice, planned)),
        button=gettext("Refund %(total)s") % {"total": total},
        back=address(invoice),
    )
    form = RefundForm(invoice, data=data)
    form.is_valid()
    context = {**model_admin.admin_site.each_context(request), "question": question, "form": form}
    context |= {"opts": model_admin.model._meta, "title": question.title}
    return TemplateResponse(request, question.template, context)


def effects(invoice: Invoice, planned: refund_plans.Plan) -> list[tuple[str, str, str]]:
    """Return (what, before, after): each line, what is paid of the bill, and each way with its amount."""
    names, left = dict(invoice.lines.values_list("pk", "name")), returnable.left_by_line(invoice)
    rows = [(names[pk], left[pk], left[pk] - taken) for pk, taken in planned.takes.items()]
    rows.append((gettext("paid of the bill"), invoice.paid_minor, invoice.paid_minor - planned.total_minor))
    rows += [(way_text(way), 0, way.amount_minor) for way in planned.ways]
    currency = invoice.currency
    return [(what, formatting.money(was, currency), formatting.money(now, currency)) for what, was, now in rows]


def way_text(way: returnable.Way) -> str:
    """Return how a part goes back, and of which payment."""
    if way.payment is None:
        return gettext("to the customer: balance")
    method = Payment.Method(way.payment.method).label
    return gettext("to the customer: %(way)s, payment %(number)s") % {"way": method, "number": way.payment.reference}


def token(planned: refund_plans.Plan) -> str:
    """Return what stands for a plan: another one has to be looked at again."""
    ways = ",".join(f"{way.payment.pk if way.payment else 0}:{way.to}:{way.amount_minor}" for way in planned.ways)
    takes = ",".join(f"{pk}:{minor}" for pk, minor in sorted(planned.takes.items()))
    return f"{takes};{ways}"


def waiting_badge(request: HttpRequest) -> str:
    """Return how many refunds wait for approval, for the sidebar; nothing when there are none."""
    count = Refund.objects.filter(status=Status.REQUESTED, first=None).count()
    return str(count) if count else ""


def bank_badge(request: HttpRequest) -> str:
    """Return how many refunds are to be transferred by bank, for the sidebar."""
    count = returning.to_transfer().count()
    return str(count) if count else ""
