"""What providers and banks say of a day, held against our payments and refunds and against the book."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from invoices.models.payments import Payment
from invoices.models.refunds import Refund
from tenants.models import Seller, User
from tenants.models.companies import CURRENCY_FORM

PROVIDERS = ["alipay", "wechat", "bank"]


class Provider(models.TextChoices):
    """Whose statement it is."""

    ALIPAY = "alipay", _("Alipay")
    WECHAT = "wechat", _("WeChat Pay")
    BANK = "bank", _("bank")


class StatementFile(models.Model):
    """A statement of one day that was fetched from a provider, or one day of a bank's file."""

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="statement_files")
    provider = models.CharField(_("provider"), max_length=10, choices=Provider)
    day = models.DateField(_("day"))
    currency = models.CharField(_("currency"), max_length=3)
    sha256 = models.CharField(_("hash"), max_length=64)
    lines = models.PositiveIntegerField(_("lines"), default=0)
    # What the provider kept of these lines; given back with a refund it is negative.
    fees_minor = models.BigIntegerField(_("fees"), default=0)
    fetched_at = models.DateTimeField(_("fetched"))

    class Meta:
        verbose_name, verbose_name_plural = _("statement of a provider"), _("statements of providers")
        ordering = ["-day", "-pk"]
        constraints = [
            models.UniqueConstraint(name="statement_file_once", fields=["seller", "provider", "day", "sha256"]),
            models.CheckConstraint(name="statement_file_provider_known", condition=Q(provider__in=PROVIDERS)),
            models.CheckConstraint(name="statement_file_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
        ]

    def __str__(self) -> str:
        return f"{self.get_provider_display()} {self.day}"


class StatementRow(models.Model):
    """A line of a statement and what it was found to be here; or, without a line, what we have and the statement has not.

    `difference` keeps what was wrong when it is resolved. Amounts are what moved before fees, always positive; `refund`
    says that it went out.
    """

    class State(models.TextChoices):
        MATCHED = "matched", _("agrees")
        MISSING_HERE = "missing_here", _("not here")
        MISSING_THERE = "missing_there", _("not on the statement")
        AMOUNT_DIFFERS = "amount_differs", _("another amount")
        RESOLVED = "resolved", _("resolved")

    class Resolution(models.TextChoices):
        OTHER_DAY = "other_day", _("stands on another day; nothing is booked")
        DIFFERENCES = "differences", _("booked as a difference")
        FEES = "fees", _("booked as a fee")
        SUSPENSE = "suspense", _("booked as received, payer not known")

    file = models.ForeignKey(StatementFile, models.PROTECT, verbose_name=_("statement"), related_name="rows")
    line = models.PositiveIntegerField(_("line"), null=True, blank=True)
    reference = models.CharField(_("our number"), max_length=80, blank=True)
    provider_number = models.CharField(_("number of the provider"), max_length=80, blank=True)
    amount_minor = models.BigIntegerField(_("amount"))
    fee_minor = models.BigIntegerField(_("fee"), default=0)
    at = models.DateTimeField(_("at"))
    refund = models.BooleanField(_("went out"), default=False)
    state = models.CharField(_("state"), max_length=14, choices=State)
    difference = models.CharField(_("difference"), max_length=14, choices=State, blank=True)
    payment = models.ForeignKey(
        Payment, models.PROTECT, verbose_name=_("payment"), null=True, blank=True, related_name="statement_rows"
    )
    refunded = models.ForeignKey(
        Refund, models.PROTECT, verbose_name=_("refund"), null=True, blank=True, related_name="statement_rows"
    )
    resolution = models.CharField(_("resolution"), max_length=11, choices=Resolution, blank=True)
    # What the correction put onto the cash page: + came in, − went out.
    corrected_minor = models.BigIntegerField(_("corrected by"), default=0)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    # Above the seller's limit a second operator confirms what the first asked for.
    asked_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("asked for by"), null=True, blank=True, related_name="+"
    )
    needs_second = models.BooleanField(_("needs a second person"), default=False)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    resolved_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("line of a statement"), _("lines of statements")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(name="statement_row_line_once", fields=["file", "line"]),
            models.UniqueConstraint(
                name="statement_row_payment_missing_once",
                fields=["payment"],
                condition=Q(line=None, payment__isnull=False),
            ),
            models.UniqueConstraint(
                name="statement_row_refund_missing_once",
                fields=["refunded"],
                condition=Q(line=None, refunded__isnull=False),
            ),
            models.CheckConstraint(name="statement_row_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="statement_row_state_known",
                condition=Q(state__in=["matched", "missing_here", "missing_there", "amount_differs", "resolved"]),
            ),
            models.CheckConstraint(
                name="statement_row_missing_there_has_no_line",
                condition=Q(line=None, difference="missing_there")
                | Q(line__isnull=False) & ~Q(difference="missing_there"),
            ),
            models.CheckConstraint(
                name="statement_row_says_difference",
                condition=Q(state="matched", difference="")
                | Q(state="resolved") & ~Q(difference__in=["", "matched", "resolved"])
                | ~Q(state__in=["matched", "resolved"]) & Q(difference=F("state")),
            ),
            models.CheckConstraint(
                name="statement_row_resolved_says_how",
                condition=Q(state="resolved", resolved_at__isnull=False) & ~Q(resolution="") & ~Q(reason="")
                | ~Q(state="resolved") & Q(resolved_at=None, corrected_minor=0),
            ),
            models.CheckConstraint(
                name="statement_row_resolution_known",
                condition=Q(resolution__in=["", "other_day", "differences", "fees", "suspense"]),
            ),
            models.CheckConstraint(
                name="statement_row_second_person",
                condition=Q(needs_second=False)
                | ~Q(state="resolved")
                | Q(asked_by__isnull=False, resolved_by__isnull=False) & ~Q(asked_by=F("resolved_by")),
            ),
        ]
        indexes = [
            models.Index(
                name="statement_row_open",
                fields=["file"],
                condition=Q(state__in=["missing_here", "missing_there", "amount_differs"]),
            ),
            models.Index(name="statement_row_number", fields=["provider_number"], condition=~Q(provider_number="")),
        ]

    def __str__(self) -> str:
        return self.provider_number or self.reference


