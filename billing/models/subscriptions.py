"""What a tenant has agreed to buy."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from billing.models.catalogue import Family, Plan, PlanVersion, Price, PriceList
from tenants.models import Authorisation, Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM
from tenants.printable import validate_printable


def same(*columns: str) -> list[tuple[Func, str]]:
    """Return expressions that make an exclusion constraint ask for equal ids, without btree_gist."""
    return [(Func(F(c), F(c), Value("[]"), function="int8range"), "&&") for c in columns]


class Acceptance(models.Model):
    """A customer's yes to a price: which version, which text (by hash), who, when. Every charge points at one.

    A price that the seller changes on a day announced before stands by `notice`: the customer was told in time what it
    comes to, and may leave until then.
    """

    class Basis(models.TextChoices):
        CONFIRMED = "confirmed", _("confirmed")
        NOTICE = "notice", _("announced")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="acceptances")
    version = models.ForeignKey(PlanVersion, models.PROTECT, verbose_name=_("plan version"), related_name="acceptances")
    price_list = models.ForeignKey(
        PriceList, models.PROTECT, verbose_name=_("price list"), null=True, blank=True, related_name="acceptances"
    )
    text_sha256 = models.CharField(_("hash of the text"), max_length=64)
    basis = models.CharField(_("by"), max_length=9, choices=Basis, default=Basis.CONFIRMED)
    accepted_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, related_name="+")
    accepted_by_name = models.CharField(_("by"), max_length=80, blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("acceptance"), _("acceptances")
        constraints = [
            models.CheckConstraint(name="acceptance_basis_known", condition=Q(basis__in=["confirmed", "notice"])),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.version_id} {self.at:%Y-%m-%d}"


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    """Queries worth a name."""

    def live(self) -> SubscriptionQuerySet:
        """Return the subscriptions that are not over."""
        return self.exclude(status=Subscription.Status.ENDED)

    def due(self, at: datetime) -> SubscriptionQuerySet:
        """Return the subscriptions with something to open or close at `at`."""
        return self.filter(next_at__lte=at)


class Subscription(models.Model):
    """A tenant's contract for one plan version, billed from an anchor in the tenant's zone.

    `next_at` is when something next becomes due (a period to open or close, a trial or a term to end); null: never again.
    `pays` is the way tried by itself; `label` tells several subscriptions of one product apart.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("not started")
        TRIALING = "trialing", _("on trial")
        ACTIVE = "active", _("active")
        PAST_DUE = "past_due", _("payment overdue")
        PAUSED = "paused", _("paused")
        SUSPENDED = "suspended", _("suspended")
        ENDED = "ended", _("ended")

    TRANSITIONS = {
        Status.PENDING: {Status.TRIALING, Status.ACTIVE, Status.ENDED},
        Status.TRIALING: {Status.ACTIVE, Status.ENDED},
        Status.ACTIVE: {Status.PAST_DUE, Status.PAUSED, Status.SUSPENDED, Status.ENDED},
        Status.PAST_DUE: {Status.ACTIVE, Status.PAUSED, Status.SUSPENDED, Status.ENDED},
        Status.PAUSED: {Status.ACTIVE, Status.ENDED},
        Status.SUSPENDED: {Status.ACTIVE, Status.ENDED},
        Status.ENDED: set(),
    }

    class Pays(models.TextChoices):
        MANUAL = "manual", _("by hand")
        WALLET = "wallet", _("from the balance")
        MANDATE = "mandate", _("by deduction agreement")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="subscriptions")
    payer = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("paid by"), related_name="paid_subscriptions")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="subscriptions")
    family = models.ForeignKey(Family, models.PROTECT, verbose_name=_("product"), related_name="subscriptions")
    plan = models.ForeignKey(Plan, models.PROTECT, verbose_name=_("plan"), related_name="subscriptions")
    version = models.ForeignKey(
        PlanVersion, models.PROTECT, verbose_name=_("plan version"), related_name="subscriptions"
    )
    price_list = models.ForeignKey(
        PriceList, models.PROTECT, verbose_name=_("price list"), null=True, blank=True, related_name="subscriptions"
    )
    acceptance = models.ForeignKey(
        Acceptance, models.PROTECT, verbose_name=_("acceptance"), related_name="subscriptions"
    )
    label = models.CharField(_("label"), max_length=60, blank=True, validators=[validate_printable])
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(_("state"), max_length=10, choices=Status, default=Status.PENDING)
    pays = models.CharField(_("paid"), max_length=8, choices=Pays, default=Pays.MANUAL)
    zone = models.CharField(_("time zone"), max_length=64)
    # The first local day; and the local day from which paid periods are counted (the trial's end where there was one).
    start_on = models.DateField(_("start"))
    anchor_on = models.DateField(_("anchor"))
    # The first day, and the first instant, of what is in force now: the start, or a change of plan; with its day of rhythm.
    first_on = models.DateField(_("in force from"))
    terms_since = models.DateTimeField(_("in force since"))
    alignment = models.CharField(
        _("periods start"),
        max_length=12,
        choices=PlanVersion.Alignment,
        default=PlanVersion.Alignment.ANNIVERSARY,
    )
    billing_day = models.PositiveSmallIntegerField(_("day of the month"), null=True, blank=True)
    # A commitment per period agreed in this contract; it stands before the plan's.
    minimum_minor = models.BigIntegerField(_("commitment per period"), null=True, blank=True)
    trial_end_on = models.DateField(_("trial ends"), null=True, blank=True)
    term_start_on = models.DateField(_("term started"))
    term_end_on = models.DateField(_("term ends"))
    terms_done = models.PositiveIntegerField(default=0)
    # The local day on which a contract of fixed length, or a cancelled one, is over.
    end_on = models.DateField(_("ends"), null=True, blank=True)
    # Cancelled at the end of its term, whichever that will be; the local days of a change of plan that waits, and from which
    # nothing is billed while it is paused.
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)
    changes_on = models.DateField(_("changes on"), null=True, blank=True)
    pause_on = models.DateField(_("paused from"), null=True, blank=True)
    # From the first instant until the end; open while no end is known.
    during = DateTimeRangeField(_("in force"))
    auto_renew = models.BooleanField(_("renews by itself"), default=False)
    # The consent under which it renews by itself; it stays here when renewal is switched off.
    renewal_consent = models.ForeignKey(
        Authorisation, models.PROTECT, verbose_name=_("consent to renewal"), null=True, blank=True, related_name="+"
    )
    next_at = models.DateTimeField(_("next due"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    purchase_order = models.CharField(_("purchase order"), max_length=60, blank=True)
    cost_centre = models.CharField(_("cost centre"), max_length=60, blank=True)
    # Confirmed knowingly, though another account with the same tax number has it.
    wanted_twice = models.BooleanField(_("wanted twice"), default=False, db_default=False)
    created_at = models.DateTimeField(_("created"))

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("subscription"), _("subscriptions")
        constraints = [
            models.CheckConstraint(
                name="subscription_status_known",
                condition=Q(status__in=["pending", "trialing", "active", "past_due", "paused", "suspended", "ended"]),
            ),
            models.CheckConstraint(
                name="subscription_pays_known", condition=Q(pays__in=["manual", "wallet", "mandate"])
            ),
            models.CheckConstraint(
                name="subscription_renewal_has_consent",
                condition=Q(auto_renew=False) | Q(renewal_consent__isnull=False),
            ),
            models.CheckConstraint(name="subscription_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="subscription_alignment_known", condition=Q(alignment__in=["anniversary", "calendar"])
            ),
            models.CheckConstraint(
                name="subscription_billing_day_range", condition=Q(billing_day=None) | Q(billing_day__range=(1, 31))
            ),
            models.CheckConstraint(
                name="subscription_minimum_not_negative", condition=Q(minimum_minor=None) | Q(minimum_minor__gte=0)
            ),
            models.CheckConstraint(
                name="subscription_paused_says_when", condition=~Q(status="paused") | Q(pause_on__isnull=False)
            ),
            models.CheckConstraint(
                name="subscription_ended_says_when",
                condition=Q(status="ended", ended_at__isnull=False) | (~Q(status="ended") & Q(ended_at=None)),
            ),
            models.CheckConstraint(
                name="subscription_days_in_order",
                condition=Q(anchor_on__gte=F("start_on"), term_end_on__gt=F("term_start_on"))
                & (Q(end_on=None) | Q(end_on__gte=F("start_on"))),
            ),
            # A function of the label: equal labels fall together, and a clash of two labels is as good as impossible.
            ExclusionConstraint(
                name="subscription_no_overlap",
                expressions=[
                    *same("tenant", "family"),
                    (
                        Func(
                            Func(F("label"), function="hashtext"),
                            Func(F("label"), function="hashtext"),
                            Value("[]"),
                            function="int4range",
                        ),
                        "&&",
                    ),
                    ("during", "&&"),
                ],
                violation_error_message=_(
                    "This customer already has a subscription of this product for that time. End it first, or give this one a label."
                ),
            ),
        ]
        indexes = [
            # Read by the billing run: what is due.
            models.Index(name="subscription_next", fields=["next_at"], condition=Q(next_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} {self.plan}"


class SubscriptionItem(models.Model):
    """A quantity of one price over a stretch of time: how many seats, which optional modules."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="subscription_items", db_index=False)
    subscription = models.ForeignKey(Subscription, models.PROTECT, verbose_name=_("subscription"), related_name="items")
    price = models.ForeignKey(Price, models.PROTECT, verbose_name=_("price"), related_name="items")
    quantity = models.DecimalField(_("quantity"), max_digits=30, decimal_places=10, default=1)
    during = DateTimeRangeField(_("in force"))

    class Meta:
        verbose_name, verbose_name_plural = _("item of a subscription"), _("items of a subscription")
        constraints = [
            models.CheckConstraint(name="item_quantity_not_negative", condition=Q(quantity__gte=0)),
            ExclusionConstraint(
                name="item_no_overlap",
                expressions=[*same("subscription", "price"), ("during", "&&")],
                violation_error_message=_("This price already has a quantity for that time."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.price} × {self.quantity.normalize():f}"


class NegotiatedPrice(models.Model):
    """A price agreed in one contract; it stands before the price list and the plan's own price."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="negotiated_prices", db_index=False)
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, verbose_name=_("subscription"), related_name="negotiated_prices", db_index=False
    )
    price = models.ForeignKey(Price, models.PROTECT, verbose_name=_("price"), related_name="negotiated")
    model = models.CharField(_("price model"), max_length=20, choices=Price.Model)
    params = models.JSONField(_("parameters"), default=dict)

    class Meta:
        verbose_name, verbose_name_plural = _("negotiated price"), _("negotiated prices")
        constraints = [
            models.UniqueConstraint(name="negotiated_price_once", fields=["subscription", "price"]),
            models.CheckConstraint(name="negotiated_price_model_known", condition=Q(model__in=Price.Model.values)),
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.price_id}"
