"""What waits for a second person: customers' purchases above their own limit, and operators' acts with money above the seller's."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models import Subscription
from invoices.models.quotes import Quote
from tenants.models import Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM


class PurchaseRequest(models.Model):
    """A purchase that one member (or a program) asks for and another member decides about.

    `wish` is what was asked for, `shown` what was seen of it with `sha256`; approving does exactly that or nothing.
    `total_minor` is what would be asked for at once, `yearly_minor` what a year of what it commits to comes to on top,
    both with tax; `limit_minor` the company's limit at that time. A request to raise the limit itself has `wish.do`
    `set_limit`. Only the decision is written later, once (a trigger holds this), by another person (CHECK), who is a
    member of the company and may pay (trigger).
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for a second person")
        APPROVED = "approved", _("approved")
        DECLINED = "declined", _("not approved")
        EXPIRED = "expired", _("nobody answered in time")
        OUTDATED = "outdated", _("no longer as it was shown")

    TRANSITIONS = {
        State.WAITING: {State.APPROVED, State.DECLINED, State.EXPIRED, State.OUTDATED},
        State.APPROVED: set(),
        State.DECLINED: set(),
        State.EXPIRED: set(),
        State.OUTDATED: set(),
    }

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="purchase_requests")
    subscription = models.ForeignKey(
        Subscription,
        models.PROTECT,
        verbose_name=_("subscription"),
        null=True,
        blank=True,
        related_name="purchase_requests",
    )
    quote = models.ForeignKey(
        Quote, models.PROTECT, verbose_name=_("quote"), null=True, blank=True, related_name="purchase_requests"
    )
    wish = models.JSONField(_("what is wished"))
    shown = models.JSONField(_("what was shown"))
    sha256 = models.CharField(_("hash"), max_length=64)
    currency = models.CharField(_("currency"), max_length=3)
    total_minor = models.BigIntegerField(_("to pay at once"))
    yearly_minor = models.BigIntegerField(_("more in a year"))
    limit_minor = models.BigIntegerField(_("limit"))
    asked_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("asked for by"), null=True, blank=True, related_name="+"
    )
    asked_by_name = models.CharField(_("asked for by"), max_length=80)
    asked_at = models.DateTimeField(_("asked for"))
    expires_at = models.DateTimeField(_("good until"))
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.WAITING)
    decided_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("decided by"), null=True, blank=True, related_name="+"
    )
    decided_by_name = models.CharField(_("decided by"), max_length=80, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("purchase to approve"), _("purchases to approve")
        ordering = ["-asked_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                name="purchase_request_state_known",
                condition=Q(state__in=["waiting", "approved", "declined", "expired", "outdated"]),
            ),
            models.CheckConstraint(name="purchase_request_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="purchase_request_lasts", condition=Q(expires_at__gt=F("asked_at")) & Q(limit_minor__gte=0)
            ),
            models.CheckConstraint(
                name="purchase_request_decided_says_when",
                condition=Q(state="waiting", decided_at=None, decided_by=None)
                | Q(decided_at__isnull=False) & ~Q(state="waiting"),
            ),
            # Nobody approves what he asked for himself.
            models.CheckConstraint(
                name="purchase_request_two_people",
                condition=~Q(state="approved")
                | Q(decided_by__isnull=False) & (Q(asked_by=None) | ~Q(decided_by=F("asked_by"))),
            ),
            models.UniqueConstraint(
                name="purchase_request_once",
                fields=["tenant", "subscription", "quote", "sha256"],
                condition=Q(state="waiting"),
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(name="purchase_request_waits", fields=["expires_at"], condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class OperatorAct(models.Model):
    """An act by which an operator moves a customer's money or obligations: what, why, before, after, and who decided.

    `wish` is what the act was told, `before` and `after` the customer's figures (minor units by name), `sha256` the hash
    of what it does to them; `made` names what it wrote, as `top_up:12`. `amount_minor` is what counts against the
    seller's limit of that time, `limit_minor`; without an amount (units, not money) it is always above one. Above it
    another operator carries it out (CHECK; who, a trigger). A reversal is an act of its own that `reverses` this one.
    """

    class Kind(models.TextChoices):
        CREDIT = "credit", _("credit note by hand")
        TOP_UP = "top_up", _("balance topped up by hand")
        TRANSFER = "transfer", _("transfer recorded by hand")
        MATCH = "match", _("bank credit matched by hand")
        PACK = "pack", _("resource pack granted")
        CONTRACT = "contract", _("contract changed for the customer")
        TAKE_BACK = "take_back", _("top-up taken back")

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for a second person")
        DONE = "done", _("done")
        DECLINED = "declined", _("not approved")
        OUTDATED = "outdated", _("no longer as it was shown")
        REVERSED = "reversed", _("reversed")

    TRANSITIONS = {
        State.WAITING: {State.DONE, State.DECLINED, State.OUTDATED},
        State.DONE: {State.REVERSED},
        State.DECLINED: set(),
        State.OUTDATED: set(),
        State.REVERSED: set(),
    }

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="operator_acts")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="+", db_index=False)
    target = models.CharField(_("on"), max_length=120)
    wish = models.JSONField(_("what was said"))
    key = models.CharField(max_length=80)
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"), null=True, blank=True)
    limit_minor = models.BigIntegerField(_("limit"), null=True, blank=True)
    before = models.JSONField(_("before"))
    after = models.JSONField(_("after"))
    sha256 = models.CharField(_("hash"), max_length=64)
    reason = models.CharField(_("reason"), max_length=300)
    asked_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("asked for by"), null=True, blank=True, related_name="+"
    )
    asked_by_name = models.CharField(_("asked for by"), max_length=80)
    asked_at = models.DateTimeField(_("asked for"))
    state = models.CharField(_("state"), max_length=8, choices=State)
    approved_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("decided by"), null=True, blank=True, related_name="+"
    )
    approved_by_name = models.CharField(_("decided by"), max_length=80, blank=True)
    approved_at = models.DateTimeField(_("decided"), null=True, blank=True)
    answer = models.CharField(_("reason of the decision"), max_length=300, blank=True)
    made = models.CharField(_("what it made"), max_length=120, blank=True)
    reverses = models.ForeignKey(
        "self", models.PROTECT, verbose_name=_("reverses"), null=True, blank=True, related_name="reversals"
    )

    class Meta:
        verbose_name, verbose_name_plural = _("act with money"), _("acts with money")
        ordering = ["-asked_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                name="operator_act_kind_known",
                condition=Q(kind__in=["credit", "top_up", "transfer", "match", "pack", "contract", "take_back"]),
            ),
            models.CheckConstraint(
                name="operator_act_state_known",
                condition=Q(state__in=["waiting", "done", "declined", "outdated", "reversed"]),
            ),
            models.CheckConstraint(name="operator_act_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="operator_act_amounts",
                condition=(Q(amount_minor=None) | Q(amount_minor__gte=0))
                & (Q(limit_minor=None) | Q(limit_minor__gte=0)),
            ),
            models.CheckConstraint(name="operator_act_says_why", condition=~Q(reason="")),
            # Above the limit nothing is done but by a second person, and never by the first one again.
            models.CheckConstraint(
                name="operator_act_second_person",
                condition=~Q(state__in=["done", "reversed"])
                | Q(limit_minor=None)
                | Q(amount_minor__isnull=False, amount_minor__lte=F("limit_minor"))
                | Q(approved_by__isnull=False),
            ),
            models.CheckConstraint(
                name="operator_act_two_people",
                condition=~Q(state__in=["done", "reversed"])
                | Q(approved_by=None)
                | Q(asked_by=None)
                | ~Q(approved_by=F("asked_by")),
            ),
            models.CheckConstraint(
                name="operator_act_decided_says_when",
                condition=Q(approved_by=None, approved_at=None)
                | Q(approved_by__isnull=False, approved_at__isnull=False),
            ),
            models.UniqueConstraint(name="operator_act_once", fields=["tenant", "key"]),
            # A reversal that is asked for or done; one that was declined may be asked for again.
            models.UniqueConstraint(
                name="operator_act_reversed_once",
                fields=["reverses"],
                condition=Q(state__in=["waiting", "done"], reverses__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
