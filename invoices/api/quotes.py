"""Quotes: operators draft, send and withdraw them; customers read, accept and decline them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import subscriptions
from billing.api.fields import Day, Exact, money
from billing.api.plans import of_seller
from billing.models import Subscription
from billing.money import Money
from billing.weighing import AboveLimit
from invoices import purchasing, quoting
from invoices.answering import Yes
from invoices.api.changes import RequestView
from invoices.models import Quote
from invoices.pages import quoted
from tenants import access
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import NotAllowed, NotFound
from tenants.models import Member, User


class QuoteView(serializers.Serializer[Quote]):
    """A quote. `total` is its whole cost, estimated at the `expected` usage of a month; null while it is a draft."""

    id = serializers.IntegerField()
    number = serializers.CharField()
    revision = serializers.IntegerField()
    supersedes = serializers.IntegerField(source="supersedes_id", allow_null=True)
    tenant = serializers.CharField(source="tenant.code")
    seller = serializers.CharField(source="seller.code")
    plan = serializers.CharField(source="version.plan.code")
    version = serializers.IntegerField(source="version.number")
    status = serializers.ChoiceField(Quote.Status.choices)
    currency = serializers.CharField()
    start = serializers.DateField(source="start_on")
    end = serializers.DateField(source="end_on", allow_null=True)
    renews = serializers.BooleanField()
    pays = serializers.ChoiceField(Subscription.Pays.choices)
    label = serializers.CharField()
    quantities = serializers.JSONField()
    modules = serializers.JSONField()
    prices = serializers.JSONField()
    minimum = serializers.SerializerMethodField()
    ramp_percent = Exact(allow_null=True)
    ramp_months = serializers.IntegerField(allow_null=True)
    coupons = serializers.JSONField()
    expected = serializers.JSONField()
    clauses = serializers.CharField()
    clauses_en = serializers.CharField()
    valid_until = serializers.DateField()
    total = serializers.SerializerMethodField()
    sha256 = serializers.CharField()
    sent_at = serializers.DateTimeField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    answered_by = serializers.CharField(source="answered_by_name")
    reason = serializers.CharField()
    subscription = serializers.IntegerField(source="subscription_id", allow_null=True)

    def get_minimum(self, quote: Quote) -> str | None:
        return None if quote.minimum_minor is None else str(Money(quote.minimum_minor, quote.currency))

    def get_total(self, quote: Quote) -> str | None:
        return str(Money(quote.estimate["total_minor"], quote.currency)) if quote.estimate else None


class WholeQuote(QuoteView):
    """A quote with its whole cost by price and by month, and the whole text that is accepted, in the caller's language."""

    estimate = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()

    @extend_schema_field(serializers.JSONField(allow_null=True))
    def get_estimate(self, quote: Quote) -> Any:
        return in_whole_units(quote.estimate, quote.currency)

    def get_text(self, quote: Quote) -> str:
        return quote.shown_text or text_of(quote)


class QuoteBody(Strict):
    """What is offered: an order's keys, and those that only a quote has. `ramp_percent` is a share: 0.5 is half."""

    tenant = serializers.CharField(max_length=60)
    plan = serializers.CharField(max_length=60)
    seller = serializers.CharField(max_length=40, required=False)
    start = Day()
    end = Day(required=False, allow_null=True)
    valid_until = Day()
    renews = serializers.BooleanField(required=False)
    pays = serializers.ChoiceField(Subscription.Pays.choices, required=False)
    label = serializers.CharField(max_length=60, required=False, allow_blank=True)
    quantities = serializers.DictField(
        child=serializers.DecimalField(max_digits=20, decimal_places=10, coerce_to_string=True), required=False
    )
    modules = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    prices = serializers.DictField(child=serializers.DictField(), required=False)
    minimum = serializers.CharField(max_length=40, required=False, allow_null=True)
    ramp_percent = serializers.DecimalField(max_digits=6, decimal_places=4, required=False, allow_null=True)
    ramp_months = serializers.IntegerField(min_value=1, max_value=1200, required=False, allow_null=True)
    coupons = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    expected = serializers.DictField(
        child=serializers.DecimalField(max_digits=25, decimal_places=10, coerce_to_string=True), required=False
    )
    clauses = serializers.CharField(required=False, allow_blank=True)
    clauses_en = serializers.CharField(required=False, allow_blank=True)


class YesBody(Strict):
    """`seen` is the quote's `sha256`, `member` the e-mail of the owner or payer who decided, `confirmed` must be true.
    `twice`: it is wanted though another account with the same tax number has this product."""

    seen = serializers.CharField(max_length=64)
    member = serializers.EmailField()
    confirmed = serializers.BooleanField()
    twice = serializers.BooleanField(required=False)


class NoBody(Strict):
    member = serializers.EmailField()
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True)


class WithdrawBody(Strict):
    reason = serializers.CharField(max_length=300)


class QuoteFilter(filters.FilterSet):
    class Meta:
        model = Quote
        fields = ["status"]


