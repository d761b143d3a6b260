"""Resource packs: list them with what is left, grant one."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from rest_framework import generics, serializers

from billing import packs
from billing.api.fields import Exact, Moment
from billing.api.plans import of_seller
from billing.models import Pack
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import NotFound
from tenants.models import Seller
from usage.models import Meter


class PackView(serializers.Serializer[Pack]):
    """A resource pack. `used` is what closed periods used of it, `left` the rest; the running period draws at its close."""

    id = serializers.IntegerField()
    tenant = serializers.CharField(source="tenant.code")
    seller = serializers.CharField(source="seller.code")
    meter = serializers.CharField(source="meter.code")
    unit = serializers.CharField(source="meter.unit")
    quantity = Exact()
    used = Exact()
    left = serializers.SerializerMethodField()
    priority = serializers.IntegerField()
    valid_from = serializers.DateTimeField()
    expires = serializers.DateTimeField()
    match = serializers.JSONField()
    source = serializers.ChoiceField(Pack.Source.choices)
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_left(self, row: Any) -> str:
        return Exact().to_representation(row.quantity - row.used)


class GrantBody(Strict):
    """What is given: valid from `valid_from` (now) to before `expires`, for usage whose properties are those of `match`."""

    tenant = serializers.CharField(max_length=60)
    meter = serializers.CharField(max_length=60)
    seller = serializers.CharField(max_length=40, required=False)
    quantity = serializers.DecimalField(max_digits=30, decimal_places=10, coerce_to_string=True)
    expires = Moment()
    valid_from = Moment(required=False)
    priority = serializers.IntegerField(required=False, min_value=0, max_value=packs.MOST_PRIORITY)
    match = serializers.DictField(child=serializers.CharField(max_length=200), required=False)
    reason = serializers.CharField(max_length=200)


class PackFilter(filters.FilterSet):
    meter = filters.CharFilter(field_name="meter__code")

    class Meta:
        model = Pack
        fields = ["meter", "source"]


class Packs(frame.Rows, generics.ListAPIView[Pack]):
    """The resource packs of a customer, also those that lapsed or were used up."""

    queryset = Pack.objects.with_used().select_related("tenant", "seller", "meter")
    serializer_class = PackView
    filterset_class = PackFilter

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)


def meter_of(seller: Seller, code: str) -> Meter:
    """Return the seller's meter, or raise NotFound."""
    found = Meter.objects.filter(seller=seller, code=code).first()
    if found is None:
        raise NotFound(
            _("There is no meter “%(code)s”. Compare it with the list of meters.") % {"code": code}, field="meter"
        )
    return found
