"""Coupons: what is offered, who redeemed it, and what it took off which charge."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from billing.models.catalogue import Named
from billing.models.charges import Charge
from billing.models.subscriptions import Subscription
from tenants.models import Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM
from tenants.validators import validate_code, validate_currency


class Coupon(Named):
    """A campaign's offer: a percentage or an amount off the bill, or off the prices that `applies_to` names.

    What it gives is never changed (a trigger holds this), for the code stands on bills; from when until when it can be
    redeemed, how often, and what it may cost in all (`budget_minor`) can be. `currency` is empty where nothing of it
    is an amount. `months` are counted from redeeming (CONTRACTS rule 10).
    """

    class Duration(models.TextChoices):
        ONCE = "once", _("once")
        FOREVER = "forever", _("as long as the contract")
        MONTHS = "months", _("for some months")

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="coupons")
    code = models.CharField(_("code"), max_length=60, validators=[validate_code])
    percent = models.DecimalField(_("percent off"), max_digits=30, decimal_places=10, null=True, blank=True)
    amount_minor = models.BigIntegerField(_("amount off"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True, validators=[validate_currency])
    duration = models.CharField(_("duration"), max_length=8, choices=Duration, default=Duration.ONCE)
    months = models.PositiveSmallIntegerField(_("months"), null=True, blank=True)
    # Price codes; none: the whole bill.
    applies_to = models.JSONField(_("only for the prices"), default=list, blank=True)
    valid_from = models.DateTimeField(_("redeemable from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("redeemable until"), null=True, blank=True)
    budget_minor = models.BigIntegerField(_("budget"), null=True, blank=True)
    most_redemptions = models.PositiveIntegerField(_("redemptions at most"), null=True, blank=True)
    most_per_tenant = models.PositiveIntegerField(_("redemptions per customer at most"), null=True, blank=True)
    active = models.BooleanField(_("on offer"), default=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name, verbose_name_plural = _("coupon"), _("coupons")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint("seller", Upper("code"), name="coupon_code_once_per_seller"),
            models.CheckConstraint(
                name="coupon_percent_or_amount",
                condition=Q(percent__isnull=True, amount_minor__isnull=False, amount_minor__gt=0)
                | Q(amount_minor=None, percent__isnull=False, percent__gt=0, percent__lte=100),
            ),
            models.CheckConstraint(
                name="coupon_amount_has_currency",
                condition=Q(amount_minor=None, budget_minor=None, currency="") | Q(currency__regex=CURRENCY_FORM),
            ),
            models.CheckConstraint(
                name="coupon_duration_known",
                condition=Q(duration__in=["once", "forever"], months=None)
                # Without months the comparison is neither true nor false, and a check would let that pass.
                | Q(duration="months", months__isnull=False, months__gt=0),
            ),
            models.CheckConstraint(
                name="coupon_budget_not_negative", condition=Q(budget_minor=None) | Q(budget_minor__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Redemption(models.Model):
    """A subscription's coupon: it gives on the lines of this subscription only, in the order of `position`.

    `counted_from` is the local day from which its months count. `used_up_at` is set when a coupon that gives once has
    met its first issued document, and none again when that is taken back; `undone_at` when the purchase that it came with
    is. Nothing else of the row ever changes (a trigger holds this).
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="redemptions")
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, verbose_name=_("subscription"), related_name="redemptions", db_index=False
    )
    coupon = models.ForeignKey(Coupon, models.PROTECT, verbose_name=_("coupon"), related_name="redemptions")
    position = models.PositiveIntegerField(_("position"))
    counted_from = models.DateField(_("counted from"))
    redeemed_at = models.DateTimeField(_("redeemed"))
    redeemed_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")
    used_up_at = models.DateTimeField(_("used up"), null=True, blank=True)
    undone_at = models.DateTimeField(_("taken back"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("redeemed coupon"), _("redeemed coupons")
        constraints = [
            models.UniqueConstraint(name="redemption_position_once", fields=["subscription", "position"]),
            # One in force at a time; used up, it may be redeemed again as far as the campaign lets.
            models.UniqueConstraint(
                name="redemption_once_in_force", fields=["subscription", "coupon"], condition=Q(used_up_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.coupon_id} → {self.subscription_id}"


class AppliedDiscount(models.Model):
    """What one redeemed coupon takes off one charge; `position` is the order in which it was taken.

    Written when the charge is drafted, gone with the draft, and sealed (`final_at`) once the document is issued. What was
    taken back (`undone_at`) no longer counts as given.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="applied_discounts", db_index=False)
    charge = models.ForeignKey(Charge, models.PROTECT, verbose_name=_("charge"), related_name="discounts")
    redemption = models.ForeignKey(
        Redemption, models.PROTECT, verbose_name=_("redeemed coupon"), related_name="discounts"
    )
    position = models.PositiveIntegerField(_("position"))
    amount_minor = models.BigIntegerField(_("amount"))
    final_at = models.DateTimeField(_("final"), null=True, blank=True)
    undone_at = models.DateTimeField(_("taken back"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("applied discount"), _("applied discounts")
        ordering = ["charge", "position"]
        constraints = [
            models.UniqueConstraint(name="discount_once_per_charge", fields=["charge", "redemption"]),
            models.CheckConstraint(name="discount_above_zero", condition=Q(amount_minor__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.redemption_id} → {self.charge_id}"
