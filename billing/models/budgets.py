"""Budgets: what a customer lets usage cost him in a billing period, and what shall happen when it gets there."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from billing.models.subscriptions import Subscription, same
from tenants.models import Tenant, User
from tenants.models.companies import CURRENCY_FORM
from usage.models import Meter


def _numbers() -> list[Coalesce]:
    """Return what names the scope by an id, 0 for none."""
    return [Coalesce(F(name), Value(0), output_field=models.BigIntegerField()) for name in ("subscription", "meter")]


def _texts() -> list[Func]:
    """Return what names the scope, or the currency, by a text: its hash, for an index of ranges takes numbers."""
    return [Func(F(name), function="hashtext") for name in ("price_code", "currency")]


class Budget(models.Model):
    """An amount that a customer sets for the usage charges of a billing period, before discount and tax.

    For all of his usage, or for one subscription, one usage price (`price_code`) or one meter. A `hard` one is a cap: the
    bill never passes it (CONTRACTS rule 19). It is never edited: a change ends it and begins a new one, and of each scope
    one is in force at a time. What counts for a period is the one in force just before its end.
    """

    class Reach(models.TextChoices):
        WARN = "warn", _("warn")
        ASK = "ask", _("ask")
        STOP = "stop", _("stop")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="budgets")
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, verbose_name=_("subscription"), null=True, blank=True, db_index=False
    )
    price_code = models.CharField(_("price code"), max_length=60, blank=True)
    meter = models.ForeignKey(
        Meter, models.PROTECT, verbose_name=_("meter"), null=True, blank=True, related_name="budgets", db_index=False
    )
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    hard = models.BooleanField(_("hard cap"), default=False)
    on_reach = models.CharField(_("when it is reached"), max_length=4, choices=Reach, default=Reach.WARN)
    set_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("set by"), null=True, blank=True, related_name="+", db_index=False
    )
    set_by_name = models.CharField(_("set by"), max_length=150, blank=True)
    set_at = models.DateTimeField(_("set"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by_name = models.CharField(_("ended by"), max_length=150, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("budget"), _("budgets")
        constraints = [
            models.CheckConstraint(name="budget_not_negative", condition=Q(amount_minor__gte=0)),
            models.CheckConstraint(name="budget_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="budget_reach_known", condition=Q(on_reach__in=["warn", "ask", "stop"])),
            models.CheckConstraint(
                name="budget_ends_after_start", condition=Q(ended_at=None) | Q(ended_at__gte=F("set_at"))
            ),
            models.CheckConstraint(
                name="budget_of_one_thing",
                condition=Q(subscription=None, price_code="")
                | Q(subscription=None, meter=None)
                | Q(price_code="", meter=None),
            ),
            ExclusionConstraint(
                name="budget_one_in_force",
                expressions=[
                    *same("tenant"),
                    *((Func(number, number, Value("[]"), function="int8range"), "&&") for number in _numbers()),
                    *((Func(text, text, Value("[]"), function="int4range"), "&&") for text in _texts()),
                    (Func(F("set_at"), F("ended_at"), function="tstzrange"), "&&"),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.price_code or self.meter_id or self.subscription_id or 'all'}"


class BudgetRelease(models.Model):
    """More for the running period: what somebody who may pay lets pass beyond a budget until `until`, once."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="budget_releases", db_index=False)
    budget = models.ForeignKey(Budget, models.PROTECT, verbose_name=_("budget"), related_name="releases")
    extra_minor = models.BigIntegerField(_("more"))
    released_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("released by"), null=True, blank=True, related_name="+", db_index=False
    )
    released_by_name = models.CharField(_("released by"), max_length=150, blank=True)
    released_at = models.DateTimeField(_("released"))
    until = models.DateTimeField(_("until"))

    class Meta:
        verbose_name, verbose_name_plural = _("release of a budget"), _("releases of budgets")
        constraints = [
            models.CheckConstraint(name="budget_release_adds", condition=Q(extra_minor__gt=0)),
            models.CheckConstraint(name="budget_release_ends", condition=Q(until__gt=F("released_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} +{self.extra_minor}"
