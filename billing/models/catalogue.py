"""What is for sale: families of plans, their published versions, prices, and price lists of customer groups."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants.models import CustomerGroup, Seller, User
from tenants.models.companies import CURRENCY_FORM, Language
from tenants.printable import validate_printable
from tenants.validators import validate_code, validate_currency
from usage.models import Meter


class Interval(models.TextChoices):
    """How long a billing period or a term is; the order is that of length."""

    DAY = "day", _("day")
    WEEK = "week", _("week")
    MONTH = "month", _("month")
    QUARTER = "quarter", _("quarter")
    HALF_YEAR = "half_year", _("half-year")
    YEAR = "year", _("year")


class Status(models.TextChoices):
    """Draft → published → retired; only a draft may be edited (a trigger holds this)."""

    DRAFT = "draft", _("draft")
    PUBLISHED = "published", _("published")
    RETIRED = "retired", _("no longer sold")


class Named(models.Model):
    """A thing that people name in Chinese and English."""

    name = models.CharField(_("name"), max_length=80, validators=[validate_printable])
    name_en = models.CharField(_("name in English"), max_length=80, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    def name_in(self, language: str) -> str:
        """Return the name for a reader of `language`."""
        return self.name_en if language == Language.ENGLISH and self.name_en else self.name


class Family(Named):
    """One product; its plans are editions and terms of it, between which a subscription may switch."""

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="families")
    code = models.CharField(_("code"), max_length=60, validators=[validate_code])
    description = models.TextField(_("description"), blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("product"), _("products")
        constraints = [models.UniqueConstraint(name="family_code_once_per_seller", fields=["seller", "code"])]


class Plan(Named):
    """One edition of a product with one term; what it costs stands in its versions."""

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="plans")
    family = models.ForeignKey(Family, models.PROTECT, verbose_name=_("product"), related_name="plans")
    code = models.CharField(_("code"), max_length=60, validators=[validate_code])
    on_sale = models.BooleanField(_("on sale"), default=True)

    class Meta:
        verbose_name, verbose_name_plural = _("plan"), _("plans")
        ordering = ["seller_id", "code"]
        constraints = [models.UniqueConstraint(name="plan_code_once_per_seller", fields=["seller", "code"])]


class PlanVersion(models.Model):
    """The terms of a plan as they were published; subscribers stay on theirs until a dated, announced migration.

    Fields are those of CONTRACTS §2 `catalogue.plans`. `terms` is the text a customer accepts; `sha256` is set on
    publishing, over the terms and every price.
    """

    class Alignment(models.TextChoices):
        ANNIVERSARY = "anniversary", _("from the day of start")
        CALENDAR = "calendar", _("calendar")

    class Proration(models.TextChoices):
        DAY = "day", _("by the day")
        SECOND = "second", _("by the second")
        NONE = "none", _("none")

    class Refund(models.TextChoices):
        NONE = "none", _("none")
        PRO_RATA = "pro_rata", _("pro rata")

    plan = models.ForeignKey(Plan, models.PROTECT, verbose_name=_("plan"), related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    status = models.CharField(_("state"), max_length=10, choices=Status, default=Status.DRAFT)
    currency = models.CharField(_("currency"), max_length=3, default="CNY", validators=[validate_currency])
    interval = models.CharField(_("billed every"), max_length=10, choices=Interval, default=Interval.MONTH)
    term = models.CharField(_("term"), max_length=10, choices=Interval, default=Interval.MONTH)
    alignment = models.CharField(_("periods start"), max_length=12, choices=Alignment, default=Alignment.ANNIVERSARY)
    billing_day = models.PositiveSmallIntegerField(_("day of the month"), null=True, blank=True)
    trial_days = models.PositiveSmallIntegerField(_("trial days"), default=0)
    after_trial = models.CharField(
        _("after the trial"),
        max_length=60,
        default="ends",
        help_text=_("“ends”, “pays” (with the customer's consent), or the code of a free plan."),
    )
    proration = models.CharField(_("proration"), max_length=8, choices=Proration, default=Proration.DAY)
    refund = models.CharField(_("refund on cancelling now"), max_length=10, choices=Refund, default=Refund.NONE)
    credit_removals = models.BooleanField(_("credit removed seats"), default=False)
    undo_hours = models.PositiveSmallIntegerField(_("hours to undo"), default=0)
    minimum_minor = models.BigIntegerField(_("commitment per period"), null=True, blank=True)
    terms = models.TextField(_("terms of service"), blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    published_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name, verbose_name_plural = _("plan version"), _("plan versions")
        ordering = ["plan", "-number"]
        constraints = [
            models.UniqueConstraint(name="version_number_once_per_plan", fields=["plan", "number"]),
            models.UniqueConstraint(name="version_one_draft_per_plan", fields=["plan"], condition=Q(status="draft")),
            models.CheckConstraint(
                name="version_status_known", condition=Q(status__in=["draft", "published", "retired"])
            ),
            models.CheckConstraint(name="version_interval_known", condition=Q(interval__in=Interval.values)),
            models.CheckConstraint(name="version_term_known", condition=Q(term__in=Interval.values)),
            models.CheckConstraint(
                name="version_alignment_known", condition=Q(alignment__in=["anniversary", "calendar"])
            ),
            models.CheckConstraint(
                name="version_proration_known", condition=Q(proration__in=["day", "second", "none"])
            ),
            models.CheckConstraint(name="version_refund_known", condition=Q(refund__in=["none", "pro_rata"])),
            models.CheckConstraint(name="version_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="version_billing_day_range", condition=Q(billing_day=None) | Q(billing_day__range=(1, 31))
            ),
            models.CheckConstraint(
                name="version_minimum_not_negative", condition=Q(minimum_minor=None) | Q(minimum_minor__gte=0)
            ),
            models.CheckConstraint(
                name="version_published_is_sealed",
                condition=Q(status="draft", published_at=None)
                | (~Q(status="draft") & Q(published_at__isnull=False) & ~Q(sha256="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} v{self.number}"


class Price(Named):
    """One thing that a plan charges for; `params` is a price of CONTRACTS §1 with its `model` in a column."""

    class Kind(models.TextChoices):
        BASE = "base", _("base")
        MODULE = "module", _("module")
        SEAT = "seat", _("seats")
        USAGE = "usage", _("usage")
        SERVICE = "service", _("service")

    class Model(models.TextChoices):
        FLAT = "flat", _("fixed amount")
        PER_UNIT = "per_unit", _("per unit")
        PACKAGE = "package", _("per package")
        GRADUATED = "graduated", _("graduated")
        VOLUME = "volume", _("volume")
        STAIRSTEP = "stairstep", _("stairstep")
        PERCENTAGE = "percentage", _("percentage")
        GRADUATED_PERCENTAGE = "graduated_percentage", _("graduated percentage")

    class Timing(models.TextChoices):
        ADVANCE = "advance", _("in advance")
        ARREARS = "arrears", _("in arrears")

    version = models.ForeignKey(PlanVersion, models.CASCADE, verbose_name=_("plan version"), related_name="prices")
    code = models.CharField(_("code"), max_length=60, validators=[validate_code])
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    model = models.CharField(_("price model"), max_length=20, choices=Model)
    params = models.JSONField(_("parameters"), default=dict)
    meter = models.ForeignKey(
        Meter, models.PROTECT, verbose_name=_("meter"), null=True, blank=True, related_name="prices"
    )
    match = models.JSONField(
        _("only events with"), default=dict, blank=True, help_text=_("Properties and values; empty: all other events.")
    )
    # A level (seats in use, storage) is often paid for by quantity: then only what is above that is charged.
    above = models.CharField(
        _("only above the quantity of"),
        max_length=60,
        blank=True,
        help_text=_("The code of the price whose quantity is paid for already; empty: all of it is charged."),
    )
    interval = models.CharField(_("billed every"), max_length=10, choices=Interval, blank=True)
    timing = models.CharField(_("charged"), max_length=8, choices=Timing)
    optional = models.BooleanField(_("optional"), default=False)
    one_off = models.BooleanField(_("once only"), default=False)
    unit = models.CharField(_("unit"), max_length=20, blank=True, validators=[validate_printable])
    unit_en = models.CharField(_("unit in English"), max_length=20, blank=True)
    tax_rate = models.DecimalField(_("own tax rate"), max_digits=6, decimal_places=4, null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("price"), _("prices")
        ordering = ["version", "position", "id"]
        constraints = [
            models.UniqueConstraint(name="price_code_once_per_version", fields=["version", "code"]),
            models.CheckConstraint(
                name="price_kind_known", condition=Q(kind__in=["base", "module", "seat", "usage", "service"])
            ),
            models.CheckConstraint(
                name="price_model_known",
                condition=Q(
                    model__in=[
                        "flat",
                        "per_unit",
                        "package",
                        "graduated",
                        "volume",
                        "stairstep",
                        "percentage",
                        "graduated_percentage",
                    ]
                ),
            ),
            models.CheckConstraint(name="price_timing_known", condition=Q(timing__in=["advance", "arrears"])),
            models.CheckConstraint(
                name="price_interval_known", condition=Q(interval="") | Q(interval__in=Interval.values)
            ),
            models.CheckConstraint(
                name="price_of_usage_has_meter",
                condition=Q(kind="usage", meter__isnull=False, timing="arrears") | (~Q(kind="usage") & Q(meter=None)),
            ),
            models.CheckConstraint(name="price_above_is_of_usage", condition=Q(above="") | Q(kind="usage")),
            models.CheckConstraint(
                name="price_tax_rate_range", condition=Q(tax_rate=None) | Q(tax_rate__gte=0, tax_rate__lt=1)
            ),
        ]

    def unit_in(self, language: str) -> str:
        """Return the unit's name for a reader of `language`."""
        return self.unit_en if language == Language.ENGLISH and self.unit_en else self.unit


