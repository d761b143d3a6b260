"""Customers: list, read, open, amend."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import companies
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import Mistakes
from tenants.models import Contact, Tenant
from tenants.models.companies import Language


class ContactBody(Strict):
    """A person whom bills and notices are sent to."""

    name = serializers.CharField(max_length=80)
    email = serializers.CharField(max_length=254, required=False, allow_blank=True)
    phone = serializers.CharField(max_length=40, required=False, allow_blank=True)
    role = serializers.ChoiceField(Contact.Role.choices, required=False)
    receives_bills = serializers.BooleanField(required=False)


class CompanyBody(Strict):
    """What is said about a customer. `group` and `parent` are codes."""

    name = serializers.CharField(max_length=200)
    name_en = serializers.CharField(max_length=200, required=False, allow_blank=True)
    tax_number = serializers.CharField(max_length=18, required=False, allow_blank=True)
    group = serializers.CharField(max_length=40, required=False, allow_null=True)
    tags = serializers.ListField(child=serializers.CharField(max_length=40), required=False)
    parent = serializers.CharField(max_length=60, required=False, allow_null=True)
    zone = serializers.CharField(max_length=64, required=False)
    currency = serializers.CharField(max_length=3, required=False)
    language = serializers.ChoiceField(Language.choices, required=False)
    address = serializers.CharField(max_length=300, required=False, allow_blank=True)
    phone = serializers.CharField(max_length=40, required=False, allow_blank=True)
    purchase_order = serializers.CharField(max_length=60, required=False, allow_blank=True)
    cost_centre = serializers.CharField(max_length=60, required=False, allow_blank=True)
    note = serializers.CharField(required=False, allow_blank=True, max_length=20_000)
    contacts = ContactBody(many=True, required=False)


class NewCompanyBody(CompanyBody):
    code = serializers.CharField(max_length=60)


class Company(serializers.Serializer[Tenant]):
    """A customer. `group`, `tags` and `note` are the operator's own: shown to operators' keys that act for no customer."""

    code = serializers.CharField()
    name = serializers.CharField()
    name_en = serializers.CharField()
    tax_number = serializers.CharField()
    parent = serializers.CharField(source="parent.code", default=None, allow_null=True)
    zone = serializers.CharField(source="timezone")
    currency = serializers.CharField()
    language = serializers.CharField()
    status = serializers.ChoiceField(Tenant.Status.choices)
    address = serializers.CharField()
    phone = serializers.CharField()
    purchase_order = serializers.CharField()
    cost_centre = serializers.CharField()
    opened_at = serializers.DateTimeField()
    contacts = ContactBody(many=True, read_only=True)
    group = serializers.CharField(source="group.code", default=None, allow_null=True)
    tags = serializers.SerializerMethodField()
    note = serializers.CharField()

    def get_tags(self, tenant: Tenant) -> list[str]:
        return sorted(tag.name for tag in tenant.tags.all())

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        request = self.context.get("request")
        if request is not None and request.auth is not None and frame.acts_for_one(request):
            fields = {name: field for name, field in fields.items() if name not in ("group", "tags", "note")}
        return fields


class Companies(frame.Rows, generics.ListCreateAPIView[Tenant]):
    """The customers."""

    queryset = Tenant.objects.select_related("parent").prefetch_related("contacts").order_by("id")
    serializer_class = Company
    filterset_fields = ["status"]

    def get_queryset(self) -> Any:
        return whose(super().get_queryset(), self.request)

    @extend_schema(request=NewCompanyBody, responses={201: Company})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Open a customer (operators' keys)."""
        frame.require_operator(request)
        said = frame.checked(NewCompanyBody(data=request.data))
        [outcome] = companies.open([companies.NewTenant(**with_contacts(said))], at=timezone.now(), by=None)
        if outcome.tenant is None:
            raise Mistakes(outcome.mistakes)
        return Response(self.get_serializer(outcome.tenant).data, 201)


class OneCompany(frame.Rows, generics.RetrieveAPIView[Tenant]):
    """One customer, by its code."""

    queryset = Companies.queryset
    serializer_class = Company
    lookup_field = "code"

    def get_queryset(self) -> Any:
        return whose(super().get_queryset(), self.request)

    @extend_schema(request=CompanyBody(partial=True), responses=Company)
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Amend a customer (operators' keys). `tags` and `contacts` replace all that were there."""
        frame.require_operator(request)
        said = frame.checked(CompanyBody(data=request.data, partial=True))
        tenant = companies.amend(self.get_object(), with_contacts(said), at=timezone.now(), by=None)
        return Response(self.get_serializer(tenant).data)


def whose(rows: Any, request: Request) -> Any:
    """Return the one customer that the key acts for, or all; the database shows relatives too."""
    tenant = frame.acting_for(request) if request.auth else None
    own = rows if tenant is None else rows.filter(pk=tenant.pk)
    return own.select_related("group").prefetch_related("tags") if tenant is None else own


def with_contacts(said: dict[str, Any]) -> dict[str, Any]:
    if "contacts" not in said:
        return said
    return said | {"contacts": [companies.NewContact(**contact) for contact in said["contacts"]]}
