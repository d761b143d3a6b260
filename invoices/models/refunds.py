"""What goes back to the payer, and where it is until it has arrived."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from invoices.models.documents import CreditNote, Invoice
from invoices.models.payments import Payment
from tenants.models import Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM


class Refund(models.Model):
    """Money on its way back: of a bill, with its credit note, or of the balance (a withdrawal: no bill, no note).

    It goes the way it came, as a part of one `payment`; where that way is gone, into the wallet. `reference` is our stable
    number: a provider pays it out once, however often it is asked. Above the seller's limit somebody else than who asked
    for it approves it. A settled amount is never changed (a trigger).
    """

    class To(models.TextChoices):
        ORIGIN = "origin", _("the way it was paid")
        WALLET = "wallet", _("the balance")

    class Status(models.TextChoices):
        REQUESTED = "requested", _("waits for approval")
        APPROVED = "approved", _("to be sent")
        INTENDED = "intended", _("being sent")
        UNKNOWN = "unknown", _("outcome being checked")
        SUCCEEDED = "succeeded", _("arrived")
        FAILED = "failed", _("could not be sent")
        DECLINED = "declined", _("not approved")

    TRANSITIONS = {
        Status.REQUESTED: {Status.APPROVED, Status.DECLINED},
        Status.APPROVED: {Status.INTENDED, Status.SUCCEEDED, Status.FAILED},
        Status.INTENDED: {Status.UNKNOWN, Status.SUCCEEDED, Status.FAILED},
        Status.UNKNOWN: {Status.INTENDED, Status.SUCCEEDED, Status.FAILED},
        Status.FAILED: set(),
        Status.SUCCEEDED: set(),
        Status.DECLINED: set(),
    }

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="refunds")
    # What was asked for at once and goes several ways: the row that began it; none of that one.
    first = models.ForeignKey(
        "self", models.PROTECT, verbose_name=_("asked for with"), null=True, blank=True, related_name="parts"
    )
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="+", db_index=False)
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    # The payment that it is a part of; none of what goes into the balance, and of a balance whose payment is not known.
    payment = models.ForeignKey(
        Payment, models.PROTECT, verbose_name=_("payment"), null=True, blank=True, related_name="refunds"
    )
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, verbose_name=_("bill"), null=True, blank=True, related_name="refunds"
    )
    credit_note = models.ForeignKey(
        CreditNote, models.PROTECT, verbose_name=_("credit note"), null=True, blank=True, related_name="refunds"
    )
    to = models.CharField(_("returned to"), max_length=6, choices=To)
    # What was asked for, until it is approved: amounts by line id, and the reason that stands on the credit note.
    lines = models.JSONField(_("of the lines"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=300)
    reference = models.CharField(_("reference"), max_length=64, unique=True)
    provider_number = models.CharField(_("number of the provider"), max_length=80, blank=True)
    status = models.CharField(_("state"), max_length=9, choices=Status)
    failure = models.CharField(_("why it could not be sent"), max_length=40, blank=True)
    requested_at = models.DateTimeField(_("asked for"))
    requested_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("asked for by"), null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    approved_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("approved by"), null=True, blank=True, related_name="+"
    )
    needs_second = models.BooleanField(_("needs a second person"), default=False)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    # The earliest instant of the next call: providers want a minute between two refunds of one payment.
    ask_at = models.DateTimeField(_("asked next"), null=True, blank=True)
    asks = models.PositiveIntegerField(_("asked"), default=0)
    arrived_at = models.DateTimeField(_("arrived"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("refund"), _("refunds")
        ordering = ["-requested_at", "-pk"]
        constraints = [
            models.CheckConstraint(name="refund_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(name="refund_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="refund_to_known", condition=Q(to__in=["origin", "wallet"])),
            models.CheckConstraint(
                name="refund_status_known",
                condition=Q(
                    status__in=["requested", "approved", "intended", "unknown", "succeeded", "failed", "declined"]
                ),
            ),
            models.CheckConstraint(name="refund_failed_says_why", condition=~Q(status="failed") | ~Q(failure="")),
            # Above the limit a second person: nobody approves what he asked for himself. A program asks as nobody.
            models.CheckConstraint(
                name="refund_second_person",
                condition=Q(needs_second=False)
                | Q(status__in=["requested", "declined"])
                | Q(approved_by__isnull=False) & (Q(requested_by=None) | ~Q(approved_by=F("requested_by"))),
            ),
            # Of one bill, one thing at a time waits for approval.
            models.UniqueConstraint(
                name="refund_one_waiting", fields=["invoice"], condition=Q(status="requested", first=None)
            ),
            models.CheckConstraint(
                name="refund_arrived_has_time",
                condition=Q(status="succeeded", arrived_at__isnull=False) | ~Q(status="succeeded") & Q(arrived_at=None),
            ),
        ]
        indexes = [
            models.Index(
                name="refund_to_ask", fields=["ask_at"], condition=Q(status__in=["approved", "intended", "unknown"])
            ),
        ]

    def __str__(self) -> str:
        return self.reference
