"""/api/v1/events: POST takes events in, GET lists them."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import access
from usage.api.callers import key_of
from usage.api.receiving import receive
from usage.models import UsageEvent


class EventSerializer(serializers.ModelSerializer[UsageEvent]):
    """An event as it is stored; `void` is the key of the event that it takes back."""

    meter = serializers.CharField(source="meter.code")
    void = serializers.CharField(source="voids.key", default=None, allow_null=True)

    class Meta:
        model = UsageEvent
        fields = ["key", "kind", "meter", "quantity", "occurred_at", "properties", "void", "received_at"]


class EventIn(serializers.Serializer[Any]):
    """One event to send: a use of a meter, or with `void` the taking back of an earlier one."""

    key = serializers.CharField(max_length=120)
    meter = serializers.CharField(required=False)
    quantity = serializers.CharField(required=False, default="1", help_text='A decimal as text: "1.5".')
    occurred_at = serializers.DateTimeField(required=False, help_text="RFC 3339 with a zone; default now.")
    properties = serializers.DictField(required=False)
    void = serializers.CharField(required=False, help_text="The key of the event to take back.")


class BatchIn(serializers.Serializer[Any]):
    """Up to 5,000 events; a bare list or a bare event is read, too."""

    tenant = serializers.CharField(required=False, help_text="The customer's code; needed with an operator's key.")
    seller = serializers.CharField(required=False, help_text="Where several sellers have a meter of one code.")
    events = EventIn(many=True)


class AnswerOut(serializers.Serializer[Any]):
    """What became of one event."""

    key = serializers.CharField()
    status = serializers.ChoiceField(choices=["accepted", "duplicate", "refused"])
    code = serializers.CharField(required=False)
    path = serializers.CharField(required=False)
    message = serializers.CharField(required=False)


class ReportOut(serializers.Serializer[Any]):
    """The answers, in the order of the events."""

    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    refused = serializers.IntegerField()
    answers = AnswerOut(many=True)


class EventFilter(django_filters.FilterSet):
    """By meter, and by instants: `from` included, `until` not."""

    meter = django_filters.CharFilter(field_name="meter__code")
    until = django_filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = UsageEvent
        fields = ["key", "kind"]


EventFilter.base_filters["from"] = django_filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="gte")

EXAMPLE = OpenApiExample(
    "A batch",
    value={
        "events": [
            {"key": "msg-1", "meter": "messages", "quantity": "1", "occurred_at": "2026-01-31T09:00:00+08:00"},
            {"key": "undo-1", "void": "msg-1"},
        ]
    },
    request_only=True,
)


class Events(ListAPIView):
    """Usage events, newest first; each key once."""

    serializer_class = EventSerializer
    filterset_class = EventFilter
    queryset = UsageEvent.objects.none()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Hand a POST to the plain view before the framework reads it."""
        return receive(request) if request.method == "POST" else super().dispatch(request, *args, **kwargs)

    @extend_schema(
        summary="Send usage events",
        description=(
            "Every event is taken exactly once by its key: a repeat is acknowledged as a duplicate, the same key with other "
            "content is refused. 200 when at least one event was taken or known; 422 when every one was refused."
        ),
        request=BatchIn,
        responses={200: ReportOut, 422: ReportOut, 413: OpenApiResponse(description="More than 5,000 events.")},
        examples=[EXAMPLE],
    )
    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Describe sending; `dispatch` has the same function for it."""
        return receive(request)

    def get_queryset(self) -> QuerySet[UsageEvent]:
        """Return the events of the key's customer, or of the one that an operator's key names."""
        tenant = access.tenant_of_key(key_of(self.request), self.request.query_params.get("tenant", ""))
        return UsageEvent.objects.filter(tenant=tenant).select_related("meter", "voids")

    @extend_schema(
        summary="List usage events",
        parameters=[OpenApiParameter("tenant", str, description="The customer's code; needed with an operator's key.")],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer one page, read as the customer."""
        tenant = access.tenant_of_key(key_of(request), request.query_params.get("tenant", ""))
        with access.as_tenant(tenant):
            return super().get(request, *args, **kwargs)
