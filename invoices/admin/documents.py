"""Bills, credit notes, their lines and files: read only; what may be done with them are verbs behind buttons."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
    RangeDateTimeFilter,
    RangeNumericFilter,
    RelatedDropdownFilter,
)

from billing import formatting
from billing.admin.charges import kind_text
from billing.admin.columns import amount, moment, quantity
from billing.models import Charge
from invoices.models import CreditedCharge, CreditNote, CreditNoteLine, Document, InvoiceLine, NumberSeries
from tenants import files
from tenants.admin.acts import act
from tenants.admin.listing import Endless, Reading, Rows, facts


@admin.register(NumberSeries)
class NumberSeriesAdmin(Reading):
    """Numbers of documents, without gaps."""

    list_display = ["__str__", "seller", "kind", "year", "last_number"]
    list_select_related = ["seller"]
    search_fields = ["prefix", "seller__brand"]
    list_filter = [("seller", RelatedDropdownFilter), ("kind", ChoicesDropdownFilter)]
    ordering = ["-year", "prefix"]
    fields = ["seller", "kind", "year", "prefix", "last_number"]


@admin.register(InvoiceLine)
class InvoiceLineAdmin(Endless):
    """Lines of bills."""

    list_display = ["title", "invoice", "tenant", "code", "used", "before", "tax", "gross"]
    list_select_related = ["invoice", "tenant"]
    search_fields = ["name", "name_en", "code", "invoice__number", "tenant__code", "tenant__name"]
    list_filter = [("tenant", AutocompleteSelectFilter), ("service_start_on", RangeDateFilter)]
    fields = [
        "invoice",
        "position",
        "charge",
        "title",
        "code",
        "kind_name",
        "reason_name",
        "service_start_on",
        "service_end_on",
        "used",
        "before",
        "discount",
        "rate",
        "tax",
        "gross",
        "credited",
    ]

    used = quantity("quantity", _("quantity"), unit="unit")
    before = amount("amount_minor", _("amount"), currency="invoice.currency")
    discount = amount("discount_minor", _("discount"), currency="invoice.currency")
    tax = amount("tax_minor", _("tax"), currency="invoice.currency")
    gross = amount("gross_minor", _("with tax"), currency="invoice.currency")
    credited = amount("credited_minor", _("credited"), currency="invoice.currency")

    @admin.display(description=_("name"), ordering="name")
    def title(self, row: InvoiceLine) -> str:
        return row.name_in(get_language() or "")

    @admin.display(description=_("kind"), ordering="kind")
    def kind_name(self, row: InvoiceLine) -> str:
        return kind_text(row.kind)

    @admin.display(description=_("reason"), ordering="reason")
    def reason_name(self, row: InvoiceLine) -> str:
        return str(dict(Charge.Reason.choices).get(row.reason, row.reason))

    @admin.display(description=_("tax rate"))
    def rate(self, row: InvoiceLine) -> str:
        return formatting.percent(row.tax_rate)


class CreditLineRows(Rows):
    model = CreditNoteLine
    fields = ["line", "gross", "tax"]
    gross = amount("gross_minor", _("with tax"), currency="credit_note.currency")
    tax = amount("tax_minor", _("tax"), currency="credit_note.currency")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreditNoteLine]:
        return super().get_queryset(request).select_related("line", "credit_note")


@admin.register(CreditNote)
class CreditNoteAdmin(Reading):
    """What was credited, and why."""

    list_display = ["number", "invoice", "tenant", "total", "returned", "reason", "issued", "issued_by"]
    list_select_related = ["invoice", "tenant", "issued_by"]
    search_fields = ["number", "invoice__number", "reason", "tenant__code", "tenant__name"]
    list_filter = [
        ("seller", RelatedDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("issued_at", RangeDateTimeFilter),
        ("total_minor", RangeNumericFilter),
    ]
    date_hierarchy = "issued_at"
    ordering = ["-id"]
    inlines = [CreditLineRows]
    fields = [
        "number",
        "invoice",
        "tenant",
        "seller",
        "reason",
        "tax",
        "total",
        "returned",
        "issued",
        "issued_by",
        "buyer",
        "sender",
    ]

    tax = amount("tax_minor", _("tax"))
    total = amount("total_minor", _("total"))
    returned = amount("returned_minor", _("to be returned"))
    issued = moment("issued_at", _("issued"))
    buyer = facts("buyer_copy", _("customer on issue"))
    sender = facts("seller_copy", _("seller on issue"))


@admin.register(CreditNoteLine)
class CreditNoteLineAdmin(Reading):
    """Lines of credit notes."""

    list_display = ["credit_note", "line", "tenant", "gross", "tax"]
    list_select_related = ["credit_note", "line", "tenant"]
    search_fields = ["credit_note__number", "line__name", "tenant__code"]
    list_filter = [("tenant", AutocompleteSelectFilter)]
    ordering = ["-id"]
    fields = ["credit_note", "line", "tenant", "gross", "tax"]

    gross = amount("gross_minor", _("with tax"), currency="credit_note.currency")
    tax = amount("tax_minor", _("tax"), currency="credit_note.currency")


@admin.register(CreditedCharge)
class CreditedChargeAdmin(Endless):
    """Charges inside credit notes: what gave something back, and what was charged against it."""

    list_display = ["credit_note", "charge", "tenant", "before", "discount", "tax", "gross"]
    list_select_related = ["credit_note", "charge", "tenant"]
    search_fields = ["credit_note__number", "charge__code", "tenant__code", "tenant__name"]
    list_filter = [("tenant", AutocompleteSelectFilter)]
    fields = ["credit_note", "position", "charge", "tenant", "before", "discount", "tax", "gross"]

    before = amount("amount_minor", _("amount"), currency="credit_note.currency")
    discount = amount("discount_minor", _("discount"), currency="credit_note.currency")
    tax = amount("tax_minor", _("tax"), currency="credit_note.currency")
    gross = amount("gross_minor", _("with tax"), currency="credit_note.currency")


@admin.register(Document)
class DocumentAdmin(Endless):
    """Files made of documents, kept by their hash."""

    list_display = ["name", "kind", "tenant", "language", "size", "made"]
    list_select_related = ["tenant"]
    search_fields = ["name", "sha256", "tenant__code", "tenant__name"]
    list_filter = [
        ("kind", ChoicesDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("language", ChoicesDropdownFilter),
        ("made_at", RangeDateTimeFilter),
    ]
    fields = ["name", "kind", "tenant", "language", "size", "sha256", "made"]
    actions_detail = ["open_file"]

    made = moment("made_at", _("made"))

    @admin.display(description=_("size"), ordering="bytes")
    def size(self, row: Document) -> str:
        return formatting.quantity(row.bytes // 1024 or 1, "KiB")

    @act(_("Open the file"), needs="invoices.view_document", icon="picture_as_pdf")
    def open_file(self, request: HttpRequest, document: Any) -> HttpResponse:
        return HttpResponse(files.fetch(document.sha256), content_type="application/pdf")
