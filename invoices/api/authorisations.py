"""Authorisations: list them, withdraw one. A program gives none: consent to deductions is a person's."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.plans import of_seller
from billing.money import Money
from invoices import allowing
from tenants import agreements
from tenants.api import frame
from tenants.errors import NotAllowed, NotFound
from tenants.models import Authorisation


class ConsentNeedsAPerson(NotAllowed):
    """A program asked to consent for a person."""

    code = "consent_needs_a_person"


class AuthorisationView(serializers.Serializer[Authorisation]):
    """A member's consent to deductions. `items` is what may be deducted: `all`, `renewal`, `overage`, `module:<price code>`,
    `subscription:<id>`; `renews` is a consent to renew, under which nothing is deducted. `used` is what was asked for under it
    this month, in the customer's time zone."""

    id = serializers.IntegerField(source="pk")
    tenant = serializers.CharField(source="tenant.code")
    seller = serializers.CharField(source="seller.code")
    items = serializers.SerializerMethodField()
    currency = serializers.CharField()
    ceiling = serializers.SerializerMethodField()
    per_month = serializers.SerializerMethodField()
    used = serializers.SerializerMethodField()
    way = serializers.ChoiceField(agreements.Way.choices)
    valid_from = serializers.DateTimeField(allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True)
    in_force = serializers.SerializerMethodField()
    text = serializers.CharField()
    text_version = serializers.CharField()
    text_sha256 = serializers.CharField()
    given_by = serializers.CharField(source="given_by_name")
    given_at = serializers.DateTimeField()
    address = serializers.IPAddressField(allow_null=True)
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    withdrawn_by = serializers.CharField(source="withdrawn_by_name")

    def get_items(self, row: Authorisation) -> list[str]:
        return sorted(row.items)

    def get_ceiling(self, row: Authorisation) -> str | None:
        return None if row.ceiling_minor is None else str(Money(row.ceiling_minor, row.currency))

    def get_per_month(self, row: Authorisation) -> str | None:
        return None if row.per_month_minor is None else str(Money(row.per_month_minor, row.currency))

    def get_used(self, row: Authorisation) -> str:
        return str(Money(allowing.this_month(row, row.tenant.timezone, timezone.now()), row.currency))

    def get_in_force(self, row: Authorisation) -> bool:
        return agreements.is_in_force(row, timezone.now())


class Authorisations(frame.Rows, generics.ListAPIView[Authorisation]):
    """The authorisations, newest first."""

    queryset = Authorisation.objects.select_related("tenant", "seller")
    serializer_class = AuthorisationView

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    @extend_schema(request=None, responses={403: None})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Refused, always: a program cannot consent for a person. The answer names the page on which a member does."""
        raise ConsentNeedsAPerson(
            _("A program cannot consent to deductions for a person. A member who may pay does it on %(page)s.")
            % {"page": f"{settings.SITE_URL}/c/…/controls/new/"}
        )


class Withdraw(frame.Rows, generics.GenericAPIView[Authorisation]):
    """The end of one authorisation."""

    queryset = Authorisations.queryset
    serializer_class = AuthorisationView

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    @extend_schema(request=None, responses={200: AuthorisationView})
    @frame.once
    def post(self, request: Request, pk: int) -> Response:
        """Withdraw it, at once: nothing is deducted under it any more. It needs no body and no reason."""
        mine = self.get_queryset().filter(pk=pk)
        tenant = frame.acting_for(request)
        found = (mine if tenant is None else mine.filter(tenant=tenant)).first()
        if found is None:
            raise NotFound(_("There is no such authorisation."))
        agreements.withdraw(found, at=timezone.now(), by=None)
        found.refresh_from_db()
        return Response(AuthorisationView(found).data)
