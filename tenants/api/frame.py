"""What every endpoint shares: whose rows a key sees, strict bodies, and answers that are given once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import generics, serializers
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants import access, idempotency
from tenants.errors import Invalid, NotAllowed
from tenants.idempotency import Asked
from tenants.models import Seller, Tenant

View = Callable[..., Response]


class Strict(serializers.Serializer[Any]):
    """A body in which every key is known; an unknown one is refused by its name."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = [key for key in data if key not in self.fields or self.fields[key].read_only]
            if unknown:
                raise ValidationError({str(key): _("This key is not known here.") for key in unknown})
        return super().to_internal_value(data)


class Endpoint(APIView):
    """A view of the API."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        for name, values in request.query_params.lists():
            if any("\x00" in value for value in (name, *values)):
                raise Invalid(_("A null character cannot be searched for."), field=name.replace("\x00", ""))


class Rows(Endpoint, generics.GenericAPIView[Any]):
    """Rows that the key may see: its own tenant's, read as the database role `tenant`; an operator's key sees all.

    An operator's key may name one customer by `?tenant=CODE`, and then sees what that customer sees.
    """

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with reading(request):
            return super().list(request, *args, **kwargs)  # type: ignore[misc]

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with reading(request):
            return super().retrieve(request, *args, **kwargs)  # type: ignore[misc]


@contextmanager
def reading(request: Request) -> Iterator[None]:
    """Run reads as the tenant that the caller acts for, or as the operator where it acts for none."""
    tenant = acting_for(request)
    if tenant is None:
        yield
        return
    with access.as_tenant(tenant):
        yield


def acting_for(request: Request) -> Tenant | None:
    """Return the tenant of the key, or the one that an operator's key names by `?tenant=CODE`; None for all."""
    if not acts_for_one(request):
        return None
    return access.tenant_of_key(request.auth, request.query_params.get("tenant", ""))


def acts_for_one(request: Request) -> bool:
    """Return whether the caller sees what one customer sees, and not what operators see."""
    return not is_operator(request) or bool(request.query_params.get("tenant"))


def is_operator(request: Request) -> bool:
    return request.auth is not None and request.auth.tenant_id is None


def require_operator(request: Request) -> None:
    """Raise NotAllowed for a customer's key."""
    if not is_operator(request):
        raise NotAllowed(_("Only an operator's key may do this."))


def seller_of(request: Request, code: str) -> Seller:
    """Return the seller named, or the key's own, or the only one there is; raise Invalid, naming `seller`."""
    if request.auth.seller is not None:
        if code not in ("", request.auth.seller.code):
            raise NotAllowed(_("This API key belongs to another seller."), field="seller")
        return request.auth.seller
    found = list(Seller.objects.filter(code=code) if code else Seller.objects.order_by("id")[:2])
    if len(found) == 1:
        return found[0]
    if code:
        raise Invalid(_("There is no seller “%(code)s”.") % {"code": code}, field="seller")
    raise Invalid(_("Say which seller it is about."), field="seller")


def once(view: View) -> View:
    """Answer a repeat of the same request under the same `Idempotency-Key` with the first answer, and do nothing."""

    @wraps(view)
    def answered(self: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(self, request, *args, **kwargs)
        asked = Asked(f"key:{request.auth.pk}", key, str(request.method), request.get_full_path(), request.body)

        def act() -> tuple[int, Any]:
            response = view(self, request, *args, **kwargs)
            return response.status_code, json.loads(JSONRenderer().render(response.data))

        status, answer, repeated = idempotency.once(asked, act, at=timezone.now())
        return Response(answer, status, headers={"Idempotent-Replayed": "true"} if repeated else None)

    return answered


def checked(form: serializers.Serializer[Any]) -> Any:
    """Return what a body says, or raise what is wrong with it."""
    form.is_valid(raise_exception=True)
    return form.validated_data