class ReconciledDay(models.Model):
    """A day of a provider at which statement, payments and book were held against each other; closed, it is sealed.

    The sums are minor units that came in less what went out, before fees: of the statement's lines, of our payments and
    refunds with the corrections that were booked, and of the provider's page of the book.
    """

    class State(models.TextChoices):
        OPEN = "open", _("differences")
        AGREES = "agrees", _("agrees")
        CLOSED = "closed", _("closed")

    TRANSITIONS = {
        State.OPEN: {State.AGREES},
        State.AGREES: {State.OPEN, State.CLOSED},
        State.CLOSED: set(),
    }

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="reconciled_days")
    provider = models.CharField(_("provider"), max_length=10, choices=Provider)
    day = models.DateField(_("day"))
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=6, choices=State, default=State.OPEN)
    statement_minor = models.BigIntegerField(_("statement"), default=0)
    payments_minor = models.BigIntegerField(_("payments and refunds"), default=0)
    ledger_minor = models.BigIntegerField(_("book"), default=0)
    fees_minor = models.BigIntegerField(_("fees"), default=0)
    differences = models.PositiveIntegerField(_("open differences"), default=0)
    compared_at = models.DateTimeField(_("compared"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("reconciled day"), _("reconciled days")
        ordering = ["-day", "seller", "provider"]
        constraints = [
            models.UniqueConstraint(name="reconciled_day_once", fields=["seller", "provider", "day", "currency"]),
            models.CheckConstraint(name="reconciled_day_provider_known", condition=Q(provider__in=PROVIDERS)),
            models.CheckConstraint(name="reconciled_day_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="reconciled_day_state_known", condition=Q(state__in=["open", "agrees", "closed"])
            ),
            models.CheckConstraint(
                name="reconciled_day_agrees",
                condition=Q(state="open")
                | Q(differences=0, statement_minor=F("payments_minor"), ledger_minor=F("payments_minor")),
            ),
            models.CheckConstraint(
                name="reconciled_day_closed_has_time",
                condition=Q(state="closed", closed_at__isnull=False) | ~Q(state="closed") & Q(closed_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_provider_display()} {self.day}"
