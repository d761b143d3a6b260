"""What a purchase that was taken back had charged, and no document had asked for yet."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models import Change, Charge
from tenants.models import Tenant


class WithdrawnCharge(models.Model):
    """A charge that stands on no document: its purchase was taken back before it was billed, or it undoes such a charge.

    A charge and its counter-entry are withdrawn together, so that neither is ever asked for. Never changed (a trigger).
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="withdrawn_charges", db_index=False)
    change = models.ForeignKey(Change, models.PROTECT, verbose_name=_("taken back"), related_name="withdrawn_charges")
    charge = models.OneToOneField(Charge, models.PROTECT, verbose_name=_("charge"), related_name="withdrawn")

    class Meta:
        verbose_name, verbose_name_plural = _("withdrawn charge"), _("withdrawn charges")

    def __str__(self) -> str:
        return f"{self.change_id} {self.charge_id}"
