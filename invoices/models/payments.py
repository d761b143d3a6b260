"""What comes in."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from invoices.models.documents import Invoice
from tenants.models import Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM


class Payment(models.Model):
    """Money that a customer paid. By now: a transfer that an operator saw on the bank's statement.

    `reference` is the provider's own number of it; one provider's number is recorded once. A settled amount is never
    changed (a trigger holds this).
    """

    class Method(models.TextChoices):
        TRANSFER = "transfer", _("bank transfer")

    class Status(models.TextChoices):
        SUCCEEDED = "succeeded", _("received")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="payments")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="payments")
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    method = models.CharField(_("way"), max_length=10, choices=Method)
    provider = models.CharField(_("provider"), max_length=20)
    reference = models.CharField(_("reference"), max_length=80)
    status = models.CharField(_("state"), max_length=10, choices=Status)
    payer_name = models.CharField(_("payer"), max_length=200, blank=True)
    received_at = models.DateTimeField(_("received"))
    recorded_at = models.DateTimeField(_("recorded"))
    recorded_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("payment"), _("payments")
        constraints = [
            models.UniqueConstraint(name="payment_reference_once", fields=["provider", "reference"]),
            models.CheckConstraint(name="payment_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(name="payment_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="payment_method_known", condition=Q(method__in=["transfer"])),
            models.CheckConstraint(name="payment_status_known", condition=Q(status__in=["succeeded"])),
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
