"""Files of customers that were read."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants.models import User


class CustomerImport(models.Model):
    """One reading of a file of customers: what it was, by which mapping, and what came of it."""

    class Status(models.TextChoices):
        CHECKED = "checked", _("checked, nothing imported")
        IMPORTED = "imported", _("imported")
        REFUSED = "refused", _("refused: rows with errors")

    file_name = models.CharField(_("file"), max_length=200)
    sha256 = models.CharField(max_length=64)
    mapping = models.TextField(_("mapping"))
    status = models.CharField(_("state"), max_length=10, choices=Status)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    imported = models.PositiveIntegerField(_("imported"), default=0)
    # [{"line": 12, "column": "TaxNumber", "message": "…"}], the first thousand.
    errors = models.JSONField(_("errors"), default=list)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("import of customers"), _("imports of customers")
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(
                name="import_status_known", condition=Q(status__in=["checked", "imported", "refused"])
            )
        ]

    def __str__(self) -> str:
        return self.file_name
