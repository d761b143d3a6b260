"""Resource packs: list them with what is left, grant one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import packs
from billing.api.fields import Exact, Moment
from billing.api.plans import of_seller
from billing.models import Pack
from tenants import access
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


class Packs(frame.Rows, generics.ListCreateAPIView[Pack]):
    """The resource packs of a customer, also those that lapsed or were used up."""

    queryset = Pack.objects.with_used().select_related("tenant", "seller", "meter")
    serializer_class = PackView
    filterset_class = PackFilter

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    @extend_schema(request=GrantBody, responses={201: PackView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Grant a resource pack (operators' keys), valid from now or later."""
        frame.require_operator(request)
        said = frame.checked(GrantBody(data=request.data))
        optional = {name: said[name] for name in ("valid_from", "priority", "match") if name in said}
        pack = packs.grant(
            access.tenant_of_key(request.auth, said["tenant"]),
            meter_of(frame.seller_of(request, said.get("seller", "")), said["meter"]),
            Decimal(said["quantity"]),
            said["expires"],
            reason=said["reason"],
            at=timezone.now(),
            by=None,
            **optional,
        )
        return Response(self.get_serializer(self.get_queryset().get(pk=pack.pk)).data, 201)


def meter_of(seller: Seller, code: str) -> Meter:
    """Return the seller's meter, or raise NotFound."""
    found = Meter.objects.filter(seller=seller, code=code).first()
    if found is None:
        raise NotFound(
            _("There is no meter “%(code)s”. Compare it with the list of meters.") % {"code": code}, field="meter"
        )
    return found
