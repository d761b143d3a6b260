"""Payments: list them, record a received transfer."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.fields import Amount, Moment, money
from billing.api.plans import of_seller
from invoices.api import hands
from invoices.api.credits import issued
from invoices.models import Allocation, OperatorAct, Payment
from tenants import access
from tenants.api import frame
from tenants.api.frame import Strict


class PartView(serializers.Serializer[Allocation]):
    invoice = serializers.CharField(source="invoice.number")
    amount = Amount("amount_minor", "payment.currency")


class PaymentView(serializers.Serializer[Payment]):
    """Money received. `allocations` say which invoices it settled; what they leave is on the customer's account."""

    id = serializers.IntegerField()
    tenant = serializers.CharField(source="tenant.code")
    seller = serializers.CharField(source="seller.code")
    currency = serializers.CharField()
    amount = Amount("amount_minor")
    method = serializers.ChoiceField(Payment.Method.choices)
    reference = serializers.CharField()
    status = serializers.ChoiceField(Payment.Status.choices)
    payer_name = serializers.CharField()
    received_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    allocations = PartView(many=True, read_only=True)


class TransferBody(Strict):
    """A transfer on the bank's statement. `allocate`: amounts by invoice number; without it the oldest bills first."""

    tenant = serializers.CharField(max_length=60)
    seller = serializers.CharField(max_length=40, required=False)
    amount = serializers.CharField(max_length=40)
    currency = serializers.CharField(max_length=3, required=False)
    reference = serializers.CharField(max_length=80)
    received_at = Moment(required=False)
    payer_name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    allocate = serializers.DictField(child=serializers.CharField(max_length=40), required=False)
    reason = serializers.CharField(max_length=300, required=False)


class Payments(frame.Rows, generics.ListCreateAPIView[Payment]):
    """The payments, newest first."""

    queryset = Payment.objects.select_related("tenant", "seller").prefetch_related("allocations__invoice")
    serializer_class = PaymentView

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    @extend_schema(request=TransferBody, responses={201: PaymentView, 202: hands.ActView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Record a received transfer (operators' keys). A bank's reference is recorded once, whatever the key says.

        Above the seller's limit for acts by hand it waits for one of its people, and the answer is 202.
        """
        frame.require_operator(request)
        act, made = receive(frame.checked(TransferBody(data=request.data)), request)
        if made is None:
            return Response(hands.ActView(act).data, 202)
        return Response(self.get_serializer(Payments.queryset.get(pk=made)).data, 201)


def receive(said: dict[str, Any], request: Request) -> tuple[OperatorAct, int | None]:
    """Record the transfer that a body describes."""
    tenant = access.tenant_of_key(request.auth, said["tenant"])
    amount = money(said["amount"], said.get("currency", tenant.currency))
    parts = {
        str(issued(number, request).pk): money(part, amount.currency, f"allocate.{number}").minor
        for number, part in said.get("allocate", {}).items()
    }
    wish = {
        "amount_minor": amount.minor,
        "reference": said["reference"],
        "received_at": said.get("received_at", timezone.now()).isoformat(),
        "payer_name": said.get("payer_name", ""),
        "allocate": parts,
    }
    return hands.do(
        request,
        kind=OperatorAct.Kind.TRANSFER,
        tenant=tenant,
        seller=frame.seller_of(request, said.get("seller", "")),
        currency=amount.currency,
        target=f"tenant:{tenant.pk}",
        wish=wish,
        reason=said.get("reason") or _("recorded by a program, with the bank's reference"),
    )
