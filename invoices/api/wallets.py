"""The balance of a customer: what it holds, every movement of it, and paying a bill from it."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import wallets
from billing.api.fields import money
from billing.money import Money
from billing.wallets import Balance, Movement
from invoices import collection
from invoices.api.credits import issued
from invoices.api.payments import PaymentView
from tenants import access
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import NotFound
from tenants.models import Seller, Tenant


class WalletView(serializers.Serializer[Any]):
    """What a customer has put in and not spent; `gift` was given to him and is spent first."""

    tenant = serializers.CharField()
    seller = serializers.CharField()
    currency = serializers.CharField()
    balance = serializers.CharField()
    paid = serializers.CharField()
    gift = serializers.CharField()


class MovementView(serializers.Serializer[Any]):
    """One movement: its cause, what it moved, and the balance after it."""

    at = serializers.DateTimeField()
    kind = serializers.CharField()
    source = serializers.CharField()
    source_id = serializers.IntegerField()
    paid = serializers.CharField()
    gift = serializers.CharField()
    balance = serializers.CharField()


class PayBody(Strict):
    """What to pay of a bill from the balance: all that is due, or `amount`."""

    amount = serializers.CharField(max_length=40, required=False)


WHOSE = [
    OpenApiParameter("tenant", str, description="The customer (operators' keys)."),
    OpenApiParameter("seller", str, description="The seller; needed where there are several."),
]


class OneWallet(frame.Endpoint):
    """The balance."""

    @extend_schema(parameters=WHOSE, responses=WalletView)
    def get(self, request: Request) -> Response:
        """Read the balance of a customer with a seller."""
        tenant, seller = whose(request)
        with access.as_tenant(tenant):
            held = wallets.balance(tenant, seller, tenant.currency)
        return Response(
            {"tenant": tenant.code, "seller": seller.code, "currency": tenant.currency} | written(held, tenant.currency)
        )


class Statement(frame.Endpoint):
    """The movements of the balance."""

    @extend_schema(parameters=WHOSE, responses=MovementView(many=True))
    def get(self, request: Request) -> Response:
        """Read every movement of the balance, oldest first."""
        tenant, seller = whose(request)
        with access.as_tenant(tenant):
            moved = wallets.statement(tenant, seller, tenant.currency)
        return Response({"results": [told(one, tenant.currency) for one in moved]})


class Pay(frame.Endpoint):
    """Paying from the balance."""

    @extend_schema(request=PayBody, responses={201: PaymentView})
    @frame.once
    def post(self, request: Request, number: str) -> Response:
        """Pay an issued invoice from its payer's balance, whole or a part; nothing is taken when the balance is too low."""
        said = frame.checked(PayBody(data=request.data))
        invoice = issued(number, request)
        if not frame.is_operator(request) and invoice.tenant_id != request.auth.tenant_id:
            raise NotFound(_("There is no invoice “%(number)s”.") % {"number": number}, field="invoice")
        amount = money(said["amount"], invoice.currency).minor if "amount" in said else None
        payment = collection.pay_now(invoice, amount=amount, at=timezone.now(), by=None)
        return Response(PaymentView(payment).data, 201)


def whose(request: Request) -> tuple[Tenant, Seller]:
    """Return the customer and the seller that a request is about."""
    tenant = access.tenant_of_key(request.auth, request.query_params.get("tenant", ""))
    return tenant, frame.seller_of(request, request.query_params.get("seller", ""))


def written(held: Balance, currency: str) -> dict[str, str]:
    return {
        "balance": str(Money(held.total, currency)),
        "paid": str(Money(held.paid, currency)),
        "gift": str(Money(held.gift, currency)),
    }


def told(one: Movement, currency: str) -> dict[str, Any]:
    return {
        "at": one.at,
        "kind": one.kind,
        "source": one.source,
        "source_id": one.source_id,
        "paid": str(Money(one.paid, currency)),
        "gift": str(Money(one.gift, currency)),
        "balance": str(Money(one.after.total, currency)),
    }
