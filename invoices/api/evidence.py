"""What a bill stands on, for programs: the derivation of a line, what changed since last time, and evidence packs."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.fields import Amount, Day, Exact
from billing.money import Money
from invoices import evidence, since_last
from invoices.api.bills import OneInvoice
from invoices.deriving import Derivation, again, derive
from invoices.evidence import packing
from invoices.models import EvidencePack, Invoice
from invoices.since_last import Difference, Moved
from tenants import access, files
from tenants.api import frame
from tenants.errors import NotFound


class CountView(serializers.Serializer[again.Count]):
    """A stretch counted twice: event by event, and by the counters that bills are made of."""

    events = serializers.IntegerField()
    quantity = Exact()
    counters = Exact()
    counter_events = serializers.IntegerField()


class AgainView(serializers.Serializer[Any]):
    """The line computed again: `kind` is usage, days, credit, minimum or steps; of usage `charged` is all of its period."""

    kind = serializers.CharField()
    amount = serializers.CharField()
    charged = serializers.CharField()
    agrees = serializers.BooleanField()
    count = CountView(allow_null=True)


class DerivationView(serializers.Serializer[Any]):
    """Everything a line was computed from, as in an evidence pack (docs/evidence.md), and the line computed again."""

    derivation = serializers.JSONField()
    again = AgainView()


class MovedView(serializers.Serializer[Moved]):
    """One line that differs from the same line of the bill before; its `causes` add up to its change.

    A cause is new, gone, price, quantity, usage, days, discount, tax or other.
    """

    price = serializers.SerializerMethodField()
    subscription = serializers.SerializerMethodField()
    reason = serializers.SerializerMethodField()
    name = serializers.CharField()
    name_en = serializers.CharField()
    before = Amount("before_minor")
    after = Amount("after_minor")
    change = Amount("change_minor")
    causes = serializers.SerializerMethodField()

    def get_price(self, row: Moved) -> str:
        return row.key[1]

    def get_subscription(self, row: Moved) -> int:
        return row.key[0]

    def get_reason(self, row: Moved) -> str:
        return row.key[2]

    def get_causes(self, row: Moved) -> dict[str, str]:
        return {part.cause: str(Money(part.amount_minor, row.currency)) for part in row.parts}


class DifferenceView(serializers.Serializer[Difference]):
    """A bill against the one before, with tax; the lines add up to the change."""

    older = serializers.CharField(source="older.number")
    currency = serializers.CharField()
    before = Amount("before_minor")
    after = Amount("after_minor")
    change = Amount("change_minor")
    lines = MovedView(many=True, read_only=True)


class Line(OneInvoice):
    """One line of an issued bill, by the bill's number and the line's position."""

    @extend_schema(responses=DerivationView)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read what a line was computed from; it is computed again for the answer."""
        with frame.reading(request):
            bill: Invoice = self.get_object()
            line = bill.lines.filter(position=kwargs["position"]).select_related("charge").first()
            if line is None or line.charge.tenant_id != bill.tenant_id:
                raise NotFound(_("There is no such line."), field="position")
            one = derive(line.charge_id)
            return Response(DerivationView({"derivation": one.data, "again": _again(one)}).data)


class Since(OneInvoice):
    """What changed since the last bill."""

    @extend_schema(responses=DifferenceView)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read how a periodic bill differs from the one before, line by line, with the causes."""
        with frame.reading(request):
            found = since_last.of_bill(self.get_object())
            if found is None:
                raise NotFound(_("There is no earlier bill to compare this one with."))
            return Response(DifferenceView(found).data)


class EvidencePackView(serializers.Serializer[EvidencePack]):
    """A pack on record. The days are half open; `sha256` is the fingerprint of the file."""

    start = serializers.DateField(source="start_on")
    end = serializers.DateField(source="end_on")
    sha256 = serializers.CharField()
    manifest_sha256 = serializers.CharField()
    signed_with = serializers.CharField(source="fingerprint")
    bytes = serializers.IntegerField()
    counts = serializers.JSONField()
    made_at = serializers.DateTimeField()
    made_by = serializers.CharField(source="made_by_name")


class NewEvidencePack(frame.Strict):
    """The half-open stretch of local days that a pack is of; an operator's key names the customer."""

    start = Day()
    end = Day()
    tenant = serializers.CharField(required=False, default="", write_only=True)


class Packs(frame.Rows, generics.ListAPIView[EvidencePack]):
    """The packs that were made, newest first; and a new one."""

    queryset = EvidencePack.objects.all()
    serializer_class = EvidencePackView

    @extend_schema(request=NewEvidencePack, responses={201: EvidencePackView})
    @frame.once
    def post(self, request: Request) -> Response:
        """Make an evidence pack and put its fingerprint on record."""
        told = frame.checked(NewEvidencePack(data=request.data))
        tenant = access.tenant_of_key(request.auth, told["tenant"])
        made = evidence.keep(tenant, told["start"], told["end"], at=timezone.now(), by=None)
        return Response(EvidencePackView(made).data, 201)


class Zip(BaseRenderer):
    """Lets a caller ask for `Accept: application/zip`; the view answers with the file itself."""

    media_type = "application/zip"
    format = "zip"
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return JSONRenderer().render(data)


class PackFile(frame.Rows, generics.RetrieveAPIView[EvidencePack]):
    """The file of a pack, by its fingerprint."""

    queryset = EvidencePack.objects.select_related("tenant")
    serializer_class = EvidencePackView
    lookup_field = "sha256"
    renderer_classes = [JSONRenderer, Zip]

    @extend_schema(
        parameters=[OpenApiParameter("sha256", str, OpenApiParameter.PATH)],
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> FileResponse:
        """Fetch the file of a pack."""
        with frame.reading(request):
            found = self.get_object()
        name = packing.name_of(found)
        return FileResponse(
            files.place(found.sha256).open("rb"), as_attachment=True, filename=name, content_type="application/zip"
        )


def _again(one: Derivation) -> dict[str, Any]:
    found, currency = again.again(one), one.of.charge.currency
    return {
        "kind": found.kind,
        "amount": str(Money(found.amount_minor, currency)),
        "charged": str(Money(found.charged_minor, currency)),
        "agrees": found.agrees,
        "count": found.count,
    }
