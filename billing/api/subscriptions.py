"""Subscriptions: list, read, start, switch renewal, end."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscriptions, weighing
from billing.api.fields import Day, Exact
from billing.api.plans import of_seller
from billing.models import Subscription
from tenants import access
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import NotFound
from tenants.models import Authorisation, Tenant
from usage.periods import local_day


class ItemView(serializers.Serializer[Any]):
    price = serializers.CharField(source="price.code")
    quantity = Exact()
    start = serializers.DateTimeField(source="during.lower")
    end = serializers.DateTimeField(source="during.upper", allow_null=True)


class SubscriptionView(serializers.Serializer[Subscription]):
    """A subscription. Days are local days of `zone`, ends are the day after the last."""

    id = serializers.IntegerField()
    tenant = serializers.CharField(source="tenant.code")
    payer = serializers.CharField(source="payer.code")
    seller = serializers.CharField(source="seller.code")
    plan = serializers.CharField(source="plan.code")
    version = serializers.IntegerField(source="version.number")
    label = serializers.CharField()
    status = serializers.ChoiceField(Subscription.Status.choices)
    currency = serializers.CharField()
    pays = serializers.ChoiceField(Subscription.Pays.choices)
    zone = serializers.CharField()
    start = serializers.DateField(source="start_on")
    anchor = serializers.DateField(source="anchor_on")
    trial_end = serializers.DateField(source="trial_end_on", allow_null=True)
    term_start = serializers.DateField(source="term_start_on")
    term_end = serializers.DateField(source="term_end_on")
    end = serializers.DateField(source="end_on", allow_null=True)
    auto_renew = serializers.BooleanField()
    consent = serializers.IntegerField(source="renewal_consent_id", allow_null=True)
    next_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    purchase_order = serializers.CharField()
    cost_centre = serializers.CharField()
    created_at = serializers.DateTimeField()
    items = ItemView(many=True, read_only=True)


class OrderBody(Strict):
    """What is bought. `prices` are negotiated prices by code, each a price of CONTRACTS §1. `twice`: it is wanted though
    another account with the same tax number has this product."""

    tenant = serializers.CharField(max_length=60)
    plan = serializers.CharField(max_length=60)
    seller = serializers.CharField(max_length=40, required=False)
    start = Day(required=False)
    end = Day(required=False, allow_null=True)
    quantities = serializers.DictField(
        child=serializers.DecimalField(max_digits=20, decimal_places=10, coerce_to_string=True), required=False
    )
    modules = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    coupons = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    prices = serializers.DictField(child=serializers.DictField(), required=False)
    label = serializers.CharField(max_length=60, required=False, allow_blank=True)
    pays = serializers.ChoiceField(Subscription.Pays.choices, required=False)
    consent = serializers.IntegerField(required=False, allow_null=True)
    purchase_order = serializers.CharField(max_length=60, required=False, allow_blank=True)
    cost_centre = serializers.CharField(max_length=60, required=False, allow_blank=True)
    twice = serializers.BooleanField(required=False)


class RenewalBody(Strict):
    """`on` needs `consent`, the id of an authorisation that a member of the customer has given."""

    on = serializers.BooleanField()
    consent = serializers.IntegerField(required=False, allow_null=True)


class EndBody(Strict):
    on = Day(required=False, allow_null=True)


class SubscriptionFilter(filters.FilterSet):
    plan = filters.CharFilter(field_name="plan__code")

    class Meta:
        model = Subscription
        fields = ["status", "plan"]


class Subscriptions(frame.Rows, generics.ListCreateAPIView[Subscription]):
    """The subscriptions of a customer, and those that it pays for."""

    queryset = Subscription.objects.select_related("tenant", "payer", "seller", "plan", "version").prefetch_related(
        "items__price"
    )
    serializer_class = SubscriptionView
    filterset_class = SubscriptionFilter

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    @extend_schema(request=OrderBody, responses={201: SubscriptionView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Start a subscription (operators' keys). The acceptance of the plan's published version is recorded."""
        frame.require_operator(request)
        said = frame.checked(OrderBody(data=request.data))
        started = begin(order(said, request), at=timezone.now())
        return Response(self.get_serializer(self.get_queryset().get(pk=started.pk)).data, 201)


class OneSubscription(frame.Rows, generics.RetrieveAPIView[Subscription]):
    """One subscription, by its id."""

    queryset = Subscriptions.queryset
    serializer_class = SubscriptionView

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    def own(self) -> Subscription:
        """Return the subscription that the key may change: one of its own tenant, or any for an operator."""
        with frame.reading(self.request):
            return self.get_object()

    def shown(self) -> Response:
        with frame.reading(self.request):
            return Response(self.get_serializer(self.get_object()).data)


class Renewal(OneSubscription):
    """The switch for automatic renewal."""

    http_method_names = ["post", "options"]

    @extend_schema(request=RenewalBody, responses=SubscriptionView)
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Switch automatic renewal on, under a recorded consent, or off, at once."""
        said, subscription = frame.checked(RenewalBody(data=request.data)), self.own()
        if said["on"]:
            given = consent(said.get("consent"), subscription.tenant)
            subscriptions.renew_automatically(subscription, consent=given, at=timezone.now(), by=None)
        else:
            subscriptions.stop_renewing(subscription, at=timezone.now(), by=None)
        return self.shown()


class End(OneSubscription):
    """The end of a subscription."""

    http_method_names = ["post", "options"]

    @extend_schema(request=EndBody, responses=SubscriptionView)
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """End a subscription on a local day; by default with its term."""
        said = frame.checked(EndBody(data=request.data))
        subscriptions.end(self.own(), at=timezone.now(), by=None, on=said.get("on"))
        return self.shown()


@transaction.atomic
def begin(bought: subscriptions.Order, *, at: datetime) -> Subscription:
    """Start what an operator's program ordered for a customer; raise AboveLimit above the customer's own limit."""
    begun = subscriptions.start_one(bought, at=at, by=None)
    weighing.refuse_start(begun, at=at)
    return begun


def order(said: dict[str, Any], request: Request) -> subscriptions.Order:
    """Return the order that a body describes."""
    tenant = access.tenant_of_key(request.auth, said["tenant"])
    version = subscriptions.on_sale(frame.seller_of(request, said.get("seller", "")).pk, said["plan"])
    same = ("modules", "coupons", "label", "pays", "purchase_order", "cost_centre", "twice")
    given = said.get("consent")
    return subscriptions.Order(
        tenant=tenant,
        version=version,
        start_on=said.get("start") or local_day(timezone.now(), tenant.timezone),
        end_on=said.get("end"),
        quantities={code: Decimal(quantity) for code, quantity in said.get("quantities", {}).items()},
        negotiated=said.get("prices", {}),
        consent=consent(given, tenant) if given is not None else None,
        **{name: said[name] for name in same if name in said},
    )


def consent(pk: int | None, tenant: Tenant) -> Authorisation:
    """Return the customer's authorisation of this id, or raise NotFound."""
    found = Authorisation.objects.filter(pk=pk, tenant=tenant).first() if pk is not None else None
    if found is None:
        raise NotFound(_("Name the authorisation that a member of the customer has given."), field="consent")
    return found
