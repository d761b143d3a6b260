"""Changes of a subscription: list them, look at what one would do, confirm one."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import migrating
from billing.api.fields import Amount, Exact
from billing.api.plans import of_seller
from billing.models import Change, Subscription
from billing.money import Money, plain
from billing.weighing import AboveLimit
from invoices import changed, confirming, debiting, purchasing, taking_back, wishes
from invoices.api import hands
from invoices.api.bills import LineView
from invoices.checkout import Confirmed
from invoices.confirming import Offer
from invoices.models import CreditNote, Invoice, OperatorAct, PurchaseRequest
from tenants.api import frame
from tenants.api.frame import Strict
from tenants.errors import NotAllowed, NotFound


class AnnouncedView(serializers.Serializer[Any]):
    """New prices that the seller announced, while they wait: what is fixed per period, and what the last period's usage costs more."""

    reason = serializers.CharField()
    announced_at = serializers.DateTimeField()
    before = serializers.CharField()
    after = serializers.CharField()
    difference = serializers.CharField()
    usage_difference = serializers.CharField(allow_null=True)
    leaves_before = serializers.BooleanField()


class ChangeView(serializers.Serializer[Change]):
    """A change. `effective` is the first local day of the new state; what waits is `scheduled` until then.

    `migration` is the seller's announcement that made it. `announced` says what it does, as long as it waits.
    """

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(Change.Kind.choices)
    status = serializers.ChoiceField(Change.Status.choices)
    effective = serializers.SerializerMethodField()
    effective_at = serializers.DateTimeField()
    plan = serializers.CharField(source="version.plan.code", default=None, allow_null=True)
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True)
    price = serializers.CharField(source="price.code", default=None, allow_null=True)
    before = Exact(allow_null=True)
    after = Exact(allow_null=True)
    at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)
    migration = serializers.IntegerField(source="migration_id", allow_null=True)
    announced = serializers.SerializerMethodField()

    @extend_schema_field(AnnouncedView(allow_null=True))
    def get_announced(self, row: Change) -> dict[str, Any] | None:
        waits = row.migration is not None and row.status == Change.Status.SCHEDULED
        return AnnouncedView(announced(row)).data if waits else None

    def get_effective(self, row: Change) -> str:
        return changed.effective_on(row).isoformat()


class WishBody(Strict):
    """What is wanted. `plan`: `change_plan`; `price`: seats and modules; `when`: `now` or `period_end`, for plans and cancelling."""

    do = serializers.ChoiceField(list(wishes.NEEDED))
    plan = serializers.CharField(max_length=60, required=False)
    when = serializers.ChoiceField(["now", "period_end"], required=False)
    price = serializers.CharField(max_length=60, required=False)
    quantity = serializers.DecimalField(max_digits=20, decimal_places=10, coerce_to_string=True, required=False)
    coupon = serializers.CharField(max_length=60, required=False)


class ConfirmBody(WishBody):
    """With `held` of a preview it is done only if it comes out exactly as it was shown; without it, as it comes."""

    held = serializers.CharField(max_length=2000, required=False)


class NextBillView(serializers.Serializer[Any]):
    """This subscription's part of the next bill, with what was used until now."""

    on = serializers.DateField()
    total = serializers.CharField()


class PreviewView(serializers.Serializer[Any]):
    """What a change would do. `total` is what would be asked for, `credited` what would be given back, both with tax."""

    change = ChangeView(allow_null=True)
    currency = serializers.CharField()
    lines = LineView(many=True)
    tax = serializers.CharField()
    total = serializers.CharField()
    credited = serializers.CharField()
    next_bill = NextBillView(allow_null=True)
    next_bill_before = NextBillView(allow_null=True)
    held = serializers.CharField()
    until = serializers.DateTimeField()


class ConfirmedView(serializers.Serializer[Any]):
    """What was done: the change (null for a coupon), and the numbers of its documents."""

    change = ChangeView(allow_null=True)
    invoices = serializers.ListField(child=serializers.CharField())
    credit_notes = serializers.ListField(child=serializers.CharField())


