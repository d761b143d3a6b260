"""What was done, and what was told: the audit log, the outbox of notices, and answers kept for repeated requests."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants.models.companies import Language, Seller, Tenant
from tenants.models.people import User


class AuditEntry(models.Model):
    """One act, written in the act's own transaction, never changed (a trigger holds this)."""

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, verbose_name=_("customer"), null=True, blank=True, related_name="audit_entries"
    )
    verb = models.CharField(_("act"), max_length=60)
    target = models.CharField(_("on"), max_length=120, blank=True, help_text=_("Kind and id, as subscription:12."))
    by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")
    by_name = models.CharField(_("by"), max_length=80, blank=True)
    detail = models.JSONField(_("detail"), default=dict)
    at = models.DateTimeField(_("at"))
    # Which link of the chain holds it; written once, by a tick (`tenants.chaining`).
    seal = models.ForeignKey(
        "AuditSeal",
        models.PROTECT,
        verbose_name=_("seal"),
        null=True,
        blank=True,
        related_name="entries",
        db_index=False,
    )

    class Meta:
        verbose_name, verbose_name_plural = _("audit entry"), _("audit log")
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(name="audit_tenant_at", fields=["tenant", "-at"]),
            # Read by the tick that seals, and by nothing else: the entries of a link are named by its `rows`.
            models.Index(name="audit_unsealed", fields=["id"], condition=Q(seal=None)),
            models.Index(name="audit_of_seal", fields=["seal"], condition=Q(seal__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.verb} {self.target}"


class AuditSeal(models.Model):
    """A link of the one chain over the audit log: which entries it holds, as what, and the link before it.

    `rows` are the ids (8 bytes) and SHA-256 (32 bytes) of its entries; `sha256` is the hash of `previous` and `rows`.
    Nothing of it is ever changed (a trigger holds this).
    """

    number = models.BigIntegerField(_("number"), unique=True)
    count = models.IntegerField(_("entries"))
    rows = models.BinaryField()
    previous = models.CharField(_("hash before"), max_length=64, blank=True)
    sha256 = models.CharField(_("hash"), max_length=64)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("seal of the audit log"), _("seals of the audit log")
        constraints = [
            models.CheckConstraint(
                name="audit_seal_first_has_none_before",
                condition=Q(number=1, previous="") | Q(number__gt=1) & ~Q(previous=""),
            ),
            models.CheckConstraint(name="audit_seal_holds_something", condition=Q(count__gt=0)),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"


def by_mail() -> list[str]:
    """Return the way that there always is."""
    return ["mail"]


class NoticeQuerySet(models.QuerySet["Notice"]):
    """Queries worth a name."""

    def due(self, at) -> NoticeQuerySet:
        """Return the notices that wait to be sent at `at`, oldest first."""
        return self.filter(status=Notice.Status.PENDING, next_try_at__lte=at).order_by("next_try_at", "id")


class Notice(models.Model):
    """A message that is owed to a customer: a row of the outbox, written in the transaction of its cause."""

    class Status(models.TextChoices):
        # Its file is being made; it goes out with it, or without it where that takes too long.
        MAKING = "making", _("its file is being made")
        PENDING = "pending", _("waiting")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("not delivered")
        # Its reader switched it off; it stands on the page only.
        OFF = "off", _("switched off, on the page only")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="notices")
    seller = models.ForeignKey(
        Seller, models.PROTECT, verbose_name=_("seller"), null=True, blank=True, related_name="notices"
    )
    key = models.CharField(_("key"), max_length=120)
    kind = models.CharField(_("kind"), max_length=40)
    language = models.CharField(_("language"), max_length=10, choices=Language)
    payload = models.JSONField(_("content"))
    # [{"name": "…pdf", "sha256": "…", "type": "application/pdf"}]; the bytes are found by hash in tenants.files.
    attachments = models.JSONField(_("attachments"), default=list)
    recipients = models.JSONField(_("recipients"), default=list)
    # By which ways it goes, as the company had chosen when it was announced.
    channels = ArrayField(models.CharField(max_length=8), verbose_name=_("ways"), default=by_mail)
    created_at = models.DateTimeField(_("created"))
    status = models.CharField(_("state"), max_length=10, choices=Status, default=Status.PENDING)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    next_try_at = models.DateTimeField(_("next try"))
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("notice"), _("notices")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(name="notice_once_per_key", fields=["tenant", "key"]),
            models.CheckConstraint(
                name="notice_status_known",
                condition=Q(status__in=["making", "pending", "delivered", "failed", "off"]),
            ),
            models.CheckConstraint(name="notice_language_known", condition=Q(language__in=["zh-hans", "en"])),
            models.CheckConstraint(name="notice_channels_known", condition=Q(channels__contained_by=["mail", "wecom"])),
            models.CheckConstraint(
                name="notice_delivered_says_when",
                condition=Q(status="delivered", delivered_at__isnull=False) | ~Q(status="delivered"),
            ),
        ]
        indexes = [
            # Read by tenants.notices.deliver on each tick.
            models.Index(name="notice_waiting", fields=["next_try_at"], condition=Q(status="pending")),
            # Read by rendering: those that wait for their file.
            models.Index(name="notice_making", fields=["created_at"], condition=Q(status="making")),
        ]

    def __str__(self) -> str:
        return self.key


class Delivery(models.Model):
    """One try to deliver a notice to one address, and how it went; an empty address: nothing could be sent."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="deliveries")
    notice = models.ForeignKey(Notice, models.PROTECT, verbose_name=_("notice"), related_name="deliveries")
    number = models.PositiveSmallIntegerField(_("try"))
    channel = models.CharField(_("channel"), max_length=12, default="mail")
    address = models.CharField(_("address"), max_length=254, blank=True)
    at = models.DateTimeField(_("at"))
    ok = models.BooleanField(_("accepted"))
    answer = models.TextField(_("answer"), blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("delivery"), _("deliveries")
        constraints = [models.UniqueConstraint(name="delivery_number_once", fields=["notice", "number", "address"])]

    def __str__(self) -> str:
        return f"{self.notice} #{self.number}"


class IdempotencyKey(models.Model):
    """The answer to an unsafe request, kept so that its repeat gets the same answer and does nothing."""

    owner = models.CharField(max_length=80, help_text="api key or user that sent it")
    key = models.CharField(max_length=120)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=300)
    body_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    answer = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="idempotency_key_once", fields=["owner", "key"])]

    def __str__(self) -> str:
        return self.key
