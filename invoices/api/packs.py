"""Granting resource packs: an act by hand, with a reason, above the seller's limit by two people."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.packs import GrantBody, Packs, PackView, meter_of
from invoices.api import hands
from invoices.models import OperatorAct
from tenants import access
from tenants.api import frame


class GrantedPacks(Packs):
    """The resource packs of a customer, also those that lapsed or were used up."""

    @extend_schema(request=GrantBody, responses={201: PackView, 202: hands.ActView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Grant a resource pack (operators' keys), valid from now or later. Where the seller has a limit it waits: 202."""
        frame.require_operator(request)
        act, made = grant(frame.checked(GrantBody(data=request.data)), request)
        if made is None:
            return Response(hands.ActView(act).data, 202)
        return Response(self.get_serializer(self.get_queryset().get(pk=made)).data, 201)


def grant(said: dict[str, Any], request: Request) -> tuple[OperatorAct, int | None]:
    """Grant what a body says, as an act by hand."""
    tenant = access.tenant_of_key(request.auth, said["tenant"])
    meter = meter_of(frame.seller_of(request, said.get("seller", "")), said["meter"])
    wish = {
        "meter": meter.pk,
        "quantity": f"{Decimal(said['quantity']):f}",
        "expires": said["expires"].isoformat(),
        "valid_from": said["valid_from"].isoformat() if "valid_from" in said else "",
        "priority": said.get("priority", 0),
        "match": said.get("match", {}),
    }
    whose = {"tenant": tenant, "seller": meter.seller, "currency": tenant.currency}
    told = {"target": f"meter:{meter.pk}", "wish": wish, "reason": said["reason"]}
    return hands.do(request, kind=OperatorAct.Kind.PACK, **whose, **told)
