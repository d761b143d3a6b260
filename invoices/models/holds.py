"""Bills that are held before they are issued, because they are far from what is usual for the customer."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from invoices.models.documents import Invoice
from tenants.models import Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM


class BillHoldQuerySet(models.QuerySet["BillHold"]):
    """Queries worth a name."""

    def live(self) -> BillHoldQuerySet:
        """Return the holds that nobody has ended."""
        return self.filter(released_at=None)


class BillHold(models.Model):
    """A draft that is not issued until a person said yes, or until it was corrected (REQUIREMENTS C8).

    It names the bill that is to be by the draft and by its group (CONTRACTS rule 9): a draft that is written anew, because
    late usage joined it, is held by the same row. `total_minor` is what was asked about; a yes is good for it and no more.
    A trigger refuses to issue a draft while this row is live.
    """

    class Outcome(models.TextChoices):
        RELEASED = "released", _("agreed to")
        CORRECTED = "corrected", _("corrected")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="holds")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="holds", db_index=False)
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, verbose_name=_("bill"), related_name="holds", null=True, blank=True
    )
    currency = models.CharField(_("currency"), max_length=3)
    pays = models.CharField(_("paid"), max_length=8)
    charge_on = models.DateField(_("billing day"))
    origin = models.CharField(max_length=80, blank=True)
    # Before discount and tax, as it was judged; and what is asked for.
    subtotal_minor = models.BigIntegerField(_("subtotal"))
    total_minor = models.BigIntegerField(_("total"))
    # [{"code", "name", "name_en", "why", "first", "last", "amount_minor", "usual_minor", "spread_minor", "highest_minor",
    #   "spreads", "periods"}]; the code is empty for the bill as a whole.
    reasons = models.JSONField(_("reasons"), default=list)
    held_at = models.DateTimeField(_("held"))
    examined_at = models.DateTimeField(_("examined"))
    alarmed_at = models.DateTimeField(_("alarmed"), null=True, blank=True)
    # Above the seller's limit one operator asks and another one agrees.
    asked_at = models.DateTimeField(_("asked for"), null=True, blank=True)
    asked_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("asked for by"), null=True, blank=True, related_name="+", db_index=False
    )
    released_at = models.DateTimeField(_("ended"), null=True, blank=True)
    released_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+", db_index=False
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome, blank=True)

    objects = BillHoldQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("held bill"), _("held bills")
        ordering = ["-held_at", "-pk"]
        constraints = [
            models.UniqueConstraint(name="bill_hold_once", fields=["invoice"], condition=Q(released_at=None)),
            models.CheckConstraint(name="bill_hold_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="bill_hold_says_why", condition=~Q(reasons=[])),
            models.CheckConstraint(
                name="bill_hold_outcome_known", condition=Q(outcome__in=["", "released", "corrected"])
            ),
            models.CheckConstraint(
                name="bill_hold_ends_whole",
                condition=Q(released_at=None, released_by=None, outcome="")
                | Q(released_at__isnull=False) & ~Q(outcome="") & (~Q(outcome="released") | ~Q(reason="")),
            ),
            models.CheckConstraint(
                name="bill_hold_asked_whole",
                condition=Q(asked_at=None, asked_by=None) | Q(asked_at__isnull=False, asked_by__isnull=False),
            ),
            # Nobody agrees to what he asked for himself.
            models.CheckConstraint(
                name="bill_hold_second_person",
                condition=Q(asked_by=None) | Q(released_by=None) | ~Q(released_by=F("asked_by")),
            ),
        ]
        indexes = [
            # Read by issuing and by the pages: what is held now.
            models.Index(name="bill_hold_live", fields=["tenant"], condition=Q(released_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} {self.charge_on}"
