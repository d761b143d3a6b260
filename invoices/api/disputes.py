"""Disputes: list and follow them, open one of a bill or its line, add evidence, appeal, take it back."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.fields import money
from billing.api.plans import of_seller
from billing.money import Money
from invoices import dispute_evidence, disputing
from invoices.api.credits import issued
from invoices.claiming import MOST_BYTES, Receipt
from invoices.models import Dispute, DisputeAnswer, DisputeEvidence
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import Invalid, NotAllowed, NotFound


class DisputeAnswerView(serializers.Serializer[DisputeAnswer]):
    """How a dispute was answered; what was given back is with tax."""

    outcome = serializers.ChoiceField(DisputeAnswer.Outcome.choices)
    amount = serializers.SerializerMethodField()
    text = serializers.CharField()
    credit_note = serializers.CharField(source="credit_note.number", allow_null=True)
    refund = serializers.CharField(source="refund.reference", allow_null=True)
    at = serializers.DateTimeField()

    def get_amount(self, row: DisputeAnswer) -> str:
        return str(Money(row.amount_minor, row.dispute.invoice.currency).amount)


class DisputeView(serializers.Serializer[Dispute]):
    """What of a bill is in dispute. `line` is its position, none of a bill as a whole; `days` are local, both included.
    `frozen` is what of the bill is neither asked for nor deducted now."""

    id = serializers.IntegerField()
    tenant = serializers.CharField(source="tenant.code")
    seller = serializers.CharField(source="seller.code")
    invoice = serializers.CharField(source="invoice.number")
    line = serializers.IntegerField(source="line.position", allow_null=True)
    days = serializers.SerializerMethodField()
    currency = serializers.CharField(source="invoice.currency")
    amount = serializers.SerializerMethodField()
    given_back = serializers.SerializerMethodField()
    frozen = serializers.SerializerMethodField()
    reason = serializers.CharField()
    state = serializers.ChoiceField(Dispute.State.choices)
    opened_at = serializers.DateTimeField()
    answer_due_on = serializers.DateField()
    appeal_until = serializers.DateField(allow_null=True)
    appeal = serializers.CharField()
    answers = DisputeAnswerView(many=True)

    def get_days(self, row: Dispute) -> list[str] | None:
        return [str(row.starts_on), str(row.ends_on - timedelta(days=1))] if row.starts_on and row.ends_on else None

    def get_amount(self, row: Dispute) -> str:
        return str(Money(row.amount_minor, row.invoice.currency).amount)

    def get_given_back(self, row: Dispute) -> str:
        return str(Money(row.given_minor, row.invoice.currency).amount)

    def get_frozen(self, row: Dispute) -> str:
        return str(Money(row.invoice.frozen_minor, row.invoice.currency).amount)


class DisputeBody(Strict):
    """What is wrong: of an `invoice` all of it, or the `line` at a position, or `days` of its usage (first and last); all that may be
    disputed of it, or an `amount` with tax."""

    invoice = serializers.CharField(max_length=40)
    line = serializers.IntegerField(required=False, min_value=1, max_value=100_000)
    days = serializers.ListField(child=serializers.DateField(), min_length=2, max_length=2, required=False)
    amount = serializers.CharField(max_length=40, required=False)
    reason = serializers.CharField(max_length=1000)


class AppealBody(Strict):
    """What the answer has left out."""

    text = serializers.CharField(max_length=1000)


class DisputeEvidenceBody(Strict):
    """What shows it: a text, a file (PDF, JPEG or PNG of at most 5 MiB, in base64) with its name, or both."""

    text = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    file_name = serializers.CharField(max_length=200, required=False)
    file = serializers.CharField(max_length=MOST_BYTES * 2, required=False)


class Disputes(frame.Rows, generics.ListCreateAPIView[Dispute]):
    """The disputes, newest first."""

    queryset = Dispute.objects.select_related("tenant", "seller", "invoice", "line").prefetch_related(
        "answers__credit_note", "answers__refund", "answers__dispute__invoice"
    )
    serializer_class = DisputeView

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    @extend_schema(request=DisputeBody, responses={201: DisputeView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Open one with the customer's own key; what it is about is frozen from then on."""
        said = frame.checked(DisputeBody(data=request.data))
        invoice = issued(said["invoice"], request)
        if frame.is_operator(request) or invoice.tenant_id != request.auth.tenant_id:
            raise NotAllowed(_("A bill is disputed with a key of the company that pays it."))
        line = invoice.lines.filter(position=said["line"]).first() if "line" in said else None
        if "line" in said and line is None:
            raise Invalid(_("The invoice has no such line."), field="line")
        days = (said["days"][0], said["days"][1] + timedelta(days=1)) if "days" in said else None
        amount = money(said["amount"], invoice.currency).minor if "amount" in said else None
        made = disputing.open(
            invoice, line=line, days=days, amount_minor=amount, reason=said["reason"], at=timezone.now(), by=None
        )
        return Response(self.get_serializer(self.get_queryset().get(pk=made.pk)).data, 201)


class One(frame.Rows, generics.GenericAPIView[Dispute]):
    """What all acts on one dispute share: it is the key's own."""

    queryset = Disputes.queryset
    serializer_class = DisputeView

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    def mine(self, request: Request) -> Dispute:
        """Return the dispute; only a key of the company that pays may act on it."""
        row = self.get_object()
        if frame.is_operator(request):
            raise NotAllowed(_("An operator answers by name, in the admin; a key of ours cannot."))
        if row.tenant_id != request.auth.tenant_id:
            raise NotFound(_("There is no such dispute."))
        return row

    def told(self, row: Dispute, status: int = 200) -> Response:
        """Answer with the dispute as it is now."""
        return Response(DisputeView(self.get_queryset().get(pk=row.pk)).data, status)


class OneDispute(One, generics.RetrieveAPIView[Dispute]):
    """One dispute with its answers."""


class Evidence(One):
    """Add evidence."""

    @extend_schema(request=DisputeEvidenceBody, responses={201: DisputeView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add a text or a file; it stays."""
        said, row = frame.checked(DisputeEvidenceBody(data=request.data)), self.mine(request)
        side, text = DisputeEvidence.Side.CUSTOMER, said.get("text", "")
        dispute_evidence.add(row, side=side, text=text, file=read_file(said), at=timezone.now(), by=None)
        return self.told(row, 201)


class Appeal(One):
    """Appeal an answer."""

    @extend_schema(request=AppealBody, responses={200: DisputeView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Appeal once, in time: what was not given back is frozen again, and somebody else answers."""
        said, row = frame.checked(AppealBody(data=request.data)), self.mine(request)
        return self.told(disputing.appeal(row, text=said["text"], at=timezone.now(), by=None))


class Withdraw(One):
    """Take a dispute back."""

    @extend_schema(request=None, responses={200: DisputeView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take it back; nothing of it is frozen any more."""
        return self.told(disputing.withdraw(self.mine(request), at=timezone.now(), by=None))


def read_file(said: dict[str, Any]) -> Receipt | None:
    """Return the file of a body; raise Invalid for what is no base64."""
    if "file" not in said:
        return None
    try:
        return Receipt(said.get("file_name", ""), base64.b64decode(said["file"], validate=True))
    except (binascii.Error, ValueError):
        raise Invalid(_("Write the file in base64."), field="file") from None
