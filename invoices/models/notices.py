"""What was announced before it is deducted: who is charged what, from when on, and when the customer knew."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenants.models import Authorisation, Seller, Tenant
from tenants.models.companies import CURRENCY_FORM

# CONTRACTS rule 17: five days between knowing of a deduction and the deduction.
WAIT = timedelta(hours=120)


class ChargeNotice(models.Model):
    """One announcement of a deduction: at most `total_minor`, not before `charge_at` (CONTRACTS rules 16–18).

    A renewal is announced from its preview, with a ceiling for the arrears of the period that closes with it; a bill is
    announced when its arrears were above that ceiling, or nothing was announced. What a member confirmed is a notice too.
    The last version for a payer and a due day is in force. `delivered_at` is null until the notice arrived, and again
    when it came back; only it and `charge_at` may change (a trigger holds this).
    """

    class Of(models.TextChoices):
        RENEWAL = "renewal", _("a renewal")
        BILL = "bill", _("a bill")

    class Via(models.TextChoices):
        NOTICE = "notice", _("a message")
        CONFIRMATION = "confirmation", _("the confirmation of a member")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="charge_notices")
    seller = models.ForeignKey(
        Seller, models.PROTECT, verbose_name=_("seller"), related_name="charge_notices", db_index=False
    )
    currency = models.CharField(_("currency"), max_length=3)
    pays = models.CharField(_("paid"), max_length=8)
    due_on = models.DateField(_("due"))
    due_at = models.DateTimeField(_("due at"))
    version = models.PositiveIntegerField(_("version"))
    of = models.CharField(_("announces"), max_length=8, choices=Of)
    via = models.CharField(_("told by"), max_length=12, choices=Via)
    announced_at = models.DateTimeField(_("announced"))
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    charge_at = models.DateTimeField(_("deducted from"), null=True, blank=True)
    renewal_minor = models.BigIntegerField(_("renewal"))
    ceiling_minor = models.BigIntegerField(_("ceiling of usage"))
    total_minor = models.BigIntegerField(_("at most"))
    # [{"name": …, "name_en": …, "amount_minor": …, "first": …, "last": …}]
    lines = models.JSONField(_("lines"), default=list)
    authorisation = models.ForeignKey(
        Authorisation, models.PROTECT, verbose_name=_("authorisation"), null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name, verbose_name_plural = _("announced deduction"), _("announced deductions")
        ordering = ["-due_on", "-version"]
        constraints = [
            models.UniqueConstraint(
                name="charge_notice_once", fields=["tenant", "seller", "currency", "pays", "due_on", "version"]
            ),
            models.CheckConstraint(name="charge_notice_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="charge_notice_pays_known", condition=Q(pays__in=["wallet", "mandate"])),
            models.CheckConstraint(name="charge_notice_of_known", condition=Q(of__in=["renewal", "bill"])),
            models.CheckConstraint(name="charge_notice_via_known", condition=Q(via__in=["notice", "confirmation"])),
            models.CheckConstraint(
                name="charge_notice_amounts",
                condition=Q(renewal_minor__gte=0, ceiling_minor__gte=0, total_minor__gte=0),
            ),
            # Nothing is deducted before it is due, nor within five days of the notice.
            models.CheckConstraint(
                name="charge_notice_waits",
                condition=Q(delivered_at=None, charge_at=None)
                | Q(
                    delivered_at__isnull=False,
                    charge_at__isnull=False,
                    charge_at__gte=F("due_at"),
                )
                & Q(charge_at__gte=F("delivered_at") + WAIT),
            ),
            # Nobody knows of a notice before it was written; what a member confirmed again keeps when he first knew.
            models.CheckConstraint(
                name="charge_notice_not_known_before",
                condition=Q(delivered_at=None) | Q(via="confirmation") | Q(delivered_at__gte=F("announced_at")),
            ),
        ]
        indexes = [
            # Read by each tick: which of them have not arrived.
            models.Index(name="charge_notice_waiting", fields=["announced_at"], condition=Q(delivered_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.due_on} {self.version}"

    @property
    def key(self) -> str:
        """The key of its message in the outbox."""
        return f"charge-announced:{self.pk}"