class RequestView(serializers.Serializer[PurchaseRequest]):
    """A purchase that waits for a second person of the company. `total` is asked for at once, `yearly` what a year costs more."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(PurchaseRequest.State.choices)
    wish = serializers.JSONField()
    currency = serializers.CharField()
    total = Amount("total_minor")
    yearly = Amount("yearly_minor")
    limit = Amount("limit_minor")
    asked_by = serializers.CharField(source="asked_by_name")
    asked_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    decided_by = serializers.CharField(source="decided_by_name")
    decided_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()


class ChangeFilter(filters.FilterSet):
    class Meta:
        model = Change
        fields = ["status", "kind"]


class Changes(frame.Rows, generics.ListCreateAPIView[Change]):
    """The changes of one subscription, newest first."""

    queryset = Change.objects.select_related("subscription", "version__plan", "price", "migration").order_by("-id")
    serializer_class = ChangeView
    filterset_class = ChangeFilter

    def get_queryset(self) -> Any:
        found = super().get_queryset()
        return found.filter(subscription=own(self.request, self.kwargs["pk"])) if "pk" in self.kwargs else found.none()

    @extend_schema(request=ConfirmBody, responses={201: ConfirmedView, 202: RequestView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Confirm a change: it is billed at once and alone, and paid at once where the subscription is paid from the balance.

        Above the company's own limit nothing is done: a member has to approve it first, and the answer is 202 with the request.
        """
        said = dict(frame.checked(ConfirmBody(data=request.data)))
        held, subscription = said.pop("held", ""), own(request, kwargs["pk"])
        require_payer(request, subscription)
        told = changed_by_hand if frame.is_operator(request) else changed_by_customer
        return told(subscription, wish_of(said), held, request)


class UndoView(serializers.Serializer[Any]):
    """Until when the last purchase can be taken back; null where there is none, or not any more."""

    until = serializers.DateTimeField(allow_null=True)


class Undo(frame.Endpoint):
    """Takes the last purchase of a subscription back."""

    @extend_schema(responses=UndoView)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Say until when the last purchase can be taken back."""
        until = taking_back.until(own(request, kwargs["pk"]), timezone.now())
        return Response(UndoView({"until": until}).data)

    @extend_schema(request=None, responses={201: ConfirmedView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take the last purchase back entirely, within its plan's hours and while it is unused; money goes back as it came."""
        subscription = own(request, kwargs["pk"])
        require_payer(request, subscription)
        done = taking_back.undo(subscription, at=timezone.now(), by=None)
        return Response(ConfirmedView(confirmed(done)).data, 201)


class Previews(frame.Endpoint):
    """What a change would do; nothing of it is kept."""

    @extend_schema(request=WishBody, responses=PreviewView)
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Look at a change: its lines, its total, and the next bill with it and without it."""
        wish = wish_of(frame.checked(WishBody(data=request.data)))
        offer = confirming.look(own(request, kwargs["pk"]), wish, at=timezone.now(), by=None)
        return Response(PreviewView(previewed(offer)).data)


def changed_by_customer(subscription: Subscription, wish: wishes.Wish, held: str, request: Request) -> Response:
    """Do what a customer's program confirms; above the company's own limit ask for it."""
    now = timezone.now()
    try:
        if held:
            done = confirming.confirm(subscription, wish, held, at=now, by=None)
        else:
            done = wishes.carry_out(wish, subscription, at=now, by=None)
    except AboveLimit:
        asked = purchasing.ask(subscription, wish, held, at=now, by=None, by_name=request.auth.name)
        return Response(RequestView(asked).data, 202)
    transaction.on_commit(partial(debiting.finish, done.invoices, at=now), robust=True)
    return Response(ConfirmedView(confirmed(done)).data, 201)


def changed_by_hand(subscription: Subscription, wish: wishes.Wish, held: str, request: Request) -> Response:
    """Change a contract for its customer, as an act by hand: above the seller's limit it waits for one of its people."""
    now = timezone.now()
    held = held or confirming.look(subscription, wish, at=now, by=None).held
    confirming.agreed(subscription, wish, held, at=now, by=None)
    seen_at, mark = confirming.seen(held)
    act, made = hands.do(
        request,
        kind=OperatorAct.Kind.CONTRACT,
        tenant=subscription.tenant,
        seller=subscription.seller,
        currency=subscription.currency,
        target=f"subscription:{subscription.pk}",
        wish={"subscription": subscription.pk, "wish": wish.said(), "seen_at": seen_at.isoformat(), "mark": mark},
        reason=_("changed by a program of the seller"),
    )
    if made is None:
        return Response(hands.ActView(act).data, 202)
    change = Change.objects.filter(pk=made).first() if act.made.startswith("change:") else None
    return Response(ConfirmedView(confirmed(done_of(subscription, change))).data, 201)


