"""The first promise: nothing is deducted automatically without a recorded authorisation."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenants.models.companies import CURRENCY_FORM, Seller, Tenant
from tenants.models.people import User

# What an authorisation may cover, in its column: items with commas between them, or `renews` alone.
ITEM = r"(all|renewal|overage|top_up|module:[A-Za-z0-9][A-Za-z0-9_.-]{0,59}|subscription:[1-9][0-9]{0,18})"
SCOPE_FORM = rf"^(renews|{ITEM}(,{ITEM})*)$"
# The consent to renew, under which nothing is deducted.
RENEWS = "renews"


class AuthorisationQuerySet(models.QuerySet["Authorisation"]):
    """Queries worth a name."""

    def in_force(self) -> AuthorisationQuerySet:
        """Return the authorisations that nobody has withdrawn."""
        return self.filter(withdrawn_at=None)


class Authorisation(models.Model):
    """A member's consent to automatic deductions: who, when, what text, which items, up to which amount.

    `scope` names items with commas between them: `all` bills, `renewal` (what is due whatever is used), `overage` (what use
    costs), `module:<price code>`, `subscription:<id>`; or it is `renews`: to renew, and to deduct nothing. `way` is how it
    may be taken; from `valid_from` (null: from when it was given) and before `valid_until` (null: until it is withdrawn).
    The whole text that the person saw is kept with its SHA-256. Nothing of it is ever changed but the withdrawal, which is
    written once (a trigger holds this).
    """

    class Way(models.TextChoices):
        ANY = "any", _("any way")
        WALLET = "wallet", _("balance")
        ALIPAY = "alipay", _("Alipay")
        WECHAT = "wechat", _("WeChat Pay")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="authorisations")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="authorisations")
    scope = models.CharField(_("scope"), max_length=400, default="all")
    currency = models.CharField(_("currency"), max_length=3)
    ceiling_minor = models.BigIntegerField(_("ceiling per deduction"), null=True, blank=True)
    per_month_minor = models.BigIntegerField(_("ceiling per month"), null=True, blank=True)
    way = models.CharField(_("way of payment"), max_length=6, choices=Way, default=Way.ANY)
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    text = models.TextField(_("text"))
    text_version = models.CharField(_("version of the text"), max_length=40)
    text_sha256 = models.CharField(max_length=64)
    given_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("given by"), null=True, related_name="+")
    given_by_name = models.CharField(_("given by"), max_length=80)
    given_at = models.DateTimeField(_("given"))
    address = models.GenericIPAddressField(_("network address"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    withdrawn_by_name = models.CharField(_("withdrawn by"), max_length=80, blank=True)

    objects = AuthorisationQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("authorisation"), _("authorisations")
        constraints = [
            models.CheckConstraint(name="authorisation_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="authorisation_ceiling_positive", condition=Q(ceiling_minor=None) | Q(ceiling_minor__gt=0)
            ),
            models.CheckConstraint(
                name="authorisation_per_month_positive", condition=Q(per_month_minor=None) | Q(per_month_minor__gt=0)
            ),
            models.CheckConstraint(
                name="authorisation_withdrawn_after_given",
                condition=Q(withdrawn_at=None) | Q(withdrawn_at__gte=F("given_at")),
            ),
            models.CheckConstraint(name="authorisation_scope_form", condition=Q(scope__regex=SCOPE_FORM)),
            models.CheckConstraint(
                name="authorisation_way_known", condition=Q(way__in=["any", "wallet", "alipay", "wechat"])
            ),
            models.CheckConstraint(
                name="authorisation_days_in_order",
                condition=Q(valid_until=None)
                | Q(valid_until__gt=F("given_at")) & (Q(valid_from=None) | Q(valid_until__gt=F("valid_from"))),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} {self.scope} {self.given_at:%Y-%m-%d}"

    @property
    def items(self) -> frozenset[str]:
        """The items of its scope."""
        return frozenset(self.scope.split(","))
