"""Possible doubles: list them, say that one is meant so, or have it put right."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.fields import Amount
from billing.api.plans import of_seller
from invoices import doubled
from invoices.models import DuplicateFlag
from tenants.api import frame
from tenants.errors import NotFound


class DuplicateView(serializers.Serializer[DuplicateFlag]):
    """Something that looks as if it was bought (`product`, `module`), paid (`payment`) or told (`source`) twice. `amount` is what
    it comes to, as far as known. `state`: `open` until somebody decides, then `kept` or `corrected`."""

    id = serializers.IntegerField()
    tenant = serializers.CharField(source="tenant.code")
    seller = serializers.CharField(source="seller.code")
    kind = serializers.ChoiceField(DuplicateFlag.Kind.choices)
    what = serializers.SerializerMethodField()
    currency = serializers.CharField()
    amount = Amount("amount_minor")
    state = serializers.ChoiceField(DuplicateFlag.State.choices)
    found_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)

    def get_what(self, row: DuplicateFlag) -> str:
        return doubled.said(row)


class Duplicates(frame.Rows, generics.ListAPIView[DuplicateFlag]):
    """Possible doubles, newest first."""

    queryset = DuplicateFlag.objects.select_related("tenant", "seller")
    serializer_class = DuplicateView

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)


class Decide(frame.Rows, generics.GenericAPIView[DuplicateFlag]):
    """What is decided about one."""

    queryset = Duplicates.queryset
    serializer_class = DuplicateView

    def named(self) -> DuplicateFlag:
        """Return the flag that the key may see."""
        with frame.reading(self.request):
            found: DuplicateFlag | None = (
                of_seller(self.get_queryset(), self.request).filter(pk=self.kwargs["pk"]).first()
            )
        if found is None:
            raise NotFound(_("There is no such entry."))
        return found

    def shown(self, flagged: DuplicateFlag) -> Response:
        return Response(DuplicateView(self.queryset.get(pk=flagged.pk)).data)


class Keep(Decide):
    """Meant so."""

    @extend_schema(request=None, responses=DuplicateView)
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Say that it is meant so; it is not flagged again."""
        return self.shown(doubled.keep(self.named(), at=timezone.now(), by=None))


class Correct(Decide):
    """Not meant so."""

    @extend_schema(request=None, responses=DuplicateView)
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Have it put right: a second payment goes back, doubled events are voided; what was bought twice is ended first."""
        return self.shown(doubled.correct(self.named(), at=timezone.now(), by=None))
