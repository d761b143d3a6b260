"""How a company is told: what it switched off, its group in WeCom, who opened a notice, and what came back."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants import telling
from tenants.models.companies import Tenant
from tenants.models.people import User
from tenants.models.trail import Delivery, Notice


class NoticePreference(models.Model):
    """By which ways a company is told of one kind of thing; without a row by all that there are.

    What is needed by law or contract cannot be switched off on every way (a CHECK holds this), and what has WeCom alone
    goes by mail while no group of WeCom takes it.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="preferences")
    kind = models.CharField(_("kind"), max_length=40)
    mail = models.BooleanField(_("by mail"), default=True)
    wecom = models.BooleanField(_("by WeCom"), default=True)
    changed_at = models.DateTimeField(_("changed"))
    changed_by_name = models.CharField(_("by"), max_length=80, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("preference of notices"), _("preferences of notices")
        ordering = ["tenant", "kind"]
        constraints = [
            models.UniqueConstraint(name="preference_once_per_kind", fields=["tenant", "kind"]),
            models.CheckConstraint(
                name="preference_keeps_what_is_needed",
                condition=Q(mail=True) | Q(wecom=True) | Q(kind__in=telling.OPTIONAL),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.kind}"


class WeComBot(models.Model):
    """The robot of a company's group in WeCom. Its key is a secret, encrypted at rest and known by a fingerprint.

    `taken` are the instants of its last messages: WeCom takes twenty in a minute. `broken_at` says that WeCom no longer
    knows the robot; it is not asked again until a new address is given.
    """

    tenant = models.OneToOneField(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="wecom_bot")
    secret = models.TextField()
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    set_at = models.DateTimeField(_("set up"))
    set_by_name = models.CharField(_("by"), max_length=80, blank=True)
    broken_at = models.DateTimeField(_("does not work since"), null=True, blank=True)
    taken = ArrayField(models.DateTimeField(), default=list)

    class Meta:
        verbose_name, verbose_name_plural = _("group in WeCom"), _("groups in WeCom")
        constraints = [
            models.CheckConstraint(
                name="wecom_bot_fingerprint_form", condition=Q(fingerprint__regex=r"^[0-9a-f]{64}$")
            ),
            # A message has at most so many before it within a minute.
            models.CheckConstraint(name="wecom_bot_within_its_rate", condition=Q(taken__len__lte=20)),
        ]

    def __str__(self) -> str:
        return self.fingerprint[:16]


class Opening(models.Model):
    """A member of the company opened a notice on its pages: from then on it is known there (CONTRACTS rule 18)."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="openings")
    notice = models.ForeignKey(Notice, models.PROTECT, verbose_name=_("notice"), related_name="openings")
    by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), related_name="+")
    by_name = models.CharField(_("by"), max_length=80)
    at = models.DateTimeField(_("opened on the page"))

    class Meta:
        verbose_name, verbose_name_plural = _("opening of a notice"), _("openings of notices")
        constraints = [models.UniqueConstraint(name="opening_once_per_person", fields=["notice", "by"])]

    def __str__(self) -> str:
        return f"{self.notice_id} {self.by_name}"


class Bounce(models.Model):
    """A mail that a server had accepted and that came back for good: its delivery does not count any more.

    `status` is the enhanced code of RFC 3463, 5.x.x; `at` is when we read it, for nothing in such a mail can be trusted.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="bounces")
    delivery = models.OneToOneField(Delivery, models.PROTECT, verbose_name=_("delivery"), related_name="bounce")
    address = models.CharField(_("address"), max_length=254)
    status = models.CharField(_("code"), max_length=11)
    reason = models.TextField(_("what the server said"), blank=True)
    at = models.DateTimeField(_("came back"))
    seen_at = models.DateTimeField(_("seen to"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("mail that came back"), _("mails that came back")
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="bounce_is_for_good", condition=Q(status__regex=r"^5\.[0-9]{1,3}\.[0-9]{1,3}$")
            ),
        ]
        indexes = [
            # Read by the operators' queue.
            models.Index(name="bounce_unseen", fields=["at"], condition=Q(seen_at=None)),
        ]

    def __str__(self) -> str:
        return self.address
