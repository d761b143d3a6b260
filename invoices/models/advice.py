"""What helps a customer judge whether it is reasonable: plans replayed on the own use, figures of like customers, and opinions."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models import Family, Subscription
from tenants.models import Tenant, User
from tenants.models.companies import CURRENCY_FORM


class PlanAdvice(models.Model):
    """What one contract would have come to under each plan on sale, reckoned once a local day; older rows are overwritten.

    `plans` are, cheapest first: {"plan", "version", "name", "name_en", "interval", "term", "total_minor", "lacks", "own"}.
    Amounts are before discount and tax.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="plan_advice")
    subscription = models.OneToOneField(
        Subscription, models.PROTECT, verbose_name=_("subscription"), related_name="plan_advice"
    )
    day = models.DateField(_("reckoned on"))
    first = models.DateField(_("from"))
    end = models.DateField(_("until"))
    currency = models.CharField(_("currency"), max_length=3)
    # What was really charged for these days.
    billed_minor = models.BigIntegerField(_("billed"))
    plans = models.JSONField(_("plans"), default=list)

    class Meta:
        verbose_name, verbose_name_plural = _("plan advice"), _("plan advice")
        constraints = [
            models.CheckConstraint(name="plan_advice_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="plan_advice_days_in_order", condition=Q(end__gt=models.F("first"))),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} {self.day}"


class PeerFigure(models.Model):
    """What like customers pay: the nine deciles of a measure among at least ten customers of one product and size.

    No customer is named, and neither the lowest nor the highest figure is kept, which would be somebody's own.
    """

    class Band(models.TextChoices):
        NONE = "none", _("without seats")
        FEW = "1-5", _("1 to 5 seats")
        SOME = "6-20", _("6 to 20 seats")
        MANY = "21-50", _("21 to 50 seats")
        MOST = "51+", _("more than 50 seats")

    class Measure(models.TextChoices):
        MONTH = "month", _("cost a month")
        SEAT = "seat", _("cost a month and seat")

    family = models.ForeignKey(Family, models.PROTECT, verbose_name=_("product"), related_name="peer_figures")
    band = models.CharField(_("size"), max_length=5, choices=Band)
    measure = models.CharField(_("measure"), max_length=5, choices=Measure)
    currency = models.CharField(_("currency"), max_length=3)
    customers = models.PositiveIntegerField(_("customers"))
    deciles = models.JSONField(_("deciles"))
    at = models.DateTimeField(_("reckoned"))

    class Meta:
        verbose_name, verbose_name_plural = _("figure of like customers"), _("figures of like customers")
        constraints = [
            models.UniqueConstraint(name="peer_figure_once", fields=["family", "band", "measure", "currency"]),
            models.CheckConstraint(name="peer_figure_anonymous", condition=Q(customers__gte=10)),
            models.CheckConstraint(
                name="peer_figure_band_known", condition=Q(band__in=["none", "1-5", "6-20", "21-50", "51+"])
            ),
            models.CheckConstraint(name="peer_figure_measure_known", condition=Q(measure__in=["month", "seat"])),
            models.CheckConstraint(name="peer_figure_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
        ]

    def __str__(self) -> str:
        return f"{self.family} {self.band} {self.measure}"


class Survey(models.Model):
    """What somebody of a customer said of us: one to five, and in his words; once for each occasion."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="surveys")
    # What it was about: quarter:2026-4, dispute:12.
    occasion = models.CharField(_("occasion"), max_length=40)
    score = models.PositiveSmallIntegerField(_("score"))
    words = models.CharField(_("words"), max_length=1000, blank=True)
    by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), related_name="+")
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("opinion"), _("opinions")
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(name="survey_once", fields=["tenant", "by", "occasion"]),
            models.CheckConstraint(name="survey_score_range", condition=Q(score__gte=1, score__lte=5)),
            models.CheckConstraint(
                name="survey_occasion_form", condition=Q(occasion__regex=r"^(quarter:\d{4}-[1-4]|dispute:\d+)$")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} {self.score}"
