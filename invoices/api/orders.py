"""Pay through a provider: begin, look, stop. What is paid settles the bills; nothing is authorised for later."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.fields import Amount, money
from invoices import paying
from invoices.api.credits import issued
from invoices.models import Payment, PaymentPart
from invoices.providers import reasons
from tenants import access
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import Invalid, NotFound
from tenants.models import Tenant

PROVIDERS = [Payment.Method.ALIPAY, Payment.Method.WECHAT]


class OrderPartView(serializers.Serializer[PaymentPart]):
    invoice = serializers.CharField(source="invoice.number")
    amount = Amount("amount_minor", "payment.currency")


class OrderView(serializers.Serializer[Payment]):
    """A payment at a provider. `pay_address` is the content of a code to scan, or the address of the provider's page."""

    reference = serializers.CharField()
    tenant = serializers.CharField(source="tenant.code")
    seller = serializers.CharField(source="seller.code")
    currency = serializers.CharField()
    amount = Amount("amount_minor")
    method = serializers.ChoiceField([(one.value, one.label) for one in PROVIDERS])
    product = serializers.CharField()
    purpose = serializers.CharField()
    status = serializers.ChoiceField(Payment.Status.choices)
    failure = serializers.CharField()
    message = serializers.SerializerMethodField()
    pay_address = serializers.CharField()
    expires_at = serializers.DateTimeField()
    invoices = OrderPartView(source="parts", many=True, read_only=True)

    def get_message(self, payment: Payment) -> str:
        """Say in words why nothing was taken, and what to do; empty while nothing failed."""
        return reasons.sentence(payment.failure) if payment.failure else ""


class PaymentOrderBody(Strict):
    """What to pay and where: `invoices` (amounts by number, null is all that is due), or `top_up` for the balance."""

    tenant = serializers.CharField(max_length=60, required=False)
    seller = serializers.CharField(max_length=40, required=False)
    method = serializers.ChoiceField([(one.value, one.label) for one in PROVIDERS])
    product = serializers.ChoiceField([("qr", "qr"), ("page", "page")], default="qr")
    invoices = serializers.DictField(child=serializers.CharField(max_length=40, allow_null=True), required=False)
    top_up = serializers.CharField(max_length=40, required=False)


class Orders(frame.Endpoint):
    """Payments at providers."""

    @extend_schema(request=PaymentOrderBody, responses={201: OrderView})
    def post(self, request: Request) -> Response:
        """Begin a payment at Alipay or WeChat Pay. A repeat under the same `Idempotency-Key` answers with the first one."""
        intended = self.intend(request)
        # The provider is called outside of the transaction that keeps the intent and its key.
        payment = Payment.objects.get(reference=intended.data["reference"])
        return Response(OrderView(paying.begin(payment, at=timezone.now())).data, intended.status_code)

    @frame.once
    def intend(self, request: Request) -> Response:
        """Write the intent, and keep the answer under the request's key."""
        said = frame.checked(PaymentOrderBody(data=request.data))
        tenant = access.tenant_of_key(request.auth, said.get("tenant", ""))
        payment = paying.intend(
            tenant,
            seller=frame.seller_of(request, said.get("seller", "")),
            currency=tenant.currency,
            method=said["method"],
            product=said["product"],
            **_paid_for(said, tenant, request),
            at=timezone.now(),
            by=None,
        )
        return Response({"reference": payment.reference}, 201)


class OneOrder(frame.Endpoint):
    """One payment at a provider."""

    @extend_schema(responses=OrderView)
    def get(self, request: Request, reference: str) -> Response:
        """Read where a payment is."""
        return Response(OrderView(_find(reference, request)).data)


class StopOrder(frame.Endpoint):
    """Giving a payment up."""

    @extend_schema(request=None, responses=OrderView)
    def post(self, request: Request, reference: str) -> Response:
        """Close an unpaid payment at the provider; one that was paid meanwhile stays paid. Repeating it changes nothing."""
        return Response(OrderView(paying.abandon(_find(reference, request), at=timezone.now(), by=None)).data)


def _paid_for(said: dict[str, Any], tenant: Tenant, request: Request) -> dict[str, Any]:
    """Return the bills, or the top-up, that an order is for; raise Invalid for neither and for both."""
    if bool(said.get("invoices")) == ("top_up" in said):
        raise Invalid(_("Say either which invoices are paid, or how much is topped up."), field="invoices")
    if "top_up" in said:
        return {"top_up_minor": money(said["top_up"], tenant.currency, "top_up").minor}
    return {"bills": _bills(said["invoices"], tenant, request)}


def _bills(given: dict[str, str | None], tenant: Tenant, request: Request) -> dict[int, int | None]:
    found: dict[int, int | None] = {}
    for number, amount in given.items():
        invoice = issued(number, request)
        if invoice.tenant_id != tenant.pk:
            raise NotFound(_("There is no invoice “%(number)s”.") % {"number": number}, field=f"invoices.{number}")
        found[invoice.pk] = None if amount is None else money(amount, invoice.currency, f"invoices.{number}").minor
    return found


def _find(reference: str, request: Request) -> Payment:
    found = Payment.objects.filter(reference=reference, method__in=PROVIDERS).select_related("tenant", "seller").first()
    theirs = found is not None and not frame.is_operator(request) and found.tenant_id != request.auth.tenant_id
    if found is None or theirs or (request.auth.seller_id and found.seller_id != request.auth.seller_id):
        raise NotFound(_("There is no such payment."), field="reference")
    return found
