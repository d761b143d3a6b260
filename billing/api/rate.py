"""POST /api/v1/rate: price one quantity, as `manage.py rate` does (CONTRACTS §1)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.rating.answer import answer
from tenants.api import frame


class Question(serializers.Serializer[Any]):
    """A price of CONTRACTS §1 and a quantity; amounts are decimal strings."""

    price = serializers.DictField()
    quantity = serializers.CharField(required=False)
    currency = serializers.CharField()
    before = serializers.CharField(required=False)
    transactions = serializers.ListField(child=serializers.CharField(), required=False)


class StepView(serializers.Serializer[Any]):
    text = serializers.CharField()
    quantity = serializers.CharField()
    unit_amount = serializers.CharField()
    amount = serializers.CharField()


class Rated(serializers.Serializer[Any]):
    amount = serializers.CharField()
    exact = serializers.CharField()
    steps = StepView(many=True)


class Rate(frame.Endpoint):
    """The price of a quantity, computed and explained; nothing is kept."""

    scope = "rate"

    @extend_schema(request=Question, responses=Rated)
    @frame.once
    def post(self, request: Request) -> Response:
        """Price one quantity."""
        # The text itself, because a parsed object has forgotten keys that were written twice.
        text = request.body.decode(errors="replace")
        said = answer(text, "zh" if (get_language() or "").startswith("zh") else "en")
        return Response(said, 400 if "error" in said else 200)
