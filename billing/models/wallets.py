"""What customers have put in and not spent: one balance a customer, seller and currency, which can never go below zero."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
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
    # The customer wants to be told when less than this is there.
    alert_minor = models.BigIntegerField(_("told below"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("balance"), _("balances")
        constraints = [
            models.UniqueConstraint(name="wallet_once", fields=["tenant", "seller", "currency"]),
            models.CheckConstraint(name="wallet_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="wallet_paid_not_negative", condition=Q(paid_minor__gte=0)),
            models.CheckConstraint(name="wallet_gift_not_negative", condition=Q(gift_minor__gte=0)),
            models.CheckConstraint(name="wallet_alert_positive", condition=Q(alert_minor__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.currency}"

    @property
    def total_minor(self) -> int:
        """All that can be spent."""
        return self.paid_minor + self.gift_minor


class WalletLot(models.Model):
    """What one posting put into a wallet, and how much of it is left: a paid one never lapses, a gift may.

    `source`, `source_id` and `cause` name the posting. Only `left_minor` changes, in the transaction of a posting (a
    trigger refuses the rest), and at commit the lots of a wallet come to its balance (a deferred trigger).
    """

    class Kind(models.TextChoices):
        PAID = "paid", _("paid in")
        GIFT = "gift", _("given")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="wallet_lots")
    wallet = models.ForeignKey(Wallet, models.PROTECT, verbose_name=_("balance"), related_name="lots", db_index=False)
    kind = models.CharField(_("kind"), max_length=4, choices=Kind)
    amount_minor = models.BigIntegerField(_("amount"))
    left_minor = models.BigIntegerField(_("left"))
    # The first instant at which it is gone.
    expires_at = models.DateTimeField(_("lapses"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=20)
    source_id = models.BigIntegerField(_("source id"))
    cause = models.CharField(_("cause"), max_length=20)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("part of a balance"), _("parts of balances")
        constraints = [
            models.UniqueConstraint(
                name="lot_once",
                fields=["wallet", "source", "source_id", "cause", "kind", "expires_at"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="lot_kind_known", condition=Q(kind__in=["paid", "gift"])),
            models.CheckConstraint(name="lot_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="lot_left_within", condition=Q(left_minor__gte=0, left_minor__lte=F("amount_minor"))
            ),
            models.CheckConstraint(name="lot_only_gifts_lapse", condition=Q(kind="gift") | Q(expires_at=None)),
        ]
        indexes = [
            # Read by the ticks that warn and that let gifts lapse.
            models.Index(
                name="lot_lapses", fields=["expires_at"], condition=Q(left_minor__gt=0, expires_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wallet_id} {self.kind} {self.left_minor}"


class LotUse(models.Model):
    """How a posting moved a lot: below zero it took something out, above zero something came back. Never changed."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="lot_uses", db_index=False)
    lot = models.ForeignKey(
        WalletLot, models.PROTECT, verbose_name=_("part of a balance"), related_name="uses", db_index=False
    )
    source = models.CharField(_("source"), max_length=20)
    source_id = models.BigIntegerField(_("source id"))
    cause = models.CharField(_("cause"), max_length=20)
    amount_minor = models.BigIntegerField(_("amount"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("use of a part"), _("uses of parts")
        constraints = [
            models.UniqueConstraint(name="lot_use_once", fields=["lot", "source", "source_id", "cause"]),
            models.CheckConstraint(name="lot_use_is_something", condition=~Q(amount_minor=0)),
        ]
        # Read by credit notes: which lots a payment took.
        indexes = [models.Index(name="lot_use_of_source", fields=["source", "source_id"])]

    def __str__(self) -> str:
        return f"{self.lot_id} {self.amount_minor}"


class TopUp(models.Model):
    """An operator's act: money that came in by another way, or a gift, with the reason. Never changed (a trigger)."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="top_ups")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="top_ups", db_index=False)
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    gift = models.BooleanField(_("a gift"), default=False)
    # The first instant at which what is left of a gift is gone.
    expires_at = models.DateTimeField(_("lapses"), null=True, blank=True)
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
            models.CheckConstraint(name="top_up_only_gifts_lapse", condition=Q(gift=True) | Q(expires_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.key}"
