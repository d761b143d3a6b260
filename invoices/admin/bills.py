"""Bills: read only. Issued, credited, discarded by verbs behind buttons."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from import_export import resources
from import_export.admin import ExportMixin
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
    RangeDateTimeFilter,
    RangeNumericFilter,
    RelatedDropdownFilter,
)
from unfold.contrib.import_export.forms import ExportForm
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from billing import formatting
from billing.admin.columns import amount, day, moment, quantity
from billing.forms import figure
from billing.models import Subscription
from billing.money import Money
from invoices import crediting, drafting, issuing
from invoices.admin.by_hand import twice
from invoices.admin.dunning import ask_for_write_off
from invoices.admin.refunds import is_refundable, refund_bill
from invoices.hand_kinds import Hand
from invoices.models import Allocation, CreditNote, Invoice, InvoiceLine, OperatorAct
from tenants.admin.acts import Nothing, Question, act, address, ask, done, list_address, sent
from tenants.admin.listing import Reading, Rows, facts, state
from tenants.errors import WrongState

TONES = {"draft": "", "open": "busy", "paid": "good", "void": "", "uncollectible": "bad"}
INVOICE_CURRENCY = "invoice.currency"


class OverdueFilter(DropdownFilter):
    """Open bills whose due date has passed."""

    title, parameter_name = _("due"), "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("overdue")), ("open", _("still due"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "yes":
            return queryset.overdue(timezone.localdate())
        return queryset.filter(status="open", due_minor__gt=0) if self.value() == "open" else queryset


class LineRows(Rows):
    model = InvoiceLine
    tab = True
    per_page = 50
    fields = [
        "name",
        "code",
        "service_start_on",
        "service_end_on",
        "used",
        "before",
        "discount",
        "tax",
        "gross",
        "credited",
        "charge",
    ]

    used = quantity("quantity", _("quantity"), unit="unit")
    before = amount("amount_minor", _("amount"), currency=INVOICE_CURRENCY)
    discount = amount("discount_minor", _("discount"), currency=INVOICE_CURRENCY)
    tax = amount("tax_minor", _("tax"), currency=INVOICE_CURRENCY)
    gross = amount("gross_minor", _("with tax"), currency=INVOICE_CURRENCY)
    credited = amount("credited_minor", _("credited"), currency=INVOICE_CURRENCY)

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceLine]:
        return super().get_queryset(request).select_related("invoice", "charge")


class AllocationRows(Rows):
    model = Allocation
    tab = True
    fields = ["payment", "part", "when"]
    part = amount("amount_minor", _("amount"), currency=INVOICE_CURRENCY)
    when = moment("at", _("at"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Allocation]:
        return super().get_queryset(request).select_related("invoice", "payment")


class CreditRows(Rows):
    model = CreditNote
    tab = True
    fields = ["number", "total", "returned", "reason", "issued"]
    total = amount("total_minor", _("total"))
    returned = amount("returned_minor", _("to be returned"))
    issued = moment("issued_at", _("issued"))


class InvoiceResource(resources.ModelResource):
    """A bill as a row of a file; amounts in whole units of the currency."""

    class Meta:
        model = Invoice
        fields = ["number", "tenant__code", "tenant__name", "seller__code", "status", "currency", "issued_at", "due_on"]
        fields += [
            "subtotal_minor",
            "discount_minor",
            "tax_minor",
            "total_minor",
            "paid_minor",
            "credited_minor",
            "due_minor",
        ]
        fields += ["purchase_order", "cost_centre"]

    def export_field(self, field: Any, instance: Invoice, **kwargs: Any) -> Any:
        value = super().export_field(field, instance, **kwargs)
        minor = getattr(instance, field.attribute, None) if field.attribute.endswith("_minor") else None
        return value if minor is None else str(Money(minor, instance.currency))

    def get_export_headers(self, *args: Any, **kwargs: Any) -> list[str]:
        return [name.removesuffix("_minor") for name in super().get_export_headers(*args, **kwargs)]


class CreditForm(forms.Form):
    """Why, and how much of each line; no amount at all credits what is left of the bill."""

    reason = forms.CharField(
        label=_("reason"),
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("The customer reads it on the credit note."),
    )

    def __init__(self, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.invoice = invoice
        inclusive = (invoice.seller_copy or {}).get("tax_inclusive", True)
        side = gettext("with tax") if inclusive else gettext("without tax")
        for line in invoice.lines.order_by("position"):
            left = crediting.left_of(line, inclusive=inclusive)
            if left > 0:
                told = gettext("At most %(amount)s, %(side)s; empty: nothing of this line.")
                told %= {"amount": formatting.money(left, invoice.currency), "side": side}
                self.fields[f"lines.{line.pk}"] = figure(line.name, told)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in [name for name in self.fields if name.startswith("lines.") and data.get(name)]:
            try:
                data[name] = Money.of(data[name].replace(",", "").replace("¥", "").strip(), self.invoice.currency).minor
            except ValueError:
                self.add_error(name, _("This is no amount: write digits, such as 36.00."))
        return data

    def amounts(self) -> dict[int, int] | None:
        """Return minor units by line, or nothing for the whole bill."""
        data = self.cleaned_data
        found = {int(name[6:]): data[name] for name in self.fields if name.startswith("lines.") and data.get(name)}
        return found or None


def is_draft(invoice: Invoice) -> bool:
    return invoice.status == Invoice.Status.DRAFT


def is_creditable(invoice: Invoice) -> bool:
    open_to_it = (Invoice.Status.OPEN, Invoice.Status.PAID, Invoice.Status.UNCOLLECTIBLE)
    return invoice.status in open_to_it and invoice.total_minor > invoice.credited_minor


@admin.register(Invoice)
class InvoiceAdmin(ExportMixin, Reading):
    """Bills."""

    resource_classes = [InvoiceResource]
    export_form_class = ExportForm
    list_display = ["__str__", "tenant", "status_pill", "issued", "due_on_day", "total", "paid", "due", "seller"]
    list_select_related = ["tenant", "seller"]
    search_fields = ["number", "tenant__code", "tenant__name", "purchase_order", "cost_centre"]
    search_help_text = _("Number, customer, purchase order or cost centre")
    list_filter = [
        ("status", ChoicesDropdownFilter),
        OverdueFilter,
        ("tenant", AutocompleteSelectFilter),
        ("seller", RelatedDropdownFilter),
        ("issued_at", RangeDateTimeFilter),
        ("due_on", RangeDateFilter),
        ("total_minor", RangeNumericFilter),
    ]
    date_hierarchy = "issued_at"
    ordering = ["-id"]
    inlines = [LineRows, AllocationRows, CreditRows]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "number",
                    "status_pill",
                    "tenant",
                    "seller",
                    "issued",
                    "issued_by",
                    "charge_day",
                    "due_on_day",
                ]
            },
        ),
        (_("Amounts"), {"fields": ["subtotal", "discount", "tax", "total", "paid", "credited", "due", "settled"]}),
        (_("More"), {"fields": ["way", "purchase_order", "cost_centre", "language", "zone", "created"]}),
        (_("As issued"), {"classes": ["tab"], "fields": ["buyer", "sender"]}),
    ]
    actions_detail = ["issue", "credit", "refund", "discard", "write_off"]

    status_pill = state("status", TONES, _("state"))
    subtotal = amount("subtotal_minor", _("subtotal"))
    discount = amount("discount_minor", _("discount"))
    tax = amount("tax_minor", _("tax"))
    total = amount("total_minor", _("total"))
    paid = amount("paid_minor", _("paid"))
    credited = amount("credited_minor", _("credited"))
    due = amount("due_minor", _("still due"))
    charge_day = day("charge_on", _("billing day"))
    due_on_day = day("due_on", _("due"))
    issued = moment("issued_at", _("issued"))
    settled = moment("paid_at", _("settled"))
    created = moment("created_at", _("created"))
    buyer = facts("buyer_copy", _("customer on issue"))
    sender = facts("seller_copy", _("seller on issue"))

    @admin.display(description=_("way of payment"))
    def way(self, row: Invoice) -> str:
        return str(Subscription.Pays(row.pays).label)

    @act(_("Issue"), needs="invoices.change_invoice", icon="task_alt", when=is_draft, variant=ActionVariant.PRIMARY)
    def issue(self, request: HttpRequest, invoice: Invoice) -> HttpResponse:
        def give_number(_data: dict[str, Any]) -> HttpResponse:
            if not issuing.issue([invoice.pk], at=timezone.now(), by=request.user):
                raise WrongState(gettext("Its billing day is %(day)s; it is issued then.") % {"day": invoice.charge_on})
            invoice.refresh_from_db()
            return done(
                request,
                gettext("Bill %(number)s is issued; the mail with its PDF follows.") % {"number": invoice},
                invoice,
            )

        question = Question(
            title=gettext("Issue the draft for “%(tenant)s”") % {"tenant": invoice.tenant},
            lead=gettext("It gets its number and is mailed: %(total)s. Afterwards only a credit note can correct it.")
            % {"total": formatting.money(invoice.total_minor, invoice.currency)},
            button=gettext("Issue"),
            back=address(invoice),
        )
        return ask(self, request, question, Nothing(**sent(request)), give_number)

    @act(_("Credit"), needs="invoices.add_creditnote", icon="undo", when=is_creditable)
    def credit(self, request: HttpRequest, invoice: Invoice) -> HttpResponse:
        form = CreditForm(invoice, **sent(request))

        def hand(data: dict[str, Any], key: str) -> Hand:
            amounts = form.amounts()
            wish = {"invoice": invoice.pk, "amounts": amounts and {str(line): minor for line, minor in amounts.items()}}
            whose = {"tenant": invoice.tenant, "seller": invoice.seller, "currency": invoice.currency}
            told = {"target": f"invoice:{invoice.pk}", "wish": wish, "reason": data["reason"], "key": key}
            return Hand(kind=OperatorAct.Kind.CREDIT, **whose, **told)

        question = Question(
            title=gettext("Credit bill %(number)s") % {"number": invoice},
            lead=gettext(
                "Without any amount all that is left of the bill is credited. What is still owed is lowered first."
            ),
            button=gettext("Show before and after"),
            back=address(invoice),
        )
        return twice(self, request, question, form, hand)

    @act(_("Refund"), needs="invoices.add_refund", icon="currency_exchange", when=is_refundable)
    def refund(self, request: HttpRequest, invoice: Invoice) -> HttpResponse:
        return refund_bill(self, request, invoice)

    @act(_("Discard the draft"), needs="invoices.change_invoice", icon="delete", when=is_draft)
    def discard(self, request: HttpRequest, invoice: Invoice) -> HttpResponse:
        def drop(_data: dict[str, Any]) -> HttpResponse:
            drafting.discard([invoice.pk], at=timezone.now(), by=request.user)
            return done(
                request, gettext("The draft is gone; its charges wait for the next bill."), list_address(Invoice)
            )

        question = Question(
            title=gettext("Discard the draft for “%(tenant)s”") % {"tenant": invoice.tenant},
            lead=gettext("Its charges are free again and go on the next bill."),
            button=gettext("Discard the draft"),
            back=address(invoice),
        )
        return ask(self, request, question, Nothing(**sent(request)), drop)

    @act(_("Write off"), needs="invoices.add_writeoff", icon="money_off", when=lambda row: row.status == "open")
    def write_off(self, request: HttpRequest, invoice: Invoice) -> HttpResponse:
        return ask_for_write_off(self, request, invoice)
