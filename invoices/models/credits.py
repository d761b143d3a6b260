"""Which charge a credit note took: a charge stands on one line of a bill, or inside one credit."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models import Charge
from invoices.models.documents import CreditNote
from tenants.models import Tenant


class CreditedCharge(models.Model):
    """A charge inside a credit note: what gave something back, or what was charged against it. Never changed (a trigger).

    It exists once per charge, so the database cannot credit a charge twice. A sum that falls on several bills makes
    several notes; its charges are kept with the first of them, to which the others point. Amounts have the charge's sign.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="credited_charges", db_index=False)
    credit_note = models.ForeignKey(CreditNote, models.PROTECT, verbose_name=_("credit note"), related_name="charges")
    charge = models.OneToOneField(Charge, models.PROTECT, verbose_name=_("charge"), related_name="credited")
    position = models.PositiveIntegerField(_("position"))
    amount_minor = models.BigIntegerField(_("amount"))
    discount_minor = models.BigIntegerField(_("discount"), default=0)
    tax_minor = models.BigIntegerField(_("tax"), default=0)
    gross_minor = models.BigIntegerField(_("with tax"))

    class Meta:
        verbose_name, verbose_name_plural = _("credited charge"), _("credited charges")
        constraints = [
            models.UniqueConstraint(name="credited_position_once", fields=["credit_note", "position"]),
            models.CheckConstraint(name="credited_discount_not_negative", condition=Q(discount_minor__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.credit_note_id} {self.charge_id}"
