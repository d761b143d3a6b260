"""What is for sale: plans with the version on sale and its prices."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from django_filters import rest_framework as filters
from rest_framework import generics, serializers

from billing.api.fields import Amount
from billing.models import Plan, PlanVersion, Price
from billing.models.catalogue import Status
from tenants.api import frame


class PriceView(serializers.Serializer[Price]):
    """A price; `price` is one of CONTRACTS §1, as POST /api/v1/rate takes it."""

    code = serializers.CharField()
    name = serializers.CharField()
    name_en = serializers.CharField()
    kind = serializers.ChoiceField(Price.Kind.choices)
    timing = serializers.ChoiceField(Price.Timing.choices)
    interval = serializers.CharField()
    optional = serializers.BooleanField()
    one_off = serializers.BooleanField()
    unit = serializers.CharField()
    unit_en = serializers.CharField()
    meter = serializers.CharField(source="meter.code", default=None, allow_null=True)
    match = serializers.JSONField()
    price = serializers.SerializerMethodField()

    def get_price(self, row: Price) -> dict[str, Any]:
        return {"model": row.model} | {name: value for name, value in row.params.items() if name != "unit_cost"}


class VersionView(serializers.Serializer[PlanVersion]):
    number = serializers.IntegerField()
    status = serializers.ChoiceField(Status.choices)
    currency = serializers.CharField()
    interval = serializers.CharField()
    term = serializers.CharField()
    alignment = serializers.CharField()
    billing_day = serializers.IntegerField(allow_null=True)
    trial_days = serializers.IntegerField()
    after_trial = serializers.CharField()
    proration = serializers.CharField()
    refund = serializers.CharField()
    minimum = serializers.SerializerMethodField()
    terms = serializers.CharField()
    sha256 = serializers.CharField()
    published_at = serializers.DateTimeField()
    prices = PriceView(many=True, read_only=True)

    def get_minimum(self, row: PlanVersion) -> str | None:
        return None if row.minimum_minor is None else Amount("minimum_minor").to_representation(row)


class PlanView(serializers.Serializer[Plan]):
    id = serializers.IntegerField()
    code = serializers.CharField()
    name = serializers.CharField()
    name_en = serializers.CharField()
    seller = serializers.CharField(source="seller.code")
    family = serializers.CharField(source="family.code")
    on_sale = serializers.BooleanField()
    versions = VersionView(many=True, read_only=True)


class PlanFilter(filters.FilterSet):
    seller = filters.CharFilter(field_name="seller__code")

    class Meta:
        model = Plan
        fields = ["seller", "code"]


PRICES = Prefetch("prices", Price.objects.select_related("meter").order_by("position", "id"))
PUBLISHED = Prefetch("versions", PlanVersion.objects.filter(status=Status.PUBLISHED).prefetch_related(PRICES))


class Plans(frame.Rows, generics.ListAPIView[Plan]):
    """The plans, each with the version that is on sale and its prices."""

    queryset = Plan.objects.select_related("seller", "family").prefetch_related(PUBLISHED)
    serializer_class = PlanView
    filterset_class = PlanFilter

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)


class OnePlan(frame.Rows, generics.RetrieveAPIView[Plan]):
    """One plan, by its id."""

    queryset = Plans.queryset
    serializer_class = PlanView

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)


def of_seller(rows: Any, request: Any) -> Any:
    """Return the rows of the key's seller, where the key belongs to one."""
    if request.auth is None or request.auth.seller_id is None:
        return rows
    return rows.filter(seller=request.auth.seller_id)
