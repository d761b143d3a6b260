"""Coupons: list and define them, redeem one for a subscription."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import discounts
from billing.api.fields import Amount, Exact, Moment
from billing.api.plans import of_seller
from billing.api.subscriptions import OneSubscription
from billing.models import Coupon, Redemption
from tenants.api import frame
from tenants.api.frame import Strict


class CouponView(serializers.Serializer[Coupon]):
    """A coupon: a percentage or an amount off the bill, or off the prices that `applies_to` names."""

    id = serializers.IntegerField()
    seller = serializers.CharField(source="seller.code")
    code = serializers.CharField()
    name = serializers.CharField()
    name_en = serializers.CharField()
    percent = serializers.SerializerMethodField()
    amount = serializers.SerializerMethodField()
    currency = serializers.CharField()
    duration = serializers.ChoiceField(Coupon.Duration.choices)
    months = serializers.IntegerField(allow_null=True)
    applies_to = serializers.ListField(child=serializers.CharField())
    valid_from = serializers.DateTimeField(allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True)
    budget = serializers.SerializerMethodField()
    most_redemptions = serializers.IntegerField(allow_null=True)
    most_per_tenant = serializers.IntegerField(allow_null=True)
    active = serializers.BooleanField()

    def get_percent(self, row: Coupon) -> str | None:
        return None if row.percent is None else Exact().to_representation(row.percent)

    def get_amount(self, row: Coupon) -> str | None:
        return None if row.amount_minor is None else Amount("amount_minor").to_representation(row)

    def get_budget(self, row: Coupon) -> str | None:
        return None if row.budget_minor is None else Amount("budget_minor").to_representation(row)


class CouponBody(Strict):
    """A coupon to define: `percent` or `amount`; with `duration` months also `months`."""

    seller = serializers.CharField(max_length=40, required=False)
    code = serializers.CharField(max_length=60)
    name = serializers.CharField(max_length=80, required=False)
    name_en = serializers.CharField(max_length=80, required=False)
    percent = serializers.CharField(max_length=20, required=False)
    amount = serializers.CharField(max_length=20, required=False)
    currency = serializers.CharField(max_length=3, required=False)
    duration = serializers.ChoiceField(Coupon.Duration.choices, required=False)
    months = serializers.IntegerField(required=False)
    applies_to = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    valid_from = Moment(required=False)
    valid_until = Moment(required=False)
    budget = serializers.CharField(max_length=20, required=False)
    most_redemptions = serializers.IntegerField(min_value=1, required=False)
    most_per_tenant = serializers.IntegerField(min_value=1, required=False)


class RedemptionView(serializers.Serializer[Redemption]):
    """A redeemed coupon; `used_up_at` is set once a coupon that gives once has met its first issued bill."""

    id = serializers.IntegerField()
    coupon = serializers.CharField(source="coupon.code")
    subscription = serializers.IntegerField(source="subscription_id")
    redeemed_at = serializers.DateTimeField()
    counted_from = serializers.DateField()
    used_up_at = serializers.DateTimeField(allow_null=True)


class RedeemBody(Strict):
    coupon = serializers.CharField(max_length=60)


class CouponFilter(filters.FilterSet):
    class Meta:
        model = Coupon
        fields = ["code", "active"]


class Coupons(frame.Rows, generics.ListCreateAPIView[Coupon]):
    """The coupons of a seller (operators' keys), newest first."""

    queryset = Coupon.objects.select_related("seller").order_by("-id")
    serializer_class = CouponView
    filterset_class = CouponFilter

    def get_queryset(self) -> Any:
        return of_seller(super().get_queryset(), self.request)

    @extend_schema(request=CouponBody, responses={201: CouponView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Define a coupon (operators' keys)."""
        frame.require_operator(request)
        said = frame.checked(CouponBody(data=request.data))
        seller = frame.seller_of(request, said.pop("seller", ""))
        coupon = discounts.define(seller, said, at=timezone.now(), by=None, path="")
        return Response(self.get_serializer(coupon).data, 201)


class Redeem(OneSubscription):
    """Redeem a coupon for a subscription."""

    http_method_names = ["post", "options"]

    @extend_schema(request=RedeemBody, responses={201: RedemptionView})
    @frame.once
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Redeem a coupon; it gives from the next bill on."""
        said, subscription = frame.checked(RedeemBody(data=request.data)), self.own()
        redeemed = discounts.redeem(subscription, said["coupon"], at=timezone.now(), by=None)
        return Response(RedemptionView(redeemed).data, 201)
