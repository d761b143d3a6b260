"""Quotes: a contract as it is offered, with its whole cost, until the customer says yes or no."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models import PlanVersion, Subscription
from invoices.models.documents import NumberSeries
from tenants.models import Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM, Language
from tenants.printable import validate_printable


class QuoteQuerySet(models.QuerySet["Quote"]):
    """Queries worth a name."""

    def shown(self) -> QuoteQuerySet:
        """Return the quotes that customers may see: all that were sent."""
        return self.exclude(status=Quote.Status.DRAFT)

    def waiting(self) -> QuoteQuerySet:
        """Return the quotes that wait for the customer's answer."""
        return self.filter(status=Quote.Status.SENT)

    def lapsed(self, today: date) -> QuoteQuerySet:
        """Return the waiting quotes whose last day has passed."""
        return self.waiting().filter(valid_until__lt=today)


class Quote(models.Model):
    """A contract offered to one customer: a draft until it is sent, then sealed (a trigger holds this).

    What is offered: a plan version from `start_on` (until `end_on`, or renewing), `quantities` and `modules` by price
    code, negotiated `prices` (CONTRACTS §1, a cap is their `maximum`), a commitment per period (`minimum_minor`), a ramp
    (`ramp_percent` off for `ramp_months`), coupons, and clauses in both languages. `expected` is the usage of a month by
    price code; `estimate` is what the contract then costs as a whole, frozen on sending with `sha256`, the hash over all
    that is offered. A sent quote is never edited: a revision is a new quote of the same number that supersedes it.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        SENT = "sent", _("waits for the customer")
        ACCEPTED = "accepted", _("accepted")
        DECLINED = "declined", _("declined")
        WITHDRAWN = "withdrawn", _("withdrawn")
        EXPIRED = "expired", _("expired")

    TRANSITIONS = {
        Status.DRAFT: {Status.SENT},
        Status.SENT: {Status.ACCEPTED, Status.DECLINED, Status.WITHDRAWN, Status.EXPIRED},
        Status.ACCEPTED: set(),
        Status.DECLINED: set(),
        Status.WITHDRAWN: set(),
        Status.EXPIRED: set(),
    }

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="quotes")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="quotes")
    version = models.ForeignKey(PlanVersion, models.PROTECT, verbose_name=_("plan version"), related_name="quotes")
    status = models.CharField(_("state"), max_length=10, choices=Status, default=Status.DRAFT)
    series = models.ForeignKey(NumberSeries, models.PROTECT, null=True, blank=True, related_name="quotes")
    sequence = models.PositiveBigIntegerField(null=True, blank=True)
    number = models.CharField(_("number"), max_length=40, blank=True)
    revision = models.PositiveSmallIntegerField(_("revision"), default=1)
    supersedes = models.OneToOneField(
        "self", models.PROTECT, verbose_name=_("supersedes"), null=True, blank=True, related_name="superseded_by"
    )
    # What is offered.
    currency = models.CharField(_("currency"), max_length=3)
    zone = models.CharField(_("time zone"), max_length=64)
    language = models.CharField(_("language"), max_length=10, choices=Language)
    start_on = models.DateField(_("first day"))
    end_on = models.DateField(_("day after the last one"), null=True, blank=True)
    renews = models.BooleanField(_("renews by itself"), default=False)
    pays = models.CharField(_("paid"), max_length=8, choices=Subscription.Pays, default=Subscription.Pays.MANUAL)
    label = models.CharField(_("label"), max_length=60, blank=True, validators=[validate_printable])
    quantities = models.JSONField(_("quantities"), default=dict, blank=True)
    modules = models.JSONField(_("optional items"), default=list, blank=True)
    prices = models.JSONField(_("negotiated prices"), default=dict, blank=True)
    minimum_minor = models.BigIntegerField(_("commitment per period"), null=True, blank=True)
    ramp_percent = models.DecimalField(_("off in the beginning"), max_digits=6, decimal_places=4, null=True, blank=True)
    ramp_months = models.PositiveSmallIntegerField(_("for so many months"), null=True, blank=True)
    coupons = models.JSONField(_("coupons"), default=list, blank=True)
    expected = models.JSONField(_("expected usage of a month"), default=dict, blank=True)
    clauses = models.TextField(_("further terms"), blank=True, validators=[validate_printable])
    clauses_en = models.TextField(_("further terms in English"), blank=True)
    valid_until = models.DateField(_("valid until and with"))
    # Frozen on sending.
    estimate = models.JSONField(_("whole cost"), null=True, blank=True)
    seller_copy = models.JSONField(_("seller when sent"), null=True, blank=True)
    buyer_copy = models.JSONField(_("customer when sent"), null=True, blank=True)
    terms_sha256 = models.CharField(_("hash of the plan's terms"), max_length=64, blank=True)
    sha256 = models.CharField(_("hash of the quote"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created"))
    created_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+", db_index=False
    )
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    sent_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("sent by"), null=True, blank=True, related_name="+", db_index=False
    )
    # The answer: who, when, from where, and the hash of the text that was shown.
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    answered_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("answered by"), null=True, blank=True, related_name="+", db_index=False
    )
    answered_by_name = models.CharField(_("answered by"), max_length=80, blank=True)
    answered_from = models.GenericIPAddressField(_("network address"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    shown_text = models.TextField(_("text that was shown"), blank=True)
    shown_sha256 = models.CharField(_("hash of the text shown"), max_length=64, blank=True)
    subscription = models.OneToOneField(
        Subscription,
        models.PROTECT,
        verbose_name=_("subscription"),
        null=True,
        blank=True,
        related_name="quote",
    )

    objects = QuoteQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("quote"), _("quotes")
        constraints = [
            models.UniqueConstraint(name="quote_number_once", fields=["number", "revision"], condition=~Q(number="")),
            models.UniqueConstraint(name="quote_sequence_once_in_series", fields=["series", "sequence", "revision"]),
            models.CheckConstraint(
                name="quote_status_known",
                condition=Q(status__in=["draft", "sent", "accepted", "declined", "withdrawn", "expired"]),
            ),
            models.CheckConstraint(name="quote_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="quote_language_known", condition=Q(language__in=["zh-hans", "en"])),
            models.CheckConstraint(name="quote_pays_known", condition=Q(pays__in=["manual", "wallet", "mandate"])),
            models.CheckConstraint(name="quote_days_in_order", condition=Q(end_on=None) | Q(end_on__gt=F("start_on"))),
            # What ends on a day does not renew: one of the two is what the customer is told.
            models.CheckConstraint(name="quote_renews_or_ends", condition=Q(renews=False) | Q(end_on=None)),
            models.CheckConstraint(
                name="quote_minimum_not_negative", condition=Q(minimum_minor=None) | Q(minimum_minor__gte=0)
            ),
            models.CheckConstraint(
                name="quote_ramp_is_whole",
                condition=Q(ramp_percent=None, ramp_months=None)
                | Q(ramp_percent__gt=0, ramp_percent__lte=1, ramp_months__gte=1),
            ),
            models.CheckConstraint(
                name="quote_sent_is_whole",
                condition=Q(status="draft", sent_at=None, sha256="")
                | (
                    ~Q(status="draft")
                    & Q(sequence__isnull=False, series__isnull=False, sent_at__isnull=False)
                    & Q(estimate__isnull=False, seller_copy__isnull=False, buyer_copy__isnull=False)
                    & ~Q(sha256="")
                    & ~Q(number="")
                ),
            ),
            models.CheckConstraint(
                name="quote_accepted_says_how",
                condition=Q(status="accepted", answered_at__isnull=False, subscription__isnull=False)
                & ~Q(shown_sha256="")
                | ~Q(status="accepted") & Q(subscription=None),
            ),
            models.CheckConstraint(
                name="quote_answered_says_when",
                condition=Q(status__in=["draft", "sent"], answered_at=None)
                | (~Q(status__in=["draft", "sent"]) & Q(answered_at__isnull=False)),
            ),
        ]
        indexes = [
            # Read by expiring and by the queue of what lapses soon.
            models.Index(name="quote_waiting", fields=["valid_until"], condition=Q(status="sent")),
        ]

    def __str__(self) -> str:
        if not self.number:
            return f"{_('draft')} {self.pk}"
        return self.number if self.revision == 1 else f"{self.number}/{self.revision}"

    def clauses_in(self, language: str) -> str:
        """Return the clauses for a reader of `language`; where a language is left out, the other one stands."""
        one, other = (
            (self.clauses_en, self.clauses) if language == Language.ENGLISH else (self.clauses, self.clauses_en)
        )
        return one or other
