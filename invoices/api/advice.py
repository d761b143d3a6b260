"""Is there a cheaper plan: the own last twelve months under every plan on sale."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.money import Money
from invoices import advising
from invoices.models import PlanAdvice
from tenants import access
from tenants.api import frame


class AdvisedPlan(serializers.Serializer[Any]):
    """One plan: what it would have come to, and what it lacks of what the customer has or used."""

    plan = serializers.CharField()
    interval = serializers.CharField()
    term = serializers.CharField()
    total = serializers.CharField()
    lacks = serializers.ListField(child=serializers.CharField())
    own = serializers.BooleanField()


class AdviceView(serializers.Serializer[PlanAdvice]):
    """Advice for one contract, over `from` to `until` (half open), before discount and tax; cheapest first.

    `best` is the cheapest plan that lacks nothing; the own one where no change is cheaper."""

    subscription = serializers.IntegerField(source="subscription_id")
    currency = serializers.CharField()
    until = serializers.DateField(source="end")
    billed = serializers.SerializerMethodField()
    best = serializers.SerializerMethodField()
    plans = serializers.SerializerMethodField()

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {"from": serializers.DateField(source="first")}

    def get_billed(self, row: PlanAdvice) -> str:
        return str(Money(row.billed_minor, row.currency))

    def get_best(self, row: PlanAdvice) -> str | None:
        found = advising.best(row.plans)
        return found["plan"] if found else None

    @extend_schema(responses=AdvisedPlan(many=True))
    def get_plans(self, row: PlanAdvice) -> list[dict[str, Any]]:
        return [
            {
                **{name: plan[name] for name in ("plan", "interval", "term", "own")},
                "total": str(Money(plan["total_minor"], row.currency)),
                "lacks": [one["name"] for one in plan["lacks"]],
            }
            for plan in row.plans
        ]


class Advice(frame.Endpoint):
    """Advice on plans."""

    @extend_schema(
        parameters=[OpenApiParameter("tenant", str, description="The customer (operators' keys).")],
        responses={200: AdviceView(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Say for each running contract of `tenant` (a customer's key: its own) what each plan on sale would have come to."""
        tenant = access.tenant_of_key(request.auth, request.query_params.get("tenant", ""))
        rows = advising.advise(tenant, at=timezone.now())
        return Response({"results": AdviceView(rows, many=True).data})
