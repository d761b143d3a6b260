"""What customers were told, and how they want to be told."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import access, preferences, telling
from tenants.api import frame
from tenants.errors import NotAllowed
from tenants.models import Delivery, Notice


class DeliveryView(serializers.Serializer[Delivery]):
    """One try to tell somebody: by `mail` or `wecom`, and whether it was taken; `came_back_at` when it came back later."""

    channel = serializers.CharField()
    address = serializers.CharField()
    at = serializers.DateTimeField()
    accepted = serializers.BooleanField(source="ok")
    came_back_at = serializers.SerializerMethodField()

    def get_came_back_at(self, row: Delivery) -> str | None:
        bounce = getattr(row, "bounce", None)
        return serializers.DateTimeField().to_representation(bounce.at) if bounce else None


class NoticeView(serializers.Serializer[Notice]):
    """A notice. `status`: `making` (its file), `pending`, `delivered`, `failed`, `off` (switched off, on the page only).
    `delivered_at`: since when the customer has it; null again when it came back."""

    id = serializers.IntegerField()
    tenant = serializers.CharField(source="tenant.code")
    kind = serializers.CharField()
    key = serializers.CharField()
    language = serializers.CharField()
    status = serializers.CharField()
    created_at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)
    path = serializers.CharField(source="payload.path")
    deliveries = DeliveryView(many=True)


class Notices(frame.Rows, generics.ListAPIView[Notice]):
    """What customers were told, newest first."""

    queryset = Notice.objects.select_related("tenant").prefetch_related(
        Prefetch("deliveries", Delivery.objects.select_related("bounce").order_by("at", "pk"))
    )
    serializer_class = NoticeView


class PreferenceView(serializers.Serializer[Any]):
    """How a kind of notice is told; `needed` ones cannot be switched off, and `why` says why."""

    kind = serializers.CharField()
    name = serializers.CharField()
    mail = serializers.BooleanField()
    wecom = serializers.BooleanField()
    needed = serializers.BooleanField()
    why = serializers.CharField()


class PreferencesView(serializers.Serializer[Any]):
    """How a customer is told of everything, and on which days before a deduction he is reminded."""

    reminder_days = serializers.ListField(child=serializers.IntegerField())
    kinds = PreferenceView(many=True)


class PreferenceBody(frame.Strict):
    """A `kind` with its ways, or `reminder_days` (of 30, 7, 3, 1), or both."""

    kind = serializers.CharField(max_length=40, required=False)
    mail = serializers.BooleanField(required=False, default=True)
    wecom = serializers.BooleanField(required=False, default=True)
    reminder_days = serializers.ListField(child=serializers.IntegerField(), required=False, max_length=4)


WHOSE = [OpenApiParameter("tenant", str, description="The customer (operators' keys).")]


class Preferences(frame.Endpoint):
    """How a customer wants to be told."""

    @extend_schema(parameters=WHOSE, responses=PreferencesView)
    def get(self, request: Request) -> Response:
        """Read how a customer is told of each kind of notice."""
        return Response(PreferencesView(_chosen(request)).data)

    @extend_schema(request=PreferenceBody, responses=PreferencesView)
    def put(self, request: Request) -> Response:
        """Choose how to be told of one kind, or when to be reminded. Only the customer's own key does."""
        if frame.is_operator(request):
            raise NotAllowed(_("Only the customer's own key may choose this."))
        said, tenant = frame.checked(PreferenceBody(data=request.data)), access.tenant_of_key(request.auth)
        who: dict[str, Any] = {"at": timezone.now(), "by": None}
        if "kind" in said:
            preferences.choose(tenant, said["kind"], mail=said["mail"], wecom=said["wecom"], **who)
        if "reminder_days" in said:
            preferences.remind_on(tenant, said["reminder_days"], **who)
        return Response(PreferencesView(_chosen(request)).data)


def _chosen(request: Request) -> dict[str, Any]:
    tenant = access.tenant_of_key(request.auth, request.query_params.get("tenant", ""))
    with access.as_tenant(tenant):
        ways = preferences.chosen(tenant)
    kinds = [
        {"kind": code, "name": kind.name, "needed": kind.needed, "why": kind.why, "mail": mail, "wecom": wecom}
        for code, kind in telling.KINDS.items()
        for mail, wecom in [ways[code]]
    ]
    tenant.refresh_from_db(fields=["reminder_days"])
    return {"reminder_days": tenant.reminder_days, "kinds": kinds}
