"""Invoices: list, read with lines and steps, fetch as PDF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from billing.api.fields import Amount, Exact
from billing.api.plans import of_seller
from billing.api.rate import StepView
from billing.models import AppliedDiscount
from invoices.models import Document, Invoice, InvoiceLine
from tenants import files
from tenants.api import frame
from tenants.errors import NotFound
from tenants.models.companies import Language


class DiscountView(serializers.Serializer[AppliedDiscount]):
    """What a redeemed coupon took off a line."""

    coupon = serializers.CharField(source="redemption.coupon.code")
    amount = Amount("amount_minor", "charge.currency")


class LineView(serializers.Serializer[InvoiceLine]):
    """A line. `period` is of local days, the second one no longer in it; `steps` add up to the exact amount."""

    position = serializers.IntegerField()
    price = serializers.CharField(source="code")
    kind = serializers.CharField()
    reason = serializers.CharField()
    name = serializers.CharField()
    name_en = serializers.CharField()
    subscription = serializers.IntegerField(source="charge.subscription_id")
    period = serializers.SerializerMethodField()
    quantity = Exact()
    unit = serializers.CharField()
    unit_en = serializers.CharField()
    amount = Amount("amount_minor", "invoice.currency")
    discount = Amount("discount_minor", "invoice.currency")
    discounts = DiscountView(source="charge.discounts", many=True, read_only=True)
    tax_rate = Exact()
    tax = Amount("tax_minor", "invoice.currency")
    total = Amount("gross_minor", "invoice.currency")
    credited = Amount("credited_minor", "invoice.currency")
    measured = serializers.CharField(source="charge.details.measured", default=None, allow_null=True)
    included = serializers.CharField(source="charge.details.included", default=None, allow_null=True)
    steps = serializers.SerializerMethodField()

    def get_period(self, line: InvoiceLine) -> list[str]:
        return [line.service_start_on.isoformat(), line.service_end_on.isoformat()]

    @extend_schema(responses=StepView(many=True))
    def get_steps(self, line: InvoiceLine) -> list[dict[str, str]]:
        return [shown(step) for step in line.charge.details.get("steps", [])]


class InvoiceView(serializers.Serializer[Invoice]):
    number = serializers.CharField()
    tenant = serializers.CharField(source="tenant.code")
    seller = serializers.CharField(source="seller.code")
    status = serializers.ChoiceField(Invoice.Status.choices)
    currency = serializers.CharField()
    issued_at = serializers.DateTimeField()
    charge_on = serializers.DateField()
    due_on = serializers.DateField()
    zone = serializers.CharField()
    subtotal = Amount("subtotal_minor")
    discount = Amount("discount_minor")
    tax = Amount("tax_minor")
    total = Amount("total_minor")
    paid = Amount("paid_minor")
    credited = Amount("credited_minor")
    due = Amount("due_minor")
    paid_at = serializers.DateTimeField(allow_null=True)
    purchase_order = serializers.CharField()
    cost_centre = serializers.CharField()


class InvoiceWithLines(InvoiceView):
    """An invoice with the frozen copies of seller and buyer, and every line with its explanation."""

    seller_copy = serializers.JSONField()
    buyer_copy = serializers.JSONField()
    lines = LineView(many=True, read_only=True)


class InvoiceFilter(filters.FilterSet):
    """`from` and `until` are days on which the invoice was to be asked for; `until` is no longer in it."""

    class Meta:
        model = Invoice
        fields = ["status"]


InvoiceFilter.base_filters["from"] = filters.DateFilter(field_name="charge_on", lookup_expr="gte")
InvoiceFilter.base_filters["until"] = filters.DateFilter(field_name="charge_on", lookup_expr="lt")


class Invoices(frame.Rows, generics.ListAPIView[Invoice]):
    """The issued invoices, newest first."""

    queryset = Invoice.objects.issued().select_related("tenant", "seller")
    serializer_class = InvoiceView
    filterset_class = InvoiceFilter

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)


class OneInvoice(frame.Rows, generics.RetrieveAPIView[Invoice]):
    """One issued invoice, by its number."""

    queryset = Invoices.queryset.prefetch_related("lines__charge__discounts__redemption__coupon")
    serializer_class = InvoiceWithLines
    lookup_field = "number"

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)


class Pdf(BaseRenderer):
    """Lets a caller ask for `Accept: application/pdf`; the view answers with the file itself."""

    media_type = "application/pdf"
    format = "pdf"
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return JSONRenderer().render(data)


class InvoicePdf(OneInvoice):
    """The file of an invoice, as it was mailed."""

    renderer_classes = [JSONRenderer, Pdf]

    @extend_schema(
        parameters=[
            OpenApiParameter("language", str, enum=list(Language.values), description="Default: the invoice's.")
        ],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Fetch the PDF of an invoice."""
        with frame.reading(request):
            document = document_of(self.get_object(), request.query_params.get("language", ""))
        name = {"Content-Disposition": f'attachment; filename="{document.name}"'}
        return HttpResponse(files.fetch(document.sha256), content_type="application/pdf", headers=name)


def document_of(invoice: Invoice, language: str) -> Document:
    """Return the file that was made of the invoice; raise NotFound while there is none."""
    made = Document.objects.filter(kind=Document.Kind.INVOICE, source_id=invoice.pk)
    document = made.filter(language=language or invoice.language).first()
    if document is None:
        raise NotFound(_("There is no such PDF yet. It is made within a minute of the issue; ask again."))
    return document


def shown(step: Mapping[str, str]) -> dict[str, str]:
    """Return a step as POST /api/v1/rate answers it, in the caller's language."""
    chinese = (get_language() or "").startswith("zh")
    numbers = {name: step[name] for name in ("quantity", "unit_amount", "amount")}
    return {"text": step["zh" if chinese else "en"]} | numbers
