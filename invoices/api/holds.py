"""Held bills: list them with the comparison, and agree to one."""

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
from billing.money import Money
from invoices import holding
from invoices.models import BillHold
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import NotAllowed


class HoldView(serializers.Serializer[BillHold]):
    """A bill that is not issued until somebody agrees. `reasons` say which lines (`price` empty: the whole bill) are how far
    above what is usual; `outcome` is empty while it is held."""

    id = serializers.IntegerField()
    tenant = serializers.CharField(source="tenant.code")
    seller = serializers.CharField(source="seller.code")
    currency = serializers.CharField()
    total = Amount("total_minor")
    charge_on = serializers.DateField()
    invoice = serializers.SerializerMethodField()
    reasons = serializers.SerializerMethodField()
    held_at = serializers.DateTimeField()
    released_at = serializers.DateTimeField(allow_null=True)
    outcome = serializers.CharField()
    reason = serializers.CharField()

    def get_invoice(self, row: BillHold) -> str | None:
        return row.invoice.number if row.invoice else None

    def get_reasons(self, row: BillHold) -> list[dict[str, Any]]:
        return [
            {
                "price": one["code"],
                "why": one["why"],
                "amount": str(Money(one["amount_minor"], row.currency)),
                "usual": str(Money(one["usual_minor"], row.currency)),
                "spread": str(Money(one["spread_minor"], row.currency)),
                "highest": str(Money(one["highest_minor"], row.currency)),
                "spreads": one["spreads"],
                "periods": one["periods"],
            }
            for one in row.reasons
        ]


class ReleaseBody(Strict):
    """A yes: the `total` that it is for, and why."""

    total = serializers.CharField(max_length=40)
    reason = serializers.CharField(max_length=300)


class Holds(frame.Rows, generics.ListAPIView[BillHold]):
    """The held bills, newest first, with those that were ended."""

    queryset = BillHold.objects.select_related("tenant", "seller", "invoice")
    serializer_class = HoldView

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)


class Release(frame.Rows, generics.GenericAPIView[BillHold]):
    """Agree to a held bill."""

    queryset = Holds.queryset
    serializer_class = HoldView

    def get_queryset(self) -> Any:
        # Not read as the role `tenant`, which could change nothing: so whose it is, is asked here.
        auth = self.request.auth
        return super().get_queryset().filter(tenant=auth.tenant_id) if auth is not None else BillHold.objects.none()

    @extend_schema(request=ReleaseBody, responses={200: HoldView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Agree with the customer's own key; operators agree in the admin, by name. It is issued and, where due, deducted."""
        if frame.is_operator(request):
            raise NotAllowed(_("An operator agrees by name, in the admin; a key of ours cannot."))
        said, hold = frame.checked(ReleaseBody(data=request.data)), self.get_object()
        total = money(said["total"], hold.currency).minor
        row = holding.release(hold, at=timezone.now(), by=None, reason=said["reason"], total_minor=total)
        return Response(HoldView(row).data)
