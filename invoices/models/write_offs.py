"""Debts that are given up, with the two people who decided it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from invoices.models.documents import Invoice
from tenants.models import Tenant, User


class WriteOff(models.Model):
    """What a bill still owed when it was given up. One person asks for it with a reason, another one decides.

    The debt is not forgiven: money that comes in for the bill all the same is booked against the loss.
    """

    class Status(models.TextChoices):
        REQUESTED = "requested", _("waits for a second person")
        APPROVED = "approved", _("written off")
        DECLINED = "declined", _("not approved")

    TRANSITIONS = {
        Status.REQUESTED: {Status.APPROVED, Status.DECLINED},
        Status.APPROVED: set(),
        Status.DECLINED: set(),
    }

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="write_offs")
    invoice = models.ForeignKey(Invoice, models.PROTECT, verbose_name=_("bill"), related_name="write_offs")
    amount_minor = models.BigIntegerField(_("amount"))
    reason = models.CharField(_("reason"), max_length=300)
    status = models.CharField(_("state"), max_length=9, choices=Status, default=Status.REQUESTED)
    requested_at = models.DateTimeField(_("asked for"))
    requested_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("asked for by"), related_name="+")
    approved_at = models.DateTimeField(_("decided"), null=True, blank=True)
    approved_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("decided by"), null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name, verbose_name_plural = _("write-off"), _("write-offs")
        ordering = ["-requested_at", "-pk"]
        constraints = [
            models.CheckConstraint(name="write_off_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(name="write_off_says_why", condition=~Q(reason="")),
            models.CheckConstraint(
                name="write_off_status_known", condition=Q(status__in=["requested", "approved", "declined"])
            ),
            # Nobody decides what he asked for himself.
            models.CheckConstraint(
                name="write_off_second_person",
                condition=Q(status="requested", approved_at=None, approved_by=None)
                | ~Q(status="requested")
                & Q(approved_at__isnull=False, approved_by__isnull=False)
                & (~Q(status="approved") | ~Q(approved_by=F("requested_by"))),
            ),
            models.UniqueConstraint(
                name="write_off_once", fields=["invoice"], condition=Q(status__in=["requested", "approved"])
            ),
        ]

    def __str__(self) -> str:
        return str(self.invoice)
