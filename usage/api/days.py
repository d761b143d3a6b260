"""GET /api/v1/usage: what a meter comes to, by local day of the customer."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants import access
from tenants.errors import Invalid, NotFound
from tenants.models import Tenant
from usage import measuring
from usage.api.callers import key_of
from usage.models import Meter
from usage.periods import local_midnight

LONGEST = timedelta(days=366)


class Question(serializers.Serializer[Any]):
    """Which meter, and which days: `from` included, `until` not."""

    meter = serializers.CharField()
    until = serializers.DateField()
    tenant = serializers.CharField(required=False, default="")


# A serializer's field cannot be written with this name.
Question._declared_fields["from"] = serializers.DateField()


class DayOut(serializers.Serializer[Any]):
    """One day's quantity."""

    day = serializers.DateField()
    quantity = serializers.CharField()


class UsageOut(serializers.Serializer[Any]):
    """The whole and its days; only of sums and counts do the days add up to the whole."""

    meter = serializers.CharField()
    aggregation = serializers.CharField()
    unit = serializers.CharField()
    quantity = serializers.CharField()
    days = DayOut(many=True)


class Usage(APIView):
    """What a meter comes to, as a whole and by day."""

    @extend_schema(
        summary="Usage of a meter by day",
        parameters=[
            OpenApiParameter("meter", str, required=True, description="The meter's code."),
            OpenApiParameter("from", date, required=True, description="The first local day."),
            OpenApiParameter("until", date, required=True, description="The day after the last one."),
            OpenApiParameter("tenant", str, description="The customer's code; needed with an operator's key."),
        ],
        responses=UsageOut,
    )
    def get(self, request: Request) -> Response:
        """Answer for at most 366 days."""
        asked = Question(data=request.query_params)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        if not timedelta(0) < told["until"] - told["from"] <= LONGEST:
            raise Invalid(_("Ask for 1 to %(days)d days.") % {"days": LONGEST.days}, field="until")
        tenant = access.tenant_of_key(key_of(request), told["tenant"])
        with access.as_tenant(tenant):
            return Response(usage_of(tenant, _meter(request, told["meter"]), told["from"], told["until"]))


def usage_of(tenant: Tenant, meter: Meter, first: date, until: date) -> dict[str, Any]:
    """Return the quantity of the local days from `first` to before `until`, whole and by day."""
    start, end = local_midnight(first, tenant.timezone), local_midnight(until, tenant.timezone)
    want = measuring.Want("whole", tenant.pk, meter.pk, meter.aggregation, meter.recurring, start, end)
    return {
        "meter": meter.code,
        "aggregation": meter.aggregation,
        "unit": meter.unit,
        "quantity": _text(measuring.measure([want])["whole"].quantity),
        "days": [{"day": day, "quantity": _text(q)} for day, q in measuring.by_day(want, tenant.timezone)],
    }


def _meter(request: Request, code: str) -> Meter:
    found = Meter.objects.filter(code=code)
    if seller := key_of(request).seller_id:
        found = found.filter(seller=seller)
    meters = list(found[:2])
    if not meters:
        raise NotFound(
            _("There is no meter “%(code)s”. Compare it with the list of meters.") % {"code": code}, field="meter"
        )
    if len(meters) > 1:
        raise Invalid(
            _("Several sellers have a meter “%(code)s”: use a key of the seller.") % {"code": code}, field="meter"
        )
    return meters[0]


def _text(quantity: Decimal) -> str:
    return f"{quantity:f}"
