"""Disputes: what of a bill a customer does not accept, what both sides say of it, and how it was answered."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from billing.models.subscriptions import same
from invoices.models.documents import CreditNote, Invoice, InvoiceLine
from invoices.models.refunds import Refund
from tenants.models import Seller, Tenant, User

# How long we take to answer, how long an answer may be appealed, and what is left to pay in after an explanation: days of
# the calendar, where a seller has set nothing else.
ANSWER_DAYS, APPEAL_DAYS, GRACE_DAYS = 7, 14, 5
STATES = ["open", "answered", "appealed", "settled", "withdrawn"]
LIVE = ("open", "appealed")
# The line, 0 for the bill as a whole.
WHOLE_OR_LINE = Func(F("line"), Value(0), function="coalesce")


class DisputeTerms(models.Model):
    """What a seller promises of disputes, in days of the calendar: there is no calendar of public holidays here."""

    seller = models.OneToOneField(Seller, models.PROTECT, verbose_name=_("seller"), related_name="dispute_terms")
    answer_days = models.SmallIntegerField(
        _("days to answer"), default=ANSWER_DAYS, help_text=_("A dispute is answered within so many days.")
    )
    appeal_days = models.SmallIntegerField(
        _("days to appeal"), default=APPEAL_DAYS, help_text=_("An answer may be appealed for so many days, once.")
    )
    grace_days = models.SmallIntegerField(
        _("days to pay after an explanation"),
        default=GRACE_DAYS,
        help_text=_("So many days after the answer it is due again at the earliest; five or more."),
    )

    class Meta:
        verbose_name, verbose_name_plural = _("terms of disputes"), _("terms of disputes")
        constraints = [
            models.CheckConstraint(name="dispute_terms_answer", condition=Q(answer_days__gte=1, answer_days__lte=60)),
            models.CheckConstraint(name="dispute_terms_appeal", condition=Q(appeal_days__gte=1, appeal_days__lte=365)),
            models.CheckConstraint(name="dispute_terms_grace", condition=Q(grace_days__gte=5, grace_days__lte=60)),
        ]

    def __str__(self) -> str:
        return str(self.seller)


class DisputeQuerySet(models.QuerySet["Dispute"]):
    """Queries worth a name."""

    def live(self) -> DisputeQuerySet:
        """Return those that wait for an answer: what they are about is frozen."""
        return self.filter(state__in=LIVE)


class Dispute(models.Model):
    """What of a bill its payer does not accept: a line, days of its usage, or (`line` is none) the whole bill.

    While it is open or appealed, what it is about is frozen: not asked for, not deducted, not dunned for. `amount_minor` is
    disputed in all, with tax; `given_minor` of it was given back. Each day of a line is disputed once (exclusion); what was
    withdrawn may be disputed once more (a trigger), so that nothing stays frozen for ever.
    """

    class State(models.TextChoices):
        OPEN = "open", _("waits for an answer")
        ANSWERED = "answered", _("answered")
        APPEALED = "appealed", _("appealed")
        SETTLED = "settled", _("settled")
        WITHDRAWN = "withdrawn", _("withdrawn")

    TRANSITIONS = {
        State.OPEN: {State.ANSWERED, State.SETTLED, State.WITHDRAWN},
        State.ANSWERED: {State.APPEALED, State.ANSWERED, State.SETTLED},
        State.APPEALED: {State.SETTLED},
        State.SETTLED: set(),
        State.WITHDRAWN: set(),
    }

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="disputes")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, models.PROTECT, verbose_name=_("bill"), related_name="disputes")
    line = models.ForeignKey(
        InvoiceLine, models.PROTECT, verbose_name=_("line"), null=True, blank=True, related_name="disputes"
    )
    # Of a line of usage the days in dispute, half open; none for all of it.
    starts_on = models.DateField(_("from"), null=True, blank=True)
    ends_on = models.DateField(_("until"), null=True, blank=True)
    amount_minor = models.BigIntegerField(_("in dispute"))
    given_minor = models.BigIntegerField(_("given back"), default=0)
    reason = models.CharField(_("what is wrong"), max_length=1000)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField(_("opened"))
    opened_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("opened by"), null=True, blank=True, related_name="+"
    )
    answer_due_on = models.DateField(_("answered by"))
    # When operators were told that the answer is late; none while it is not.
    late_at = models.DateTimeField(_("late since"), null=True, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    appeal_until = models.DateField(_("appeal until"), null=True, blank=True)
    appeal = models.CharField(_("appeal"), max_length=1000, blank=True)
    appealed_at = models.DateTimeField(_("appealed"), null=True, blank=True)
    appealed_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("appealed by"), null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    objects = DisputeQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("dispute"), _("disputes")
        ordering = ["-opened_at", "-pk"]
        constraints = [
            models.CheckConstraint(name="dispute_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="dispute_given_within", condition=Q(given_minor__gte=0, given_minor__lte=F("amount_minor"))
            ),
            models.CheckConstraint(name="dispute_state_known", condition=Q(state__in=STATES)),
            models.CheckConstraint(name="dispute_says_why", condition=~Q(reason="")),
            models.CheckConstraint(
                name="dispute_days_of_line",
                condition=Q(starts_on=None, ends_on=None)
                | Q(line__isnull=False, starts_on__isnull=False, ends_on__gt=F("starts_on")),
            ),
            models.CheckConstraint(
                name="dispute_answered_has_time",
                condition=~Q(state__in=["answered", "appealed"])
                | Q(answered_at__isnull=False, appeal_until__isnull=False),
            ),
            models.CheckConstraint(
                name="dispute_appeal_says_why",
                condition=Q(appealed_at=None, appeal="") & ~Q(state="appealed")
                | Q(appealed_at__isnull=False) & ~Q(appeal=""),
            ),
            models.CheckConstraint(
                name="dispute_closed_has_time",
                condition=Q(state__in=["settled", "withdrawn"], closed_at__isnull=False)
                | ~Q(state__in=["settled", "withdrawn"]) & Q(closed_at=None),
            ),
            # Of one line, and of a bill as a whole, one at a time.
            models.UniqueConstraint(
                name="dispute_one_live",
                fields=["invoice", "line"],
                condition=Q(state__in=LIVE),
                nulls_distinct=False,
            ),
            # Each day of a line once; without days all of them. A bill as a whole once.
            ExclusionConstraint(
                name="dispute_days_once",
                expressions=[
                    *same("invoice"),
                    (Func(WHOLE_OR_LINE, WHOLE_OR_LINE, Value("[]"), function="int8range"), "&&"),
                    (Func(F("starts_on"), F("ends_on"), function="daterange"), "&&"),
                ],
                condition=~Q(state="withdrawn"),
            ),
        ]
        indexes = [
            # Read by the queue and by the tick: what is to be answered next.
            models.Index(name="dispute_to_answer", fields=["answer_due_on"], condition=Q(state__in=LIVE)),
        ]

    def __str__(self) -> str:
        return f"{self.invoice} · {self.line or _('the whole bill')}"

    @property
    def contested_minor(self) -> int:
        """What is still in dispute of it: what was not given back."""
        return self.amount_minor - self.given_minor

    @property
    def is_live(self) -> bool:
        """Whether it waits for an answer."""
        return self.state in LIVE


class DisputeAnswer(models.Model):
    """How a dispute was answered: the first answer, one after a refund that was not approved, and that of the appeal.

    Never changed. Each is another person's (unique), and none is of who disputes (a trigger).
    """

    class Outcome(models.TextChoices):
        CREDIT = "credit", _("credited")
        REFUND = "refund", _("refunded")
        EXPLAIN = "explain", _("explained")

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="dispute_answers", db_index=False)
    dispute = models.ForeignKey(Dispute, models.PROTECT, verbose_name=_("dispute"), related_name="answers")
    number = models.SmallIntegerField(_("number"))
    outcome = models.CharField(_("outcome"), max_length=7, choices=Outcome)
    amount_minor = models.BigIntegerField(_("given back"), default=0)
    text = models.CharField(_("answer"), max_length=2000)
    credit_note = models.ForeignKey(
        CreditNote, models.PROTECT, verbose_name=_("credit note"), null=True, blank=True, related_name="+"
    )
    # The first of what was asked for at once.
    refund = models.ForeignKey(
        Refund, models.PROTECT, verbose_name=_("refund"), null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("answer to a dispute"), _("answers to disputes")
        ordering = ["dispute", "number"]
        constraints = [
            models.UniqueConstraint(name="dispute_answer_once", fields=["dispute", "number"]),
            models.UniqueConstraint(name="dispute_answer_another_person", fields=["dispute", "by"]),
            models.CheckConstraint(name="dispute_answer_few", condition=Q(number__gte=1, number__lte=4)),
            models.CheckConstraint(
                name="dispute_answer_outcome_known", condition=Q(outcome__in=["credit", "refund", "explain"])
            ),
            models.CheckConstraint(
                name="dispute_answer_gives",
                condition=Q(outcome="explain", amount_minor=0, credit_note=None, refund=None)
                | ~Q(outcome="explain") & Q(amount_minor__gt=0),
            ),
            models.CheckConstraint(name="dispute_answer_says_why", condition=~Q(text="")),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id}/{self.number}"


class DisputeEvidence(models.Model):
    """What one side shows: a text, a file, or both. Never changed and never taken away (a trigger)."""

    class Side(models.TextChoices):
        CUSTOMER = "customer", _("customer")
        SELLER = "seller", _("seller")

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="dispute_evidence", db_index=False)
    dispute = models.ForeignKey(Dispute, models.PROTECT, verbose_name=_("dispute"), related_name="evidence")
    side = models.CharField(_("side"), max_length=8, choices=Side)
    text = models.CharField(_("text"), max_length=2000, blank=True)
    file_name = models.CharField(_("file"), max_length=200, blank=True)
    file_type = models.CharField(_("type"), max_length=40, blank=True)
    file_sha256 = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("evidence"), _("evidence")
        ordering = ["dispute", "pk"]
        constraints = [
            models.CheckConstraint(name="dispute_evidence_side_known", condition=Q(side__in=["customer", "seller"])),
            models.CheckConstraint(
                name="dispute_evidence_type_known",
                condition=Q(file_sha256="", file_type="", file_name="") & ~Q(text="")
                | Q(file_type__in=["application/pdf", "image/jpeg", "image/png"])
                & ~Q(file_sha256="")
                & ~Q(file_name=""),
            ),
        ]

    def __str__(self) -> str:
        return self.file_name or self.text[:40]
