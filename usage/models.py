"""What happened (events) and how much (counters)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenants.models import Seller, Tenant
from tenants.models.companies import Language
from tenants.printable import validate_printable
from tenants.validators import validate_code


class Meter(models.Model):
    """Something that is measured: how events of one code become a quantity of a period.

    `value_property` names the event's property that holds the number (default: the event's quantity); of a unique
    count, the property that is counted once per value. `dimensions` names the properties by which counters are kept
    apart, so that a price may depend on them (REQUIREMENTS A5). A recurring meter keeps its level across periods.
    """

    class Aggregation(models.TextChoices):
        SUM = "sum", _("sum")
        COUNT = "count", _("count")
        MAX = "max", _("highest")
        LATEST = "latest", _("latest")
        UNIQUE = "unique", _("unique count")
        TIME_WEIGHTED = "time_weighted", _("average over time")

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="meters")
    code = models.CharField(_("code"), max_length=60, validators=[validate_code])
    name = models.CharField(_("name"), max_length=80, validators=[validate_printable])
    name_en = models.CharField(_("name in English"), max_length=80, blank=True)
    aggregation = models.CharField(_("aggregation"), max_length=14, choices=Aggregation)
    unit = models.CharField(_("unit"), max_length=20, blank=True, validators=[validate_printable])
    unit_en = models.CharField(_("unit in English"), max_length=20, blank=True)
    value_property = models.CharField(_("property that holds the value"), max_length=60, blank=True)
    dimensions = ArrayField(
        models.CharField(max_length=60), verbose_name=_("properties that prices depend on"), default=list, blank=True
    )
    recurring = models.BooleanField(_("keeps its level"), default=False)
    active = models.BooleanField(_("in use"), default=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name, verbose_name_plural = _("meter"), _("meters")
        ordering = ["seller_id", "code"]
        constraints = [
            models.UniqueConstraint(name="meter_code_once_per_seller", fields=["seller", "code"]),
            models.CheckConstraint(
                name="meter_aggregation_known",
                condition=Q(aggregation__in=["sum", "count", "max", "latest", "unique", "time_weighted"]),
            ),
            models.CheckConstraint(
                name="meter_unique_names_its_property", condition=~Q(aggregation="unique") | ~Q(value_property="")
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def name_in(self, language: str) -> str:
        """Return the meter's name for a reader of `language`."""
        return self.name_en if language == Language.ENGLISH and self.name_en else self.name

    def unit_in(self, language: str) -> str:
        """Return the unit's name for a reader of `language`."""
        return self.unit_en if language == Language.ENGLISH and self.unit_en else self.unit


class UsageEvent(models.Model):
    """One thing that happened, told once under a key; never updated or deleted (a trigger holds this).

    The first event of a key wins (CONTRACTS rule 13). A void is an event of its own that names the event it takes back.
    """

    class Kind(models.TextChoices):
        USE = "use", _("use")
        VOID = "void", _("void")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="usage_events")
    meter = models.ForeignKey(Meter, models.PROTECT, verbose_name=_("meter"), related_name="events")
    key = models.CharField(_("event key"), max_length=120)
    kind = models.CharField(_("kind"), max_length=4, choices=Kind, default=Kind.USE)
    occurred_at = models.DateTimeField(_("occurred"))
    quantity = models.DecimalField(_("quantity"), max_digits=30, decimal_places=10)
    # Of a unique count: the value that is counted once.
    member = models.CharField(_("member"), max_length=200, blank=True)
    dimension = models.JSONField(_("dimension"), default=dict)
    properties = models.JSONField(_("properties"), default=dict)
    voids = models.OneToOneField(
        "self", models.PROTECT, verbose_name=_("takes back"), null=True, blank=True, related_name="voided_by"
    )
    received_at = models.DateTimeField(_("received"))

    class Meta:
        verbose_name, verbose_name_plural = _("usage event"), _("usage events")
        constraints = [
            models.UniqueConstraint(name="event_once_per_key", fields=["tenant", "key"]),
            models.CheckConstraint(name="event_kind_known", condition=Q(kind__in=["use", "void"])),
            models.CheckConstraint(
                name="event_void_names_its_event",
                condition=Q(kind="use", voids__isnull=True) | Q(kind="void", voids__isnull=False),
            ),
            models.CheckConstraint(name="event_quantity_not_negative", condition=Q(quantity__gte=0)),
        ]
        indexes = [
            # Read by counting (levels, recount) and by the page of events.
            models.Index(name="event_tenant_meter_time", fields=["tenant", "meter", "occurred_at"]),
        ]

    def __str__(self) -> str:
        return self.key


