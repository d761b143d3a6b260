"""Doubles that were found: bought twice, paid twice, or told twice; each is decided by somebody."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants.models import Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM


class DuplicateFlag(models.Model):
    """Something that looks like a double: what it is, what it would cost, and what was decided about it.

    `fingerprint` names the pair, so that a double is flagged once and a decision stays. `detail` holds what is shown; of
    another account it says nothing but what its reader may know. `other` is that account.
    """

    class Kind(models.TextChoices):
        PRODUCT = "product", _("the same product")
        MODULE = "module", _("the same module")
        PAYMENT = "payment", _("the same payment")
        SOURCE = "source", _("the same usage")

    class State(models.TextChoices):
        OPEN = "open", _("needs a look")
        KEPT = "kept", _("meant so")
        CORRECTED = "corrected", _("put right")

    TRANSITIONS = {State.OPEN: {State.KEPT, State.CORRECTED}, State.KEPT: set(), State.CORRECTED: set()}

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="duplicates")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="duplicates")
    other = models.ForeignKey(
        Tenant, models.PROTECT, verbose_name=_("other account"), null=True, blank=True, related_name="+"
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    detail = models.JSONField(_("detail"), default=dict)
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"), default=0)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.OPEN)
    found_at = models.DateTimeField(_("found"))
    settled_at = models.DateTimeField(_("decided"), null=True, blank=True)
    by = models.ForeignKey(User, models.PROTECT, verbose_name=_("decided by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("possible double"), _("possible doubles")
        ordering = ["-found_at", "-pk"]
        constraints = [
            models.UniqueConstraint(name="duplicate_once", fields=["fingerprint"]),
            models.CheckConstraint(
                name="duplicate_kind_known", condition=Q(kind__in=["product", "module", "payment", "source"])
            ),
            models.CheckConstraint(name="duplicate_amount_not_negative", condition=Q(amount_minor__gte=0)),
            models.CheckConstraint(name="duplicate_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="duplicate_settled_says_when",
                condition=Q(state="open", settled_at=None, by=None)
                | Q(state__in=["kept", "corrected"], settled_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.tenant_id} {self.found_at:%Y-%m-%d}"
