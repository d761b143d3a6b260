"""The billing run's record, and the queue of tenants it could not bill."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models import Subscription
from tenants.models import Tenant, User


class BillingRun(models.Model):
    """One pass over everything that is due at `at`. Its progress is for people; what is done is told by the shelves."""

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        STOPPED = "stopped", _("stopped before its end")

    at = models.DateTimeField(_("bills what is due at"))
    status = models.CharField(_("state"), max_length=8, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField(_("started"))
    progress_at = models.DateTimeField(_("last progress"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    started_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")
    due = models.PositiveIntegerField(_("subscriptions due"), default=0)
    done = models.PositiveIntegerField(_("subscriptions done"), default=0)
    charges = models.PositiveIntegerField(_("charges"), default=0)
    invoices = models.PositiveIntegerField(_("bills issued"), default=0)
    parked = models.PositiveIntegerField(_("customers parked"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("billing run"), _("billing runs")
        ordering = ["-started_at"]
        constraints = [
            models.CheckConstraint(name="run_status_known", condition=Q(status__in=["running", "done", "stopped"])),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


class Parked(models.Model):
    """A tenant that a run could not bill, with the reason, until somebody has seen to it."""

    class Stage(models.TextChoices):
        CLOSE = "close", _("closing a period")
        DRAFT = "draft", _("drafting")
        ISSUE = "issue", _("issuing")
        COLLECT = "collect", _("collecting")
        RENDER = "render", _("making the document")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="parked")
    subscription = models.ForeignKey(Subscription, models.PROTECT, null=True, blank=True, related_name="parked")
    run = models.ForeignKey(
        BillingRun, models.PROTECT, verbose_name=_("run"), null=True, blank=True, related_name="parkings"
    )
    stage = models.CharField(_("at"), max_length=8, choices=Stage)
    code = models.CharField(_("code"), max_length=60)
    reason = models.TextField(_("reason"))
    at = models.DateTimeField(_("parked"))
    tries = models.PositiveIntegerField(_("tries"), default=1)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    resolved_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("parked customer"), _("parked customers")
        constraints = [
            models.UniqueConstraint(
                name="parked_once_per_stage", fields=["tenant", "stage"], condition=Q(resolved_at=None)
            ),
            models.CheckConstraint(
                name="parked_stage_known", condition=Q(stage__in=["close", "draft", "issue", "collect", "render"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} {self.code}"
