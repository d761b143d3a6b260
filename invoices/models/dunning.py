"""What follows when a bill is not paid: the days and verbs of a schedule, and what was done for each bill."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models import Plan
from invoices.models.documents import Invoice
from tenants.models import Seller, Tenant, User


class Verb(models.TextChoices):
    """What is done on a day, in this order."""

    RETRY = "retry", _("try the deduction again")
    REMIND = "remind", _("remind")
    CALL = "call", _("have somebody call")
    RESTRICT = "restrict", _("restrict the service")
    SUSPEND = "suspend", _("suspend the service")
    END = "end", _("end the subscription")


VERBS = ["retry", "remind", "call", "restrict", "suspend", "end"]


class DunningSchedule(models.Model):
    """Days and verbs for the overdue bills of a seller, of one plan of his, or of one customer; the most particular holds.

    For `grace_days` after the due day nothing is taken away: a step that restricts, suspends or ends comes no earlier than on
    the day after them. Reminding and retrying does not wait.
    """

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="dunning_schedules")
    plan = models.ForeignKey(
        Plan, models.PROTECT, verbose_name=_("plan"), null=True, blank=True, related_name="dunning_schedules"
    )
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, verbose_name=_("customer"), null=True, blank=True, related_name="dunning_schedules"
    )
    grace_days = models.PositiveSmallIntegerField(
        _("days of grace"), default=0, help_text=_("So many days after the due day nothing is taken away.")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("dunning schedule"), _("dunning schedules")
        constraints = [
            models.UniqueConstraint(
                name="dunning_schedule_once", fields=["seller", "plan", "tenant"], nulls_distinct=False
            ),
            models.CheckConstraint(name="dunning_schedule_of_plan_or_tenant", condition=Q(plan=None) | Q(tenant=None)),
        ]

    def __str__(self) -> str:
        return str(self.tenant or self.plan or self.seller)


class DunningStep(models.Model):
    """One verb on one day, counted from the day after the due day on."""

    schedule = models.ForeignKey(
        DunningSchedule, models.CASCADE, verbose_name=_("dunning schedule"), related_name="steps"
    )
    day = models.SmallIntegerField(_("days after due"), validators=[MinValueValidator(1)])
    verb = models.CharField(_("what is done"), max_length=8, choices=Verb)

    class Meta:
        verbose_name, verbose_name_plural = _("step of dunning"), _("steps of dunning")
        ordering = ["schedule", "day", "pk"]
        constraints = [
            models.UniqueConstraint(name="dunning_step_once", fields=["schedule", "day", "verb"]),
            models.CheckConstraint(name="dunning_step_after_due", condition=Q(day__gte=1)),
            models.CheckConstraint(name="dunning_step_verb_known", condition=Q(verb__in=VERBS)),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.get_verb_display()}"


class DunningAct(models.Model):
    """A step that was done for a bill, once; of a call, the task that somebody settles with a note."""

    Verb = Verb

    class Outcome(models.TextChoices):
        BEGUN = "begun", _("under way")
        DONE = "done", _("done")
        FAILED = "failed", _("in vain")
        NOTHING = "nothing", _("nothing was to be done")
        OVERTAKEN = "overtaken", _("left out for a later one")
        OPEN = "open", _("waits for somebody")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="dunning_acts")
    invoice = models.ForeignKey(Invoice, models.PROTECT, verbose_name=_("bill"), related_name="dunning_acts")
    day = models.SmallIntegerField(_("days after due"))
    # Where a dispute moved the day that the days count from, that day: each step may come once more after it.
    since = models.DateField(_("counted from"), null=True, blank=True)
    verb = models.CharField(_("what is done"), max_length=8, choices=Verb)
    at = models.DateTimeField(_("at"))
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome)
    # Why a retry took nothing: the failure of the attempt.
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    settled_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("act of dunning"), _("acts of dunning")
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                name="dunning_act_once", fields=["invoice", "since", "day", "verb"], nulls_distinct=False
            ),
            models.CheckConstraint(name="dunning_act_after_due", condition=Q(day__gte=1)),
            models.CheckConstraint(name="dunning_act_verb_known", condition=Q(verb__in=VERBS)),
            models.CheckConstraint(
                name="dunning_act_outcome_known",
                condition=Q(outcome__in=["begun", "done", "failed", "nothing", "overtaken", "open"]),
            ),
            models.CheckConstraint(
                name="dunning_act_open_is_a_call", condition=~Q(outcome="open") | Q(verb="call", settled_at=None)
            ),
        ]
        indexes = [models.Index(name="dunning_call_open", fields=["at"], condition=Q(outcome="open"))]

    def __str__(self) -> str:
        return f"{self.invoice} {self.day} {self.get_verb_display()}"


class ServiceLoss(models.Model):
    """What dunning took from a customer, and when it gave it back: that, and only that, is lifted once he has paid.

    `invoice` is the bill that was not paid; who used the service may be another company than its payer.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="service_losses")
    payer = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("payer"), related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, models.PROTECT, verbose_name=_("bill"), related_name="service_losses")
    before = models.CharField(_("state before"), max_length=12)
    after = models.CharField(_("state since"), max_length=12)
    at = models.DateTimeField(_("at"))
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("loss of service"), _("losses of service")
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(name="service_loss_once", fields=["tenant", "after"], condition=Q(lifted_at=None)),
            models.CheckConstraint(
                name="service_loss_known",
                condition=Q(after__in=["restricted", "suspended"], before__in=["active", "restricted"])
                & ~Q(before=F("after")),
            ),
        ]
        indexes = [
            # Read whenever money comes in.
            models.Index(name="service_loss_of_payer", fields=["payer"], condition=Q(lifted_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} {self.after}"
