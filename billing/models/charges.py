"""The shelf between the price and the bill: periods that were opened, and what was charged in them."""

from __future__ import annotations

from datetime import date

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from billing.models.catalogue import Interval, Price
from billing.models.subscriptions import Acceptance, Subscription, same
from tenants.models import Seller, Tenant
from tenants.models.companies import CURRENCY_FORM, Language
from usage.periods import local_day


class BillingPeriod(models.Model):
    """A stretch of a subscription that is charged at one rhythm: half open, in UTC, from the anchor (CONTRACTS 1–3).

    `whole_start` and `whole_end` keep the denominator of a period that is only partly used. `closed_at` is set when
    its arrears have been charged. No two periods of one subscription and interval overlap. One that a purchase opened is
    empty once it is taken back (`undone_at`); one that it closed runs on (`reopened_at`) and closes again.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="billing_periods", db_index=False)
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, verbose_name=_("subscription"), related_name="periods", db_index=False
    )
    interval = models.CharField(_("billed every"), max_length=10, choices=Interval)
    start = models.DateTimeField(_("start"))
    end = models.DateTimeField(_("end"))
    whole_start = models.DateTimeField()
    whole_end = models.DateTimeField()
    zone = models.CharField(max_length=64)
    trial = models.BooleanField(_("trial"), default=False)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    undone_at = models.DateTimeField(_("taken back"), null=True, blank=True)
    reopened_at = models.DateTimeField(_("opened again"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("billing period"), _("billing periods")
        constraints = [
            # Empty is a period whose rhythm was changed on its first day.
            models.CheckConstraint(name="period_ends_after_start", condition=Q(end__gte=F("start"))),
            models.CheckConstraint(
                name="period_inside_its_whole", condition=Q(whole_start__lte=F("start"), whole_end__gte=F("end"))
            ),
            models.CheckConstraint(
                name="period_undone_is_empty", condition=Q(undone_at=None) | Q(end=F("start"), closed_at__isnull=False)
            ),
            models.CheckConstraint(name="period_interval_known", condition=Q(interval__in=Interval.values)),
            ExclusionConstraint(
                name="period_no_overlap",
                expressions=[
                    *same("subscription"),
                    # The six intervals differ in their first letter.
                    (
                        Func(
                            Func(F("interval"), function="ascii"),
                            Func(F("interval"), function="ascii"),
                            Value("[]"),
                            function="int4range",
                        ),
                        "&&",
                    ),
                    (Func(F("start"), F("end"), function="tstzrange"), "&&"),
                ],
            ),
        ]
        # Read by closing: the last period of each rhythm.
        indexes = [models.Index(name="period_of_subscription", fields=["subscription", "interval", "start"])]

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.start_on} – {self.end_on}"

    @property
    def start_on(self) -> date:
        """The first local day."""
        return local_day(self.start, self.zone)

    @property
    def end_on(self) -> date:
        """The local day after the last one."""
        return local_day(self.end, self.zone)


class ChargeQuerySet(models.QuerySet["Charge"]):
    """Queries worth a name."""

    def waiting(self) -> ChargeQuerySet:
        """Return the charges that no invoice has taken."""
        return self.filter(taken_at=None)


class Charge(models.Model):
    """What something was worth: rated, rounded, not yet asked for. Only `taken_at` may change (a trigger holds this).

    `exact` is unrounded; `amount_minor` is before discount and, by `tax_inclusive`, with or without tax. `details`
    explains it: what was measured and included, days used and whole, and the steps in both languages. `cause` is the
    change, pack or measurement that made it, so a rerun finds its own row; the periodic charge has none. Most of its
    foreign keys have no index: nobody asks by them, and each would be written twice (again when `taken_at` is set).
    """

    class Reason(models.TextChoices):
        PERIOD = "period", _("period")
        CHANGE = "change", _("change")
        LATE = "late", _("late usage")
        CAP = "cap", _("cap")
        CORRECTION = "correction", _("correction")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="charges")
    payer = models.ForeignKey(
        Tenant, models.PROTECT, verbose_name=_("paid by"), related_name="paid_charges", db_index=False
    )
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="charges", db_index=False)
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, verbose_name=_("subscription"), related_name="charges", db_index=False
    )
    period = models.ForeignKey(
        BillingPeriod, models.PROTECT, verbose_name=_("period"), related_name="charges", db_index=False
    )
    acceptance = models.ForeignKey(
        Acceptance, models.PROTECT, verbose_name=_("acceptance"), related_name="charges", db_index=False
    )
    # Null for a commitment's true-up, which no single price makes; its code is then `minimum`.
    price = models.ForeignKey(
        Price, models.PROTECT, verbose_name=_("price"), null=True, related_name="charges", db_index=False
    )
    code = models.CharField(_("price code"), max_length=60)
    kind = models.CharField(_("kind"), max_length=8)
    name = models.CharField(_("name"), max_length=80)
    name_en = models.CharField(_("name in English"), max_length=80, blank=True)
    unit = models.CharField(_("unit"), max_length=20, blank=True)
    unit_en = models.CharField(_("unit in English"), max_length=20, blank=True)
    reason = models.CharField(_("reason"), max_length=10, choices=Reason, default=Reason.PERIOD)
    cause = models.CharField(_("cause"), max_length=80, blank=True)
    corrects = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="corrections", db_index=False
    )
    service_start_on = models.DateField(_("from"))
    service_end_on = models.DateField(_("until"))
    quantity = models.DecimalField(_("quantity"), max_digits=30, decimal_places=10)
    currency = models.CharField(_("currency"), max_length=3)
    exact = models.DecimalField(_("exact amount"), max_digits=40, decimal_places=20)
    amount_minor = models.BigIntegerField(_("amount"))
    # Before discount: of a credit, what it undoes of the charged lines before theirs; of all others, the amount.
    undiscounted_minor = models.BigIntegerField(_("amount before discount"))
    tax_rate = models.DecimalField(_("tax rate"), max_digits=6, decimal_places=4, default=0)
    tax_inclusive = models.BooleanField(_("includes tax"), default=True)
    details = models.JSONField(_("explanation"), default=dict)
    # The local day on which it is to be asked for: drafts group by it.
    due_on = models.DateField(_("to be billed on"))
    created_at = models.DateTimeField(_("created"))
    taken_at = models.DateTimeField(_("taken by an invoice"), null=True, blank=True)

    objects = ChargeQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("charge"), _("charges")
        constraints = [
            # A change of plan gives back and charges in one period under one code: the credit names what it corrects, and
            # two plans that stood on one day have prices of their own.
            models.UniqueConstraint(
                name="charge_once",
                fields=["period", "code", "price", "reason", "cause", "corrects"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="charge_reason_known", condition=Q(reason__in=["period", "change", "late", "cap", "correction"])
            ),
            models.CheckConstraint(name="charge_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="charge_days_in_order", condition=Q(service_end_on__gt=F("service_start_on"))),
        ]
        indexes = [
            # Read by drafting: what waits to be asked for.
            models.Index(name="charge_waiting", fields=["payer", "due_on"], condition=Q(taken_at=None)),
            # Read by closing (late usage) and by the page of a price's history.
            models.Index(name="charge_of_subscription", fields=["subscription", "code", "service_start_on"]),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.service_start_on}"

    def name_in(self, language: str) -> str:
        """Return the name for a reader of `language`."""
        return self.name_en if language == Language.ENGLISH and self.name_en else self.name
