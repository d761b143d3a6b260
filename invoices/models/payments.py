"""What comes in."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from invoices.models.documents import Invoice
from invoices.models.notices import ChargeNotice
from tenants.models import Authorisation, Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM


class Payment(models.Model):
    """Money that a customer paid, or one attempt to take it: a transfer that came in, or a part of his wallet.

    `reference` is the provider's own number of it; one provider's number is recorded once. `basis` says why it was
    taken: it came in, a member paid by hand, a member confirmed a purchase, or it was deducted by itself, which names its
    authorisation and its notice. A settled amount is never changed (a trigger holds this).
    """

    class Method(models.TextChoices):
        TRANSFER = "transfer", _("bank transfer")
        WALLET = "wallet", _("balance")

    class Status(models.TextChoices):
        INTENDED = "intended", _("under way")
        UNKNOWN = "unknown", _("outcome being checked")
        SUCCEEDED = "succeeded", _("received")
        FAILED = "failed", _("not taken")
        REFUNDED = "refunded", _("returned")

    class Basis(models.TextChoices):
        RECEIVED = "received", _("came in")
        BY_HAND = "by_hand", _("paid by a member")
        CONFIRMED = "confirmed", _("confirmed by a member")
        AUTOMATIC = "automatic", _("deducted automatically")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="payments")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="payments")
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    method = models.CharField(_("way"), max_length=10, choices=Method)
    provider = models.CharField(_("provider"), max_length=20)
    reference = models.CharField(_("reference"), max_length=80)
    status = models.CharField(_("state"), max_length=10, choices=Status)
    payer_name = models.CharField(_("payer"), max_length=200, blank=True)
    basis = models.CharField(_("taken because"), max_length=10, choices=Basis, default=Basis.RECEIVED)
    # What an attempt to take money was for; a transfer names its bills by its allocations alone.
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, verbose_name=_("bill"), null=True, blank=True, related_name="attempts"
    )
    authorisation = models.ForeignKey(
        Authorisation,
        models.PROTECT,
        verbose_name=_("authorisation"),
        null=True,
        blank=True,
        related_name="payments",
        db_index=False,
    )
    notice = models.ForeignKey(
        ChargeNotice,
        models.PROTECT,
        verbose_name=_("notice"),
        null=True,
        blank=True,
        related_name="payments",
        db_index=False,
    )
    failure = models.CharField(_("why it was not taken"), max_length=40, blank=True)
    # How often money had come into the wallet when it held too little: the same state is never tried twice.
    wallet_moves = models.BigIntegerField(null=True, blank=True)
    received_at = models.DateTimeField(_("received"))
    recorded_at = models.DateTimeField(_("recorded"))
    recorded_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("payment"), _("payments")
        constraints = [
            models.UniqueConstraint(name="payment_reference_once", fields=["provider", "reference"]),
            models.CheckConstraint(name="payment_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(name="payment_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="payment_method_known", condition=Q(method__in=["transfer", "wallet"])),
            models.CheckConstraint(
                name="payment_status_known",
                condition=Q(status__in=["intended", "unknown", "succeeded", "failed", "refunded"]),
            ),
            models.CheckConstraint(
                name="payment_basis_known",
                condition=Q(basis__in=["received", "by_hand", "confirmed", "automatic"]),
            ),
            # The first promise: nothing is deducted without authorisation and without notice.
            models.CheckConstraint(
                name="payment_automatic_was_allowed",
                condition=~Q(basis="automatic") | Q(authorisation__isnull=False, notice__isnull=False),
            ),
            models.CheckConstraint(
                name="payment_of_attempt_has_bill", condition=Q(basis="received") | Q(invoice__isnull=False)
            ),
            models.CheckConstraint(
                name="payment_failed_says_why",
                condition=Q(status="failed") & ~Q(failure="") | ~Q(status="failed") & Q(failure=""),
            ),
            models.UniqueConstraint(
                name="payment_one_live_attempt",
                fields=["invoice"],
                condition=Q(status__in=["intended", "unknown"]),
            ),
            models.UniqueConstraint(
                name="payment_tried_once_per_state",
                fields=["invoice", "wallet_moves"],
                condition=Q(status="failed", wallet_moves__isnull=False),
            ),
        ]
        indexes = [models.Index(name="payment_of_tenant", fields=["tenant", "-received_at"])]

    def __str__(self) -> str:
        return self.reference


class Allocation(models.Model):
    """A part of a payment that settles an invoice."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="allocations")
    payment = models.ForeignKey(Payment, models.PROTECT, verbose_name=_("payment"), related_name="allocations")
    invoice = models.ForeignKey(Invoice, models.PROTECT, verbose_name=_("bill"), related_name="allocations")
    amount_minor = models.BigIntegerField(_("amount"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("allocation"), _("allocations")
        constraints = [
            models.UniqueConstraint(name="allocation_once", fields=["payment", "invoice"]),
            models.CheckConstraint(name="allocation_amount_positive", condition=Q(amount_minor__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id} → {self.invoice_id}"