def done_of(subscription: Subscription, change: Change | None) -> Confirmed:
    """Return what a change made: its bills and credit notes."""
    if change is None:
        return Confirmed(subscription)
    bills = Invoice.objects.filter(origin=change.cause).values_list("pk", flat=True)
    notes = CreditNote.objects.filter(charges__charge__cause=change.cause).distinct()
    return Confirmed(subscription, change, list(bills), list(notes.values_list("pk", flat=True)))


def require_payer(request: Request, subscription: Subscription) -> None:
    """Raise NotAllowed for an operator's key where a confirmation would be deducted: that is the customer's to confirm."""
    if frame.is_operator(request) and subscription.pays != Subscription.Pays.MANUAL:
        raise NotAllowed(
            _(
                "What is deducted is confirmed by the customer: by a member on the pages, or by a program with the customer's key."
            )
        )


def announced(change: Change) -> dict[str, Any]:
    """Return what an announced change does to its subscription, by what is held now."""
    assert change.migration is not None
    move, currency = migrating.outlook(change, at=timezone.now()), change.subscription.currency
    usage = move.usage_difference_minor
    return {
        "reason": change.migration.reason,
        "announced_at": change.migration.announced_at,
        "before": str(Money(move.before_minor, currency)),
        "after": str(Money(move.after_minor, currency)),
        "difference": str(Money(move.difference_minor, currency)),
        "usage_difference": None if usage is None else str(Money(usage, currency)),
        "leaves_before": bool(move.stays),
    }


def wish_of(said: dict[str, Any]) -> wishes.Wish:
    """Return the wish of a body; raise Invalid, naming the field."""
    return wishes.read({name: plain(value) if isinstance(value, Decimal) else value for name, value in said.items()})


def own(request: Request, pk: int) -> Subscription:
    """Return the subscription that the key may change: one of its own tenant, or any for an operator."""
    with frame.reading(request):
        found = of_seller(Subscription.objects.select_related("tenant", "seller", "plan", "version"), request)
        subscription: Subscription | None = found.filter(pk=pk).first()
    if subscription is None:
        raise NotFound(_("There is no such subscription."))
    return subscription


def previewed(offer: Offer) -> dict[str, Any]:
    papers, currency = offer.papers, offer.after.currency
    tax = sum(i.tax_minor for i in papers.invoices) - sum(note.tax_minor for note in papers.credit_notes)
    ahead = {"next_bill": offer.next_after, "next_bill_before": offer.next_before}
    return {
        "change": papers.change,
        "currency": currency,
        "lines": papers.lines,
        "tax": str(Money(tax, currency)),
        "total": str(Money(sum(i.total_minor for i in papers.invoices), currency)),
        "credited": str(Money(papers.credited_minor, currency)),
        "held": offer.held,
        "until": offer.until,
        **{
            name: bill and {"on": bill.on, "total": str(Money(bill.total_minor, currency))}
            for name, bill in ahead.items()
        },
    }


def confirmed(done: Confirmed) -> dict[str, Any]:
    bills = Invoice.objects.filter(pk__in=done.invoices).order_by("pk")
    notes = CreditNote.objects.filter(pk__in=done.credit_notes).order_by("pk")
    change = Change.objects.select_related("subscription", "version__plan", "price")
    return {
        "change": change.get(pk=done.change.pk) if done.change else None,
        "invoices": [number for number in bills.values_list("number", flat=True) if number],
        "credit_notes": list(notes.values_list("number", flat=True)),
    }