class Quotes(frame.Rows, generics.ListCreateAPIView[Quote]):
    """The quotes, newest first; customers see those that were sent."""

    queryset = Quote.objects.select_related("tenant", "seller", "version__plan")
    serializer_class = QuoteView
    filterset_class = QuoteFilter

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    @extend_schema(request=QuoteBody, responses={201: WholeQuote})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Draft a quote (operators' keys); nobody sees it until it is sent."""
        frame.require_operator(request)
        said = frame.checked(QuoteBody(data=request.data))
        tenant = access.tenant_of_key(request.auth, said["tenant"])
        made = quoting.draft(tenant, terms(said, request, tenant.currency), at=timezone.now(), by=None)
        return Response(WholeQuote(made).data, 201)


class OneQuote(frame.Rows, generics.RetrieveAPIView[Quote]):
    """One quote in full."""

    queryset = Quotes.queryset
    serializer_class = WholeQuote

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    def named(self) -> Quote:
        """Return the quote that the address names, of those that the key may see."""
        with frame.reading(self.request):
            return self.get_object()

    def shown(self) -> Response:
        with frame.reading(self.request):
            return Response(WholeQuote(self.get_object()).data)


class Send(OneQuote):
    """Sends a draft."""

    http_method_names = ["post", "options"]

    @extend_schema(request=None, responses=WholeQuote)
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Seal a draft with its whole cost and send it (operators' keys)."""
        frame.require_operator(request)
        quoting.send(self.named(), at=timezone.now(), by=None)
        return self.shown()


class Withdraw(OneQuote):
    """Takes a quote back."""

    http_method_names = ["post", "options"]

    @extend_schema(request=WithdrawBody, responses=WholeQuote)
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Withdraw a quote that waits for its answer (operators' keys)."""
        frame.require_operator(request)
        said = frame.checked(WithdrawBody(data=request.data))
        quoting.withdraw(self.named(), reason=said["reason"], at=timezone.now(), by=None)
        return self.shown()


class Accept(OneQuote):
    """Says yes."""

    http_method_names = ["post", "options"]

    @extend_schema(request=YesBody, responses={200: WholeQuote, 202: RequestView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Accept a quote and begin its contract (customers' keys), as decided by the member named.

        Above the company's own limit for purchases another member has to approve it first, and the answer is 202.
        """
        said, quote = frame.checked(YesBody(data=request.data)), self.named()
        member = member_of(quote, said["member"], request)
        address = request.META.get("REMOTE_ADDR")
        told = {"confirmed": said["confirmed"], "twice": said.get("twice", False)}
        yes = Yes(seen=said["seen"], text=text_of(quote), address=address, **told)
        try:
            quoting.accept(quote, yes, by=member, at=timezone.now())
        except AboveLimit as refusal:
            asked = purchasing.ask_quote(quote, yes, refusal.context["weight"], at=timezone.now(), by=member)
            return Response(RequestView(asked).data, 202)
        return self.shown()


class Decline(OneQuote):
    """Says no."""

    http_method_names = ["post", "options"]

    @extend_schema(request=NoBody, responses=WholeQuote)
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Decline a quote (customers' keys), as decided by the member named."""
        said, quote = frame.checked(NoBody(data=request.data)), self.named()
        member, address = member_of(quote, said["member"], request), request.META.get("REMOTE_ADDR")
        quoting.decline(quote, reason=said.get("reason", ""), at=timezone.now(), by=member, address=address)
        return self.shown()


def terms(said: Mapping[str, Any], request: Request, currency: str) -> quoting.Terms:
    """Return the terms that a body describes."""
    same = ("renews", "pays", "label", "prices", "ramp_percent", "ramp_months", "clauses", "clauses_en")
    numbers = {
        name: {code: Decimal(quantity) for code, quantity in said.get(name, {}).items()}
        for name in ("quantities", "expected")
    }
    minimum = said.get("minimum")
    return quoting.Terms(
        version=subscriptions.on_sale(frame.seller_of(request, said.get("seller", "")).pk, said["plan"]),
        start_on=said["start"],
        end_on=said.get("end"),
        valid_until=said["valid_until"],
        modules=tuple(said.get("modules", ())),
        coupons=tuple(said.get("coupons", ())),
        minimum_minor=None if minimum is None else money(minimum, currency, "minimum").minor,
        **numbers,
        **{name: said[name] for name in same if name in said},
    )


def member_of(quote: Quote, email: str, request: Request) -> User:
    """Return the member who decided; an operator's key never decides for a customer."""
    if frame.is_operator(request):
        raise NotAllowed(_("Only the customer's own key can answer a quote."))
    found = Member.objects.filter(tenant=quote.tenant, user__email__iexact=email).select_related("user").first()
    if found is None:
        raise NotFound(_("Your company has no member of this address."), field="member")
    return found.user


def text_of(quote: Quote) -> str:
    return quoted.text(quoted.compose(quote, get_language() or quote.language))


def in_whole_units(value: Any, currency: str) -> Any:
    """Return an estimate with its minor units as decimal strings, under names without `_minor`."""
    if isinstance(value, list):
        return [in_whole_units(one, currency) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name.removesuffix("_minor"): str(Money(one, currency))
        if name.endswith("_minor")
        else in_whole_units(one, currency)
        for name, one in value.items()
    }
