"""What customers have put in and not spent: one balance a customer, seller and currency, which can never go below zero."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants.models import Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM


class Wallet(models.Model):
    """A customer's balance, as the book has it: `paid_minor` was paid in, `gift_minor` was given and is spent first.

    Only `ledger.post` moves it, in the transaction of the posting; `check_books` proves that both say the same.
    `moves` counts the postings that raised it, so that a deduction that failed is tried again when money came in, and not
    before.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="wallets")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="wallets", db_index=False)
    currency = models.CharField(_("currency"), max_length=3)
    paid_minor = models.BigIntegerField(_("paid in"), default=0)
    gift_minor = models.BigIntegerField(_("given"), default=0)
    moves = models.BigIntegerField(_("movements"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("balance"), _("balances")
        constraints = [
            models.UniqueConstraint(name="wallet_once", fields=["tenant", "seller", "currency"]),
            models.CheckConstraint(name="wallet_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="wallet_paid_not_negative", condition=Q(paid_minor__gte=0)),
            models.CheckConstraint(name="wallet_gift_not_negative", condition=Q(gift_minor__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.currency}"

    @property
    def total_minor(self) -> int:
        """All that can be spent."""
        return self.paid_minor + self.gift_minor


class TopUp(models.Model):
    """An operator's act: money that came in by another way, or a gift, with the reason. Never changed (a trigger)."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="top_ups")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="top_ups", db_index=False)
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    gift = models.BooleanField(_("a gift"), default=False)
    reason = models.CharField(_("reason"), max_length=300)
    # What makes it happen once, however often the form is sent.
    key = models.CharField(max_length=80)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("top-up"), _("top-ups")
        constraints = [
            models.UniqueConstraint(name="top_up_once", fields=["tenant", "key"]),
            models.CheckConstraint(name="top_up_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(name="top_up_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.key}"
