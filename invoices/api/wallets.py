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
from billing.models import Wallet
from billing.money import Money
from billing.wallets import Balance, Movement
from invoices import alerting, collection
from invoices.api.credits import issued
from invoices.api.payments import PaymentView
from invoices.models import ChargeNotice
from tenants import access
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import NotAllowed, NotFound
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


class AlertBody(Strict):
    """Below which balance you want to be told; null for never."""

    below = serializers.CharField(max_length=40, allow_null=True)


class AlertView(serializers.Serializer[Any]):
    """Below which balance the customer is told, and what it lacks for what is announced for the next 30 days."""

    below = serializers.CharField(allow_null=True)
    balance = serializers.CharField()
    announced = serializers.CharField()
    missing = serializers.CharField()
    until = serializers.DateField(allow_null=True)


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


class Alert(frame.Endpoint):
    """When a customer is told that the balance is low."""

    @extend_schema(parameters=WHOSE, responses=AlertView)
    def get(self, request: Request) -> Response:
        """Read below which balance the customer is told, and what is missing for what is announced."""
        tenant, seller = whose(request)
        with access.as_tenant(tenant):
            return Response(foretold(tenant, seller))

    @extend_schema(parameters=WHOSE, request=AlertBody, responses=AlertView)
    def put(self, request: Request) -> Response:
        """Set below which balance the customer is told, at most once a day; `null` for never."""
        tenant, seller = whose(request)
        said = frame.checked(AlertBody(data=request.data))["below"]
        below = money(said, tenant.currency, "below") if said is not None else None
        wallets.set_alert(tenant, seller=seller, currency=tenant.currency, below=below, at=timezone.now(), by=None)
        with access.as_tenant(tenant):
            return Response(foretold(tenant, seller))


class Pay(frame.Endpoint):
    """Paying from the balance."""

    @extend_schema(request=PayBody, responses={201: PaymentView})
    @frame.once
    def post(self, request: Request, number: str) -> Response:
        """Pay an issued invoice from its payer's balance, whole or a part; nothing is taken when the balance is too low.

        Only the customer's own key does: the balance is his.
        """
        if frame.is_operator(request):
            raise NotAllowed(
                _("The balance is the customer's: only he pays from it, on the pages or with his own key.")
            )
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


def foretold(tenant: Tenant, seller: Seller) -> dict[str, Any]:
    """Return the customer's own line, and what is missing for what is announced."""
    now, currency = timezone.now(), tenant.currency
    named = {"tenant": tenant, "seller": seller, "currency": currency}
    wallet = Wallet.objects.filter(**named).select_related("tenant").first() or Wallet(**named)
    rows = ChargeNotice.objects.filter(**named, due_at__gt=now - alerting.BEHIND)
    ahead = alerting.forecast(wallet, alerting.in_force(rows, at=now), at=now)
    return {
        "below": str(Money(wallet.alert_minor, currency)) if wallet.alert_minor else None,
        "balance": str(Money(wallet.total_minor, currency)),
        "announced": str(Money(ahead.announced_minor, currency)),
        "missing": str(Money(ahead.missing_minor, currency)),
        "until": ahead.until,
    }


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
