"""Refunds: list and follow them, ask for one of a bill or of the balance."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.fields import Amount, money
from billing.api.plans import of_seller
from billing.models import Wallet
from invoices import refund_rules, refunding, taking_back, telling_refunds
from invoices.api.credits import issued, line_amounts
from invoices.models import Invoice, Payment, Refund
from tenants import access
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import Conflict, Invalid, NotAllowed, NotFound


class RefundView(serializers.Serializer[Refund]):
    """Money on its way back. `way` is how it goes; no `invoice`: of the balance. `failure`: why its way was gone, it is then in
    the balance. `expected_on`: by when a bank card usually has it."""

    reference = serializers.CharField()
    tenant = serializers.CharField(source="tenant.code")
    seller = serializers.CharField(source="seller.code")
    invoice = serializers.CharField(source="invoice.number", allow_null=True)
    credit_note = serializers.CharField(source="credit_note.number", allow_null=True)
    payment = serializers.CharField(source="payment.reference", allow_null=True)
    way = serializers.SerializerMethodField()
    to = serializers.ChoiceField(Refund.To.choices)
    currency = serializers.CharField()
    amount = Amount("amount_minor")
    status = serializers.ChoiceField(Refund.Status.choices)
    failure = serializers.CharField()
    reason = serializers.CharField()
    provider_number = serializers.CharField()
    requested_at = serializers.DateTimeField()
    approved_at = serializers.DateTimeField(allow_null=True)
    sent_at = serializers.DateTimeField(allow_null=True)
    expected_on = serializers.SerializerMethodField()
    arrived_at = serializers.DateTimeField(allow_null=True)

    def get_way(self, row: Refund) -> str:
        if row.to == Refund.To.WALLET:
            return Payment.Method.WALLET
        return row.payment.method if row.payment else Payment.Method.TRANSFER

    def get_expected_on(self, row: Refund) -> str | None:
        return str(telling_refunds.expected_on(timezone.localdate(row.sent_at))) if row.sent_at else None


class RefundBody(Strict):
    """What to return: of an `invoice` all that is left, `amount` of it, or `lines` by position (with tax); without an invoice the
    balance that was paid in, or `amount` of it. A customer's key asks for what its plan lets it ask, and waits for approval."""

    invoice = serializers.CharField(max_length=40, required=False)
    tenant = serializers.CharField(max_length=60, required=False)
    seller = serializers.CharField(max_length=40, required=False)
    amount = serializers.CharField(max_length=40, required=False)
    lines = serializers.DictField(child=serializers.CharField(max_length=40), required=False)
    to = serializers.ChoiceField(Refund.To.choices, required=False)
    reason = serializers.CharField(max_length=300, required=False)


class Refunds(frame.Rows, generics.ListCreateAPIView[Refund]):
    """The refunds, newest first."""

    queryset = Refund.objects.select_related("tenant", "seller", "invoice", "credit_note", "payment")
    serializer_class = RefundView

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    @extend_schema(request=RefundBody, responses={201: RefundView(many=True)})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Ask for a refund; the answer has one row for each way that it goes. Above the seller's limit it waits for approval."""
        said = frame.checked(RefundBody(data=request.data))
        rows = of_bill(said, request) if "invoice" in said else of_balance(said, request)
        return Response({"results": RefundView(rows, many=True).data}, 201)


class OneRefund(frame.Rows, generics.RetrieveAPIView[Refund]):
    """One refund, by its reference."""

    queryset = Refunds.queryset
    serializer_class = RefundView
    lookup_field = "reference"

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)


def of_bill(said: dict[str, Any], request: Request) -> list[Refund]:
    """Ask for what a body says of a bill."""
    if "amount" in said and "lines" in said:
        raise Invalid(_("Name an amount or lines, not both."), field="lines")
    invoice, now = issued(said["invoice"], request), timezone.now()
    if not frame.is_operator(request):
        return as_customer(invoice, said, request)
    amount = money(said["amount"], invoice.currency).minor if "amount" in said else None
    lines = line_amounts(invoice, said["lines"]) if "lines" in said else None
    to, reason = said.get("to", Refund.To.ORIGIN), said.get("reason", "")
    return refunding.request(invoice, amount_minor=amount, lines=lines, to=to, reason=reason, at=now, by=None)


def as_customer(invoice: Invoice, said: dict[str, Any], request: Request) -> list[Refund]:
    """Ask, with a customer's key, for what the plan of its own bill lets it ask."""
    if invoice.tenant_id != request.auth.tenant_id:
        raise NotFound(_("There is no invoice “%(number)s”.") % {"number": said["invoice"]}, field="invoice")
    if said.keys() & {"amount", "lines", "to"}:
        raise NotAllowed(_("How much of a bill can be asked for is the plan's rule; leave amount, lines and to out."))
    now = timezone.now()
    lines = refund_rules.may_ask(invoice, now)
    if bought := taking_back.covers(invoice, now):
        return taking_back.refunds_of(taking_back.undo(bought, at=now, by=None))
    if not lines:
        raise Conflict(_("Under its plan nothing of this bill can be asked back now."), field="invoice")
    return refunding.request(invoice, lines=lines, reason=said.get("reason", ""), at=now, by=None, waits=True)


def of_balance(said: dict[str, Any], request: Request) -> list[Refund]:
    """Ask for balance back."""
    if said.keys() & {"lines", "to"}:
        raise Invalid(_("The balance has no lines, and goes back to who paid it in."), field="invoice")
    tenant = access.tenant_of_key(request.auth, said.get("tenant", ""))
    seller = frame.seller_of(request, said.get("seller", ""))
    wallet = Wallet.objects.filter(tenant=tenant, seller=seller, currency=tenant.currency).first()
    if wallet is None:
        raise NotFound(_("There is no balance."), field="tenant")
    amount = money(said["amount"], tenant.currency).minor if "amount" in said else None
    reason = said.get("reason", "")
    return refunding.withdraw(wallet, amount_minor=amount, reason=reason, at=timezone.now(), by=None)
