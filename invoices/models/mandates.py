"""What a customer signed at a provider so that it may be debited: WeChat papay, Alipay cycle agreements."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from invoices.models.documents import Invoice
from invoices.models.notices import ChargeNotice
from tenants.models import Authorisation, Seller, Tenant
from tenants.models.companies import CURRENCY_FORM


class Mandate(models.Model):
    """A provider's contract, its limits and state. It lets nothing be taken by itself: what it may be used for stands in
    the authorisation that it points at.

    `number` is ours (Alipay's external_agreement_no, WeChat's contract_code), `provider_number` theirs (agreement_no,
    contract_id). `single_minor` is the most of one debit. Alipay debits once in each period, from five days before its day
    on; WeChat within days 3 to 9 after its own notice.
    """

    class Provider(models.TextChoices):
        ALIPAY = "alipay", _("Alipay")
        WECHAT = "wechat", _("WeChat Pay")

    class Status(models.TextChoices):
        SIGNING = "signing", _("being signed")
        ACTIVE = "active", _("in force")
        ENDED = "ended", _("ended")

    class Ended(models.TextChoices):
        BY_CUSTOMER = "customer", _("by the customer, here")
        AT_PROVIDER = "provider", _("at the provider")
        BY_US = "us", _("by the seller")
        NEVER_SIGNED = "unsigned", _("never signed")

    TRANSITIONS = {
        Status.SIGNING: {Status.ACTIVE, Status.ENDED},
        Status.ACTIVE: {Status.ENDED},
        Status.ENDED: set(),
    }

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="mandates")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="+", db_index=False)
    currency = models.CharField(_("currency"), max_length=3)
    provider = models.CharField(_("provider"), max_length=10, choices=Provider)
    authorisation = models.ForeignKey(
        Authorisation, models.PROTECT, verbose_name=_("authorisation"), related_name="mandates"
    )
    number = models.CharField(_("number"), max_length=32)
    provider_number = models.CharField(_("number of the provider"), max_length=80, blank=True)
    status = models.CharField(_("state"), max_length=8, choices=Status)
    single_minor = models.BigIntegerField(_("most of one deduction"))
    # Alipay's rule: every so many months, on this day (1–28); null where the provider has none.
    every_months = models.PositiveSmallIntegerField(_("every (months)"), null=True, blank=True)
    execute_on = models.DateField(_("day of deduction"), null=True, blank=True)
    sign_address = models.TextField(_("sign at"), blank=True)
    # The payer as the provider calls him, shortened: enough to recognise it, never enough to use it.
    payer_masked = models.CharField(_("payer"), max_length=40, blank=True)
    created_at = models.DateTimeField(_("created"))
    signed_at = models.DateTimeField(_("signed"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.CharField(_("ended by"), max_length=8, choices=Ended, blank=True)
    # An end that the provider has not confirmed yet is asked for until it has.
    ask_at = models.DateTimeField(_("asked next"), null=True, blank=True)
    asks = models.PositiveIntegerField(_("asked"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("deduction agreement"), _("deduction agreements")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(name="mandate_number_once", fields=["provider", "number"]),
            models.UniqueConstraint(
                name="mandate_provider_number_once",
                fields=["provider", "provider_number"],
                condition=~Q(provider_number=""),
            ),
            models.UniqueConstraint(
                name="mandate_one_in_force",
                fields=["tenant", "seller", "currency"],
                condition=Q(status="active"),
            ),
            models.CheckConstraint(name="mandate_provider_known", condition=Q(provider__in=["alipay", "wechat"])),
            models.CheckConstraint(name="mandate_status_known", condition=Q(status__in=["signing", "active", "ended"])),
            models.CheckConstraint(
                name="mandate_ended_by_known",
                condition=Q(status="ended", ended_at__isnull=False)
                & Q(ended_by__in=["customer", "provider", "us", "unsigned"])
                | ~Q(status="ended") & Q(ended_at=None, ended_by=""),
            ),
            models.CheckConstraint(name="mandate_single_positive", condition=Q(single_minor__gt=0)),
            models.CheckConstraint(name="mandate_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="mandate_active_is_signed",
                condition=~Q(status="active") | Q(signed_at__isnull=False) & ~Q(provider_number=""),
            ),
        ]

    def __str__(self) -> str:
        return self.number


class MandateNotice(models.Model):
    """What a provider was told before a debit, as it demands itself (WeChat: 预扣费通知, day 1 told, day 2 waited, days 3–9
    debited). It stands beside our own notice, never instead of it.

    It is about an announced deduction, or about a bill: one that a member confirmed, or that is tried again.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="mandate_notices", db_index=False)
    mandate = models.ForeignKey(Mandate, models.PROTECT, verbose_name=_("deduction agreement"), related_name="notices")
    notice = models.ForeignKey(
        ChargeNotice, models.PROTECT, verbose_name=_("notice"), null=True, blank=True, related_name="told_provider"
    )
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, verbose_name=_("bill"), null=True, blank=True, related_name="told_provider"
    )
    amount_minor = models.BigIntegerField(_("at most"))
    # Null until the provider has taken it.
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    debit_from = models.DateTimeField(_("deducted from"), null=True, blank=True)
    debit_until = models.DateTimeField(_("deducted until"), null=True, blank=True)
    failure = models.CharField(_("why it was not taken"), max_length=40, blank=True)
    tried_at = models.DateTimeField(_("tried"))

    class Meta:
        verbose_name, verbose_name_plural = _("notice to a provider"), _("notices to a provider")
        constraints = [
            models.UniqueConstraint(name="mandate_notice_once", fields=["mandate", "notice"]),
            models.UniqueConstraint(name="mandate_notice_once_for_bill", fields=["mandate", "invoice"]),
            models.CheckConstraint(
                name="mandate_notice_of_one_thing",
                condition=Q(notice__isnull=False, invoice=None) | Q(notice=None, invoice__isnull=False),
            ),
            models.CheckConstraint(name="mandate_notice_positive", condition=Q(amount_minor__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.mandate_id} {self.notice_id or self.invoice_id}"
