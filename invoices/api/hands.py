"""Acts with money by an operator's program: done, or above the seller's limit left for one of the seller's people."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from billing.money import Money
from invoices import by_hand
from invoices.hand_kinds import Hand
from invoices.models import OperatorAct


class ActView(serializers.Serializer[OperatorAct]):
    """An act with money that waits for an operator: `before` and `after` are the customer's figures in minor units."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(OperatorAct.Kind.choices)
    state = serializers.ChoiceField(OperatorAct.State.choices)
    tenant = serializers.CharField(source="tenant.code")
    on = serializers.CharField(source="target")
    currency = serializers.CharField()
    amount = serializers.SerializerMethodField()
    before = serializers.JSONField()
    after = serializers.JSONField()
    reason = serializers.CharField()
    asked_by = serializers.CharField(source="asked_by_name")
    asked_at = serializers.DateTimeField()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_amount(self, row: OperatorAct) -> str | None:
        """Return what counts against the limit; null for units that have no amount."""
        return None if row.amount_minor is None else str(Money(row.amount_minor, row.currency))


def do(request: Request, **said: Any) -> tuple[OperatorAct, int | None]:
    """Do an act for a program, and return it with the id of what it made; None: it waits for a person."""
    hand = Hand(key=uuid4().hex, **said)
    act = by_hand.do(hand, at=timezone.now(), by=None, by_name=request.auth.name)
    return act, int(act.made.partition(":")[2]) if act.made else None
