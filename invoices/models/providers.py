"""How we are known to providers, and what they told us."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from invoices.models.payments import Payment
from tenants.models import Seller, User


class ProviderAccount(models.Model):
    """A seller's account at a provider. Its keys are encrypted at rest (`providers.keys`) and never shown again: pages and
    logs see the fingerprint."""

    class Provider(models.TextChoices):
        ALIPAY = "alipay", _("Alipay")
        WECHAT = "wechat", _("WeChat Pay")

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="provider_accounts")
    provider = models.CharField(_("provider"), max_length=10, choices=Provider)
    # Alipay: the app's id and the seller's id (PID). WeChat: the app's id and the merchant's number.
    app_id = models.CharField(_("app id"), max_length=40)
    merchant = models.CharField(_("merchant number"), max_length=40)
    # WeChat's template of deduction contracts; Alipay's scene of signing.
    plan = models.CharField(_("contract template"), max_length=40, blank=True)
    # Empty: the provider's own. Another one is let in only where the setting PAYMENT_GATEWAYS names it.
    gateway = models.CharField(_("gateway"), max_length=200, blank=True)
    secrets = models.TextField(_("keys, encrypted"))
    fingerprint = models.CharField(_("fingerprint of the keys"), max_length=64)
    active = models.BooleanField(_("in use"), default=True)
    changed_at = models.DateTimeField(_("changed"))
    changed_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("account at a provider"), _("accounts at providers")
        constraints = [
            models.UniqueConstraint(name="provider_account_once", fields=["seller", "provider"]),
            models.UniqueConstraint(name="provider_account_merchant_once", fields=["provider", "app_id", "merchant"]),
            models.CheckConstraint(
                name="provider_account_provider_known", condition=Q(provider__in=["alipay", "wechat"])
            ),
            models.CheckConstraint(name="provider_account_keys_sealed", condition=~Q(secrets__startswith="{")),
        ]

    def __str__(self) -> str:
        return f"{self.get_provider_display()} {self.merchant}"


class ProviderMessage(models.Model):
    """A callback that arrived: believed, a repetition, or refused with the reason. Never changed; its body is not kept,
    only its hash."""

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        REPEATED = "repeated", _("repeated")
        REFUSED = "refused", _("refused")

    provider = models.CharField(_("provider"), max_length=10)
    kind = models.CharField(_("about"), max_length=20, blank=True)
    # The provider's own number of the message; a repetition has the same.
    message_id = models.CharField(_("number of the message"), max_length=80, blank=True)
    reference = models.CharField(_("our number"), max_length=80, blank=True)
    payment = models.ForeignKey(
        Payment, models.PROTECT, verbose_name=_("payment"), null=True, blank=True, related_name="messages"
    )
    verdict = models.CharField(_("verdict"), max_length=8, choices=Verdict)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    body_sha256 = models.CharField(_("hash"), max_length=64)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("message of a provider"), _("messages of providers")
        ordering = ["-at", "-pk"]
        constraints = [
            models.CheckConstraint(
                name="provider_message_verdict_known", condition=Q(verdict__in=["accepted", "repeated", "refused"])
            ),
            models.CheckConstraint(
                name="provider_message_refused_says_why",
                condition=Q(verdict="refused") & ~Q(reason="") | ~Q(verdict="refused"),
            ),
        ]
        indexes = [models.Index(name="provider_message_of", fields=["provider", "message_id"])]

    def __str__(self) -> str:
        return f"{self.provider} {self.message_id}"