class UsageCounter(models.Model):
    """What the events of one local hour add up to, changed in the events' own transaction.

    One row per tenant, meter, dimension and local hour of the tenant; it holds what every aggregation needs:
    `events` and `total` for counts and sums, `highest`, the level that was `last_value` at `last_at` (equal instants: the
    greater `last_key`), and for averages the first level's instant and `area`: the integral in value-seconds of the levels
    told in this hour, from `first_at` to the hour's end. Levels are kept for max, latest and time_weighted only, areas
    for time_weighted only. `usage.counting` proves that counters equal events.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="usage_counters")
    meter = models.ForeignKey(Meter, models.PROTECT, related_name="counters")
    dimension = models.JSONField(default=dict)
    bucket = models.DateTimeField(_("hour"))
    events = models.PositiveIntegerField(_("events"), default=0)
    total = models.DecimalField(_("sum"), max_digits=30, decimal_places=10, default=0)
    highest = models.DecimalField(_("highest"), max_digits=30, decimal_places=10, null=True)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    last_key = models.CharField(max_length=120, blank=True)
    last_value = models.DecimalField(_("latest"), max_digits=30, decimal_places=10, null=True)
    # A value of ten decimals times microseconds has sixteen.
    area = models.DecimalField(_("value-seconds"), max_digits=40, decimal_places=20, default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("usage counter"), _("usage counters")
        constraints = [
            models.UniqueConstraint(name="counter_once_per_hour", fields=["tenant", "meter", "dimension", "bucket"]),
            models.CheckConstraint(
                name="counter_level_is_whole",
                condition=Q(last_at=None, last_value=None, first_at=None)
                | Q(
                    last_at__isnull=False, last_value__isnull=False, first_at__isnull=False, first_at__lte=F("last_at")
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.meter_id} {self.bucket:%Y-%m-%d %H}"


class UsageMark(models.Model):
    """Which hours of a meter gained or lost events since a close last took the mark (CONTRACTS rule 14).

    One row per tenant and meter, widened in the events' own transaction and emptied by `measuring.take_marks`; both
    empty: nothing changed. One row and not one per hour, for a close would otherwise rewrite every counter it reads.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="usage_marks")
    meter = models.ForeignKey(Meter, models.PROTECT, related_name="marks")
    since = models.DateTimeField(_("first hour changed"), null=True)
    until = models.DateTimeField(_("last hour changed"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("mark of changed usage"), _("marks of changed usage")
        constraints = [
            models.UniqueConstraint(name="mark_once_per_meter", fields=["tenant", "meter"]),
            models.CheckConstraint(
                name="mark_is_a_range",
                condition=Q(since=None, until=None)
                | Q(since__isnull=False, until__isnull=False, since__lte=F("until")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.meter_id}"


class UsageMember(models.Model):
    """How many living events of an hour name one value of a unique count."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="usage_members")
    meter = models.ForeignKey(Meter, models.PROTECT, related_name="members")
    dimension = models.JSONField(default=dict)
    bucket = models.DateTimeField()
    member = models.CharField(max_length=200)
    events = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="member_once_per_hour", fields=["tenant", "meter", "bucket", "dimension", "member"]
            ),
        ]

    def __str__(self) -> str:
        return self.member


class UsageImport(models.Model):
    """A file of usage that was read: how far it got and what it refused."""

    file_name = models.CharField(_("file"), max_length=200)
    sha256 = models.CharField(max_length=64)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    rows = models.PositiveBigIntegerField(_("rows"), default=0)
    accepted = models.PositiveBigIntegerField(_("accepted"), default=0)
    duplicate = models.PositiveBigIntegerField(_("duplicates"), default=0)
    refused = models.PositiveBigIntegerField(_("refused"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("usage import"), _("usage imports")

    def __str__(self) -> str:
        return self.file_name
