"""Credit notes: list, read, issue."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.fields import Amount, money
from billing.api.plans import of_seller
from invoices.api import hands
from invoices.models import CreditNote, CreditNoteLine, Invoice, OperatorAct
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import Invalid, NotFound


class CreditLineView(serializers.Serializer[CreditNoteLine]):
    position = serializers.IntegerField(source="line.position")
    price = serializers.CharField(source="line.code")
    name = serializers.CharField(source="line.name")
    tax = Amount("tax_minor", "credit_note.currency")
    total = Amount("gross_minor", "credit_note.currency")


class CreditNoteView(serializers.Serializer[CreditNote]):
    """A credit note. `returned` had been paid and stands on the customer's account; the rest lowered what was due."""

    number = serializers.CharField()
    invoice = serializers.CharField(source="invoice.number")
    tenant = serializers.CharField(source="tenant.code")
    seller = serializers.CharField(source="seller.code")
    currency = serializers.CharField()
    reason = serializers.CharField()
    issued_at = serializers.DateTimeField()
    tax = Amount("tax_minor")
    total = Amount("total_minor")
    returned = Amount("returned_minor")
    lines = CreditLineView(many=True, read_only=True)


class CreditBody(Strict):
    """What is credited of an invoice: `lines` by position, each an amount; without it all that is left."""

    invoice = serializers.CharField(max_length=40)
    reason = serializers.CharField(max_length=300)
    lines = serializers.DictField(child=serializers.CharField(max_length=40), required=False)


class CreditNotes(frame.Rows, generics.ListCreateAPIView[CreditNote]):
    """The credit notes, newest first."""

    queryset = CreditNote.objects.select_related("invoice", "tenant", "seller").prefetch_related("lines__line")
    serializer_class = CreditNoteView

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    @extend_schema(request=CreditBody, responses={201: CreditNoteView, 202: hands.ActView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Credit an issued invoice (operators' keys). Above the seller's limit it waits for one of its people: 202."""
        frame.require_operator(request)
        act, made = credit(frame.checked(CreditBody(data=request.data)), request)
        if made is None:
            return Response(hands.ActView(act).data, 202)
        return Response(self.get_serializer(CreditNotes.queryset.get(pk=made)).data, 201)


def credit(said: dict[str, Any], request: Request) -> tuple[OperatorAct, int | None]:
    """Credit what a body says, as an act by hand."""
    invoice = issued(said["invoice"], request)
    amounts = line_amounts(invoice, said["lines"]) if "lines" in said else None
    return hands.do(
        request,
        kind=OperatorAct.Kind.CREDIT,
        tenant=invoice.tenant,
        seller=invoice.seller,
        currency=invoice.currency,
        target=f"invoice:{invoice.pk}",
        wish={"invoice": invoice.pk, "amounts": amounts and {str(line): minor for line, minor in amounts.items()}},
        reason=said["reason"],
    )


class OneCreditNote(frame.Rows, generics.RetrieveAPIView[CreditNote]):
    """One credit note, by its number."""

    queryset = CreditNotes.queryset
    serializer_class = CreditNoteView
    lookup_field = "number"

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)


def issued(number: str, request: Request) -> Invoice:
    """Return the issued invoice of this number that the key may see; raise NotFound naming `invoice`."""
    found = (
        of_seller(Invoice.objects.issued(), request).select_related("seller", "tenant").filter(number=number).first()
    )
    if found is None:
        raise NotFound(_("There is no invoice “%(number)s”.") % {"number": number}, field="invoice")
    return found


def line_amounts(invoice: Invoice, said: dict[str, str]) -> dict[int, int]:
    """Return minor units by line id of what a body says by position."""
    ids = {str(position): pk for position, pk in invoice.lines.values_list("position", "pk")}
    if unknown := [position for position in said if position not in ids]:
        raise Invalid(_("The invoice has no such line."), field=f"lines.{unknown[0]}")
    return {ids[p]: money(amount, invoice.currency, f"lines.{p}").minor for p, amount in said.items()}
