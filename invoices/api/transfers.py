"""Transfers: what customers tell of theirs, and what came in at the bank (operators' keys)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.fields import Amount, money
from billing.api.plans import of_seller
from invoices import claiming
from invoices.models import BankCredit, TransferClaim
from tenants import access
from tenants.api import frame
from tenants.api.frame import Strict


class ClaimView(serializers.Serializer[TransferClaim]):
    """A customer's word that a transfer was made. `reason` says why it was declined."""

    id = serializers.IntegerField()
    tenant = serializers.CharField(source="tenant.code")
    seller = serializers.CharField(source="seller.code")
    currency = serializers.CharField()
    amount = Amount("amount_minor")
    paid_on = serializers.DateField()
    payer_name = serializers.CharField()
    last_digits = serializers.CharField()
    remark = serializers.CharField()
    state = serializers.ChoiceField(TransferClaim.State.choices)
    reason = serializers.CharField()
    made_at = serializers.DateTimeField()


class ClaimBody(Strict):
    """A transfer that was made. Of the account only the last four digits."""

    tenant = serializers.CharField(max_length=60, required=False)
    seller = serializers.CharField(max_length=40, required=False)
    amount = serializers.CharField(max_length=40)
    paid_on = serializers.DateField()
    payer_name = serializers.CharField(max_length=200)
    last_digits = serializers.CharField(max_length=4, required=False, allow_blank=True)
    remark = serializers.CharField(max_length=300, required=False, allow_blank=True)


class Claims(frame.Rows, generics.ListCreateAPIView[TransferClaim]):
    """The claims, newest first."""

    queryset = TransferClaim.objects.select_related("tenant", "seller")
    serializer_class = ClaimView

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    @extend_schema(request=ClaimBody, responses={201: ClaimView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Tell of a transfer that is not found yet. It books nothing; the answer is its `state`."""
        said = frame.checked(ClaimBody(data=request.data))
        tenant = access.tenant_of_key(request.auth, said.pop("tenant", ""))
        seller = frame.seller_of(request, said.pop("seller", ""))
        amount = money(said.pop("amount"), tenant.currency)
        told = {"key": uuid4().hex, "at": timezone.now(), "by": None}
        made = claiming.claim(tenant, seller=seller, amount=amount, **told, **said)
        return Response(self.get_serializer(made).data, 201)


class CreditView(serializers.Serializer[BankCredit]):
    """Money that came in at the bank. The payer's account is masked; `payment` is there once it is matched."""

    id = serializers.IntegerField()
    seller = serializers.CharField(source="seller.code")
    currency = serializers.CharField()
    amount = Amount("amount_minor")
    reference = serializers.CharField()
    payer_name = serializers.CharField()
    payer_account = serializers.CharField()
    remark = serializers.CharField()
    received_at = serializers.DateTimeField()
    state = serializers.ChoiceField(BankCredit.State.choices)
    tenant = serializers.CharField(source="tenant.code", allow_null=True, default=None)
    payment = serializers.IntegerField(source="payment_id", allow_null=True)


class BankCredits(frame.Rows, generics.ListAPIView[BankCredit]):
    """What came in at the bank, newest first (operators' keys)."""

    queryset = BankCredit.objects.select_related("tenant", "seller")
    serializer_class = CreditView

    def get_queryset(self) -> Any:
        frame.require_operator(self.request)
        return of_seller(super().get_queryset(), self.request)

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read what came in at the bank, matched or not."""
        frame.require_operator(request)
        return super().get(request, *args, **kwargs)
