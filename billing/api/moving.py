"""Price migrations of a plan: list them, look at what one would do, announce it."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import migrating, subscriptions
from billing.api.fields import Day
from billing.migrating import Move
from billing.models import PlanVersion, PriceMigration
from billing.money import Money
from tenants.api import frame
from tenants.api.frame import Strict


class MigrationView(serializers.Serializer[Any]):
    """An announcement with how many subscribers `moved`, are `waiting`, and `left` or were taken back."""

    id = serializers.IntegerField()
    plan = serializers.CharField(source="version.plan.code")
    version = serializers.IntegerField(source="version.number")
    on = serializers.DateField(source="from_on")
    reason = serializers.CharField()
    announced_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    moved = serializers.IntegerField()
    waiting = serializers.IntegerField()
    left = serializers.IntegerField()


class MoveView(serializers.Serializer[Move]):
    """What a migration does to one subscription; `stays` says why it does nothing, and then no amounts are told.

    Amounts are per period: what is fixed before and after, and what the last closed period's usage would come to more.
    """

    subscription = serializers.IntegerField(source="subscription.pk")
    tenant = serializers.CharField(source="subscription.tenant.code")
    currency = serializers.CharField(source="subscription.currency")
    stays = serializers.CharField()
    on = serializers.SerializerMethodField()
    before = serializers.SerializerMethodField()
    after = serializers.SerializerMethodField()
    difference = serializers.SerializerMethodField()
    usage_difference = serializers.SerializerMethodField()

    def get_on(self, move: Move) -> str | None:
        return None if move.stays else move.on.isoformat()

    def get_before(self, move: Move) -> str | None:
        return told(move, move.before_minor)

    def get_after(self, move: Move) -> str | None:
        return told(move, move.after_minor)

    def get_difference(self, move: Move) -> str | None:
        return told(move, move.difference_minor)

    def get_usage_difference(self, move: Move) -> str | None:
        return told(move, move.usage_difference_minor)


class ProposeBody(Strict):
    """From which day on subscribers of older versions move to the version on sale, each at the end of a term."""

    seller = serializers.CharField(max_length=40, required=False)
    on = Day()


class AnnounceBody(ProposeBody):
    """`reason` is what customers read. With `held` of a preview only exactly what was shown is announced."""

    reason = serializers.CharField(max_length=300)
    held = serializers.CharField(max_length=64, required=False)


class ProposedView(serializers.Serializer[Any]):
    moves = MoveView(many=True)
    held = serializers.CharField()


class AnnouncedMigrationView(serializers.Serializer[Any]):
    migration = MigrationView()
    moves = MoveView(many=True)


class Migrations(frame.Rows, generics.ListCreateAPIView[PriceMigration]):
    """The price migrations of a plan, newest first; a customer's key sees those that move it, with its own counts."""

    queryset = PriceMigration.objects.none()
    serializer_class = MigrationView

    def get_queryset(self) -> Any:
        if "code" not in self.kwargs:
            return super().get_queryset()
        found = migrating.progress().filter(version__plan__code=self.kwargs["code"])
        if self.request.auth.seller_id is not None:
            found = found.filter(version__plan__seller=self.request.auth.seller_id)
        return found.select_related("version__plan").order_by("-id")

    @extend_schema(request=AnnounceBody, responses={201: AnnouncedMigrationView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Announce a move of subscribers to the version on sale (operators' keys); each is told by mail."""
        frame.require_operator(request)
        said = frame.checked(AnnounceBody(data=request.data))
        version = version_of(request, said, kwargs["code"])
        more = {"reason": said["reason"], "held": said.get("held", "")}
        made, moves = migrating.announce(version, on=said["on"], at=timezone.now(), by=None, **more)
        migration = migrating.progress().select_related("version__plan").get(pk=made.pk)
        return Response(AnnouncedMigrationView({"migration": migration, "moves": moves}).data, 201)


class Previews(frame.Endpoint):
    """What a price migration would do; nothing of it is kept, and nobody is told."""

    @extend_schema(request=ProposeBody, responses=ProposedView)
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Look at a price migration (operators' keys): who moves when, the difference in money, and who stays."""
        frame.require_operator(request)
        said = frame.checked(ProposeBody(data=request.data))
        moves = migrating.propose(version_of(request, said, kwargs["code"]), on=said["on"], at=timezone.now())
        return Response(ProposedView({"moves": moves, "held": migrating.seal(moves)}).data)


def version_of(request: Request, said: dict[str, Any], code: str) -> PlanVersion:
    """Return the version of a plan that is on sale; raise NotFound or Invalid."""
    return subscriptions.on_sale(frame.seller_of(request, said.get("seller", "")).pk, code)


def told(move: Move, minor: int | None) -> str | None:
    return None if move.stays or minor is None else str(Money(minor, move.subscription.currency))
