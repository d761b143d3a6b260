"""Units bought or given ahead: resource packs, and what periods used of them."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models.catalogue import Price
from billing.models.charges import BillingPeriod, Charge
from tenants.models import Seller, Tenant, User
from tenants.printable import validate_printable
from usage.models import Meter


class PackQuerySet(models.QuerySet["Pack"]):
    """Queries worth a name."""

    def with_used(self) -> PackQuerySet:
        """Add `used`: how much the closed periods have used."""
        return self.annotate(used=models.Sum("uses__quantity", default=0))

    def valid(self, at: datetime) -> PackQuerySet:
        """Return the packs that have not lapsed, also those that begin later."""
        return self.filter(expires__gt=at)


class Pack(models.Model):
    """Units of a meter that a customer may use before anything is paid for them, from `valid_from` to before `expires`.

    The pack with the lowest `priority` number is used first, then the one that lapses first (rule 21). `match` limits it
    to prices whose events all have these properties. No row ever changes (a trigger holds this): what is left is the
    quantity less what was used.
    """

    class Source(models.TextChoices):
        GRANT = "grant", _("granted")
        PURCHASE = "purchase", _("bought")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="packs")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="packs", db_index=False)
    meter = models.ForeignKey(Meter, models.PROTECT, verbose_name=_("meter"), related_name="packs", db_index=False)
    quantity = models.DecimalField(_("quantity"), max_digits=30, decimal_places=10)
    priority = models.PositiveSmallIntegerField(_("priority"), default=0)
    valid_from = models.DateTimeField(_("valid from"))
    expires = models.DateTimeField(_("lapses"))
    match = models.JSONField(_("only for usage with"), default=dict, blank=True)
    source = models.CharField(_("source"), max_length=8, choices=Source, default=Source.GRANT)
    reason = models.CharField(_("reason"), max_length=200, blank=True, validators=[validate_printable])
    # Of a purchase: what was charged for it.
    charge = models.OneToOneField(
        Charge, models.PROTECT, verbose_name=_("charge"), null=True, blank=True, related_name="pack"
    )
    granted_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")
    granted_by_name = models.CharField(_("by"), max_length=80, blank=True)
    created_at = models.DateTimeField(_("created"))

    objects = PackQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("resource pack"), _("resource packs")
        constraints = [
            models.CheckConstraint(name="pack_holds_something", condition=Q(quantity__gt=0)),
            models.CheckConstraint(name="pack_lapses_after_it_begins", condition=Q(expires__gt=F("valid_from"))),
            models.CheckConstraint(
                name="pack_source_known",
                condition=Q(source="grant", charge__isnull=True) | Q(source="purchase", charge__isnull=False),
            ),
        ]
        indexes = [
            # Read by the tick that warns: what lapses soon.
            models.Index(name="pack_expires", fields=["expires"]),
        ]

    def __str__(self) -> str:
        return f"{self.meter} {self.quantity.normalize():f}{self.meter.unit}"


class PackUse(models.Model):
    """How much of a pack the usage of one price used in one period; never edited, a later measure adds a difference.

    `part` names the part of a period that a change cut off (the cause of its charges), empty for a whole period or its
    rest; `number` counts the measures that changed it. The sum of a pack's rows lies between 0 and its quantity (a
    trigger holds this).
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="pack_uses", db_index=False)
    pack = models.ForeignKey(Pack, models.PROTECT, verbose_name=_("resource pack"), related_name="uses", db_index=False)
    period = models.ForeignKey(BillingPeriod, models.PROTECT, verbose_name=_("period"), related_name="pack_uses")
    price = models.ForeignKey(Price, models.PROTECT, verbose_name=_("price"), related_name="pack_uses", db_index=False)
    part = models.CharField(_("part of the period"), max_length=80, blank=True)
    number = models.PositiveSmallIntegerField(_("number"), default=1)
    quantity = models.DecimalField(_("quantity"), max_digits=30, decimal_places=10)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("use of a resource pack"), _("uses of resource packs")
        constraints = [
            models.UniqueConstraint(
                name="pack_use_once_per_measure", fields=["pack", "period", "price", "part", "number"]
            ),
            models.CheckConstraint(name="pack_use_is_something", condition=~Q(quantity=0)),
        ]

    def __str__(self) -> str:
        return f"{self.pack_id} {self.period_id} {self.quantity.normalize():f}"