class PriceList(Named):
    """Other prices for a customer group (批发价, 优惠价): a published list is never edited."""

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="price_lists")
    code = models.CharField(_("code"), max_length=60, validators=[validate_code])
    number = models.PositiveIntegerField(_("version"), default=1)
    group = models.ForeignKey(CustomerGroup, models.PROTECT, verbose_name=_("group"), related_name="price_lists")
    status = models.CharField(_("state"), max_length=10, choices=Status, default=Status.DRAFT)
    sha256 = models.CharField(max_length=64, blank=True)
    published_at = models.DateTimeField(_("published"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("price list"), _("price lists")
        constraints = [
            models.UniqueConstraint(name="price_list_number_once", fields=["seller", "code", "number"]),
            models.UniqueConstraint(
                name="price_list_one_in_force", fields=["seller", "group"], condition=Q(status="published")
            ),
            models.CheckConstraint(
                name="price_list_status_known", condition=Q(status__in=["draft", "published", "retired"])
            ),
        ]


class PriceListEntry(models.Model):
    """One price of a plan as this list has it."""

    price_list = models.ForeignKey(PriceList, models.CASCADE, verbose_name=_("price list"), related_name="entries")
    plan = models.ForeignKey(Plan, models.PROTECT, verbose_name=_("plan"), related_name="list_entries")
    price_code = models.CharField(_("price"), max_length=60)
    model = models.CharField(_("price model"), max_length=20, choices=Price.Model)
    params = models.JSONField(_("parameters"), default=dict)

    class Meta:
        verbose_name, verbose_name_plural = _("price of the list"), _("prices of the list")
        constraints = [
            models.UniqueConstraint(name="list_entry_once", fields=["price_list", "plan", "price_code"]),
            models.CheckConstraint(name="list_entry_model_known", condition=Q(model__in=Price.Model.values)),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} {self.price_code}"
