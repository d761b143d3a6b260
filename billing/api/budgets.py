"""Budgets and caps of a customer, and whether he may use something right now."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import budgets, entitlements
from billing.api.fields import Amount, Exact, money
from billing.entitlements import Answer
from billing.models import Budget
from billing.money import Money
from tenants import access
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import Invalid, NotAllowed, NotFound
from tenants.models import Tenant

MOST_QUESTIONS = 100


class BudgetView(serializers.Serializer[Budget]):
    """A budget for the usage of a billing period, before discount and tax. A hard one is a cap that no bill passes.

    It bounds one `subscription`, one usage `price`, one `meter`, or all usage. It is never edited: a change ends it.
    """

    id = serializers.IntegerField()
    tenant = serializers.CharField(source="tenant.code")
    subscription = serializers.IntegerField(source="subscription_id", allow_null=True)
    price = serializers.CharField(source="price_code")
    meter = serializers.CharField(source="meter.code", default=None, allow_null=True)
    amount = Amount("amount_minor")
    currency = serializers.CharField()
    hard = serializers.BooleanField()
    on_reach = serializers.ChoiceField(Budget.Reach.choices)
    set_at = serializers.DateTimeField()
    set_by = serializers.CharField(source="set_by_name")
    ended_at = serializers.DateTimeField(allow_null=True)


class BudgetBody(Strict):
    """What is set. `on_reach` defaults to `stop` for a hard cap and to `warn` for a budget; one thing at most is named."""

    amount = serializers.CharField(max_length=40)
    hard = serializers.BooleanField(required=False, default=False)
    on_reach = serializers.ChoiceField(Budget.Reach.choices, required=False)
    meter = serializers.CharField(max_length=60, required=False)
    price = serializers.CharField(max_length=60, required=False)
    subscription = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class BudgetReleaseBody(Strict):
    """How much more may pass the budget until the end of the running period."""

    amount = serializers.CharField(max_length=40)


class BudgetReleaseView(serializers.Serializer[Any]):
    budget = serializers.IntegerField()
    amount = serializers.CharField()
    until = serializers.DateTimeField()


class EntitlementQuestion(Strict):
    """What is asked: a `module` (the code of a price), or `quantity` more units of a `meter`."""

    module = serializers.CharField(max_length=60, required=False)
    meter = serializers.CharField(max_length=60, required=False)
    quantity = serializers.DecimalField(max_digits=30, decimal_places=10, required=False, default=Decimal(1))


class EntitlementQuestions(Strict):
    """Several questions of one customer (`tenant`: operators' keys), answered at once, each for itself."""

    tenant = serializers.CharField(max_length=60, required=False, default="")
    questions = EntitlementQuestion(many=True)


class EntitlementView(serializers.Serializer[Any]):
    """Yes or no with its reason. Amounts are before discount and tax; `used` and `cap` are of the budget that answers.

    Reasons: `bought`, `within_allowance`, `costs`, `not_bought`, `restricted`, `suspended`, `cap_reached`, `ask`.
    """

    allowed = serializers.BooleanField()
    reason = serializers.CharField()
    message = serializers.CharField()
    warning = serializers.CharField()
    free_left = serializers.CharField(allow_null=True)
    packs_left = serializers.CharField(allow_null=True)
    cost = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    used = serializers.CharField(allow_null=True)
    cap = serializers.CharField(allow_null=True)
    budget = serializers.IntegerField(allow_null=True)


WHOSE = OpenApiParameter("tenant", str, description="The customer (operators' keys).")
ASKED = [
    WHOSE,
    OpenApiParameter("module", str, description="The code of a price."),
    OpenApiParameter("meter", str, description="The code of a meter."),
    OpenApiParameter("quantity", str, description="How many more units; one by default."),
]


def wished(tenant: Tenant, said: dict[str, Any]) -> budgets.Wish:
    """Return the budget that a body asks for; raise Invalid or NotFound, naming the field."""
    wish = budgets.named(
        tenant,
        price_code=said.get("price", ""),
        meter=said.get("meter", ""),
        subscription=said.get("subscription"),
    )
    currency = wish.subscription.currency if wish.subscription else tenant.currency
    amount = money(said["amount"], currency).minor
    return replace(wish, amount_minor=amount, hard=said["hard"], on_reach=said.get("on_reach", ""), currency=currency)


class Budgets(frame.Rows, generics.ListCreateAPIView[Budget]):
    """The budgets of a customer, also those that have ended, newest first."""

    queryset = Budget.objects.select_related("tenant", "meter")
    serializer_class = BudgetView

    @extend_schema(request=BudgetBody, responses={201: BudgetView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Set a budget (customers' keys) in place of the one for the same thing, from the running period on."""
        tenant = own(request)
        wish = wished(tenant, frame.checked(BudgetBody(data=request.data)))
        made = budgets.set_one(tenant, wish, at=timezone.now(), by=None)
        return Response(BudgetView(made).data, 201)


class OneBudget(frame.Rows, generics.RetrieveAPIView[Budget]):
    """One budget."""

    queryset = Budgets.queryset
    serializer_class = BudgetView

    @extend_schema(responses=BudgetView)
    def delete(self, request: Request, pk: int) -> Response:
        """End a budget (customers' keys); periods that ended before keep it."""
        return Response(BudgetView(budgets.end(mine(request, pk), at=timezone.now(), by=None)).data)


class Release(frame.Endpoint):
    """More for the running period."""

    @extend_schema(request=BudgetReleaseBody, responses={201: BudgetReleaseView})
    @frame.once
    def post(self, request: Request, pk: int) -> Response:
        """Let more pass a budget until the end of the running period (customers' keys)."""
        row = mine(request, pk)
        said = frame.checked(BudgetReleaseBody(data=request.data))
        extra = money(said["amount"], row.currency)
        made = budgets.release(row, extra.minor, at=timezone.now(), by=None)
        return Response({"budget": row.pk, "amount": str(extra), "until": made.until}, 201)


class Entitlements(frame.Endpoint):
    """May a customer use a module, or so many more units of a meter, right now? No event is ever refused for the answer."""

    # Several questions are sent, and nothing is written.
    scope = "read"

    @extend_schema(parameters=ASKED, responses=EntitlementView)
    def get(self, request: Request) -> Response:
        """Ask one question."""
        names = {
            name: request.query_params[name] for name in ("module", "meter", "quantity") if name in request.query_params
        }
        said = frame.checked(EntitlementQuestion(data=names))
        tenant = access.tenant_of_key(request.auth, request.query_params.get("tenant", ""))
        return Response(answers(tenant, [said])[0])

    @extend_schema(request=EntitlementQuestions, responses=EntitlementView(many=True))
    def post(self, request: Request) -> Response:
        """Ask up to a hundred questions about one customer."""
        said = frame.checked(EntitlementQuestions(data=request.data))
        if len(said["questions"]) > MOST_QUESTIONS:
            raise Invalid(_("Ask at most %(most)s questions at once.") % {"most": MOST_QUESTIONS}, field="questions")
        return Response({"results": answers(access.tenant_of_key(request.auth, said["tenant"]), said["questions"])})


def answers(tenant: Tenant, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers as they are sent."""
    questions = [(one.get("module"), one.get("meter"), one["quantity"]) for one in asked]
    with access.as_tenant(tenant):
        return [written(one) for one in entitlements.check_many(tenant, questions, at=timezone.now())]


def written(one: Answer) -> dict[str, Any]:
    """Return one answer as it is sent."""

    def amount(minor: int | None) -> str | None:
        return None if minor is None or not one.currency else str(Money(minor, one.currency))

    def number(value: Decimal | None) -> str | None:
        return None if value is None else Exact().to_representation(value)

    return {
        "allowed": one.allowed,
        "reason": one.reason,
        "message": one.message,
        "warning": one.warning,
        "free_left": number(one.free_left),
        "packs_left": number(one.packs_left),
        "cost": amount(one.cost_minor),
        "currency": one.currency,
        "used": amount(one.used_minor),
        "cap": amount(one.cap_minor),
        "budget": one.budget,
    }


def own(request: Request) -> Tenant:
    """Return the customer whose own key this is; an operator's key may not set what protects a customer."""
    if frame.is_operator(request):
        raise NotAllowed(_("A budget is the customer's own: only his people who may pay set, change or end it."))
    return access.tenant_of_key(request.auth)


def mine(request: Request, pk: int) -> Budget:
    """Return a budget of the key's own customer; raise NotFound."""
    found = Budget.objects.filter(tenant=own(request), pk=pk).select_related("tenant").first() if pk < 2**63 else None
    if found is None:
        raise NotFound(_("There is no such budget."))
    return found
