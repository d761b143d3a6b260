"""What becomes of a contract after its start: every change of it, and what it was before."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from billing.models.catalogue import PlanVersion, Price, PriceList
from billing.models.charges import Charge
from billing.models.subscriptions import Acceptance, Subscription, same
from tenants.models import Tenant, User


class PriceMigration(models.Model):
    """A seller's announcement that the subscribers of a plan move to its next version, each at a term's end from a day on."""

    version = models.ForeignKey(PlanVersion, models.PROTECT, verbose_name=_("plan version"), related_name="migrations")
    from_on = models.DateField(_("from"))
    reason = models.CharField(_("reason"), max_length=300)
    announced_at = models.DateTimeField(_("announced"))
    announced_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("price migration"), _("price migrations")
        constraints = [
            # One at a time: a second announcement would tell the customer two prices.
            models.UniqueConstraint(
                name="price_migration_once_per_version", fields=["version"], condition=Q(withdrawn_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.from_on}"


class Change(models.Model):
    """One change of a contract that somebody confirmed: at once, or waiting for its day and then applied.

    `effective_at` is the first instant of the new state. A scheduled change can be withdrawn until then. What it charges
    carries the reason `change` and the cause `change:<id>`.
    """

    class Kind(models.TextChoices):
        PLAN = "plan", _("change of plan")
        QUANTITY = "quantity", _("change of quantity")
        CANCEL = "cancel", _("cancellation")
        KEEP = "keep", _("withdrawn cancellation or change")
        PAUSE = "pause", _("pause")
        RESUME = "resume", _("end of a pause")
        UNDO = "undo", _("taken back")

    class Undoes(models.TextChoices):
        CHANGE = "change", _("a change")
        PURCHASE = "purchase", _("the purchase")
        RENEWAL = "renewal", _("a renewal")

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", _("scheduled")
        APPLIED = "applied", _("in force")
        WITHDRAWN = "withdrawn", _("withdrawn")

    TRANSITIONS = {
        Status.SCHEDULED: {Status.APPLIED, Status.WITHDRAWN},
        Status.APPLIED: set(),
        Status.WITHDRAWN: set(),
    }

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="changes")
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, verbose_name=_("subscription"), related_name="changes"
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    status = models.CharField(_("state"), max_length=10, choices=Status)
    effective_at = models.DateTimeField(_("in force from"))
    # Of a change of plan: what it becomes, as the customer accepted it.
    version = models.ForeignKey(
        PlanVersion, models.PROTECT, verbose_name=_("plan version"), null=True, blank=True, related_name="+"
    )
    price_list = models.ForeignKey(PriceList, models.PROTECT, null=True, blank=True, related_name="+")
    acceptance = models.ForeignKey(Acceptance, models.PROTECT, null=True, blank=True, related_name="+")
    # Of a change of quantity: of what, from how many to how many; null is "not taken".
    price = models.ForeignKey(Price, models.PROTECT, verbose_name=_("price"), null=True, blank=True, related_name="+")
    before = models.DecimalField(_("quantity before"), max_digits=30, decimal_places=10, null=True, blank=True)
    after = models.DecimalField(_("quantity after"), max_digits=30, decimal_places=10, null=True, blank=True)
    # The announcement that made it, where the seller did and not the customer.
    migration = models.ForeignKey(
        PriceMigration,
        models.PROTECT,
        verbose_name=_("price migration"),
        null=True,
        blank=True,
        related_name="changes",
    )
    # What is taken back within the plan's hours: a change, the purchase itself, or a renewal (by the first day of its term).
    undoes_what = models.CharField(_("takes back"), max_length=8, choices=Undoes, blank=True)
    undoes = models.OneToOneField(
        "self", models.PROTECT, verbose_name=_("takes back"), null=True, blank=True, related_name="undone_by"
    )
    undoes_on = models.DateField(_("renewed on"), null=True, blank=True)
    at = models.DateTimeField(_("confirmed"))
    by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")
    settled_at = models.DateTimeField(_("applied or withdrawn"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("change of a contract"), _("changes of contracts")
        constraints = [
            models.CheckConstraint(
                name="change_kind_known",
                condition=Q(kind__in=["plan", "quantity", "cancel", "keep", "pause", "resume", "undo"]),
            ),
            models.CheckConstraint(
                name="change_status_known", condition=Q(status__in=["scheduled", "applied", "withdrawn"])
            ),
            models.CheckConstraint(
                name="change_settled_says_when",
                condition=Q(status="scheduled", settled_at=None)
                | (~Q(status="scheduled") & Q(settled_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="change_of_plan_names_it",
                condition=~Q(kind="plan") | Q(version__isnull=False, acceptance__isnull=False),
            ),
            models.CheckConstraint(
                name="change_of_quantity_names_it", condition=~Q(kind="quantity") | Q(price__isnull=False)
            ),
            models.CheckConstraint(
                name="change_undo_says_what",
                condition=Q(kind="undo", status="applied", undoes_what__in=["change", "purchase", "renewal"])
                | (~Q(kind="undo") & Q(undoes_what="")),
            ),
            models.CheckConstraint(
                name="change_undo_names_it",
                condition=Q(undoes_what="change", undoes__isnull=False, undoes_on=None)
                | Q(undoes_what="renewal", undoes=None, undoes_on__isnull=False)
                | Q(undoes_what__in=["", "purchase"], undoes=None, undoes_on=None),
            ),
            models.UniqueConstraint(
                name="change_purchase_undone_once", fields=["subscription"], condition=Q(undoes_what="purchase")
            ),
            models.UniqueConstraint(
                name="change_renewal_undone_once",
                fields=["subscription", "undoes_on"],
                condition=Q(undoes_what="renewal"),
            ),
            # What waits is one: a newer wish takes the place of the older one.
            models.UniqueConstraint(
                name="change_one_scheduled_per_kind",
                fields=["subscription", "kind", "price"],
                condition=Q(status="scheduled"),
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.subscription_id}"

    @property
    def cause(self) -> str:
        """What its charges carry as their cause."""
        return f"change:{self.pk}"


class WayBack(models.Model):
    """What a contract was before a change that can be taken back, what it was right after, and which charges came of it.

    Written only where the accepted version has hours to undo, with the change, in its transaction; never changed. Taken
    back it is until `until`, and only while the contract still is as it was right `after`.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="ways_back", db_index=False)
    change = models.OneToOneField(Change, models.PROTECT, verbose_name=_("change"), related_name="way_back")
    until = models.DateTimeField(_("can be taken back until"))
    before = models.JSONField(_("before"))
    after = models.JSONField(_("right after"))
    charges = models.JSONField(_("charges"), default=list)

    class Meta:
        verbose_name, verbose_name_plural = _("way back"), _("ways back")

    def __str__(self) -> str:
        return f"{self.change_id} {self.until:%Y-%m-%d %H:%M}"


class FormerTerms(models.Model):
    """What a subscription was from `since` until a change of plan: usage of that time stays at its prices (rule 8).

    Once the change is taken back (`undone_at`) the terms are no former ones any more.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="former_terms", db_index=False)
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, verbose_name=_("subscription"), related_name="former_terms", db_index=False
    )
    change = models.OneToOneField(Change, models.PROTECT, verbose_name=_("ended by"), related_name="former_terms")
    version = models.ForeignKey(PlanVersion, models.PROTECT, verbose_name=_("plan version"), related_name="+")
    price_list = models.ForeignKey(PriceList, models.PROTECT, null=True, blank=True, related_name="+")
    acceptance = models.ForeignKey(Acceptance, models.PROTECT, related_name="+")
    anchor_on = models.DateField(_("anchor"))
    minimum_minor = models.BigIntegerField(_("commitment per period"), null=True, blank=True)
    since = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("until"))
    undone_at = models.DateTimeField(_("taken back"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("former terms"), _("former terms")
        constraints = [
            models.CheckConstraint(name="former_terms_in_order", condition=Q(until__gte=F("since"))),
            ExclusionConstraint(
                name="former_terms_no_overlap",
                condition=Q(undone_at=None),
                expressions=[
                    *same("subscription"),
                    (Func(F("since"), F("until"), function="tstzrange"), "&&"),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.version_id}"


class ChargeCredit(models.Model):
    """How much of an earlier charge a credit (a charge below zero) gives back.

    `amount_minor` is after discount and part of the credit's own amount; `undiscounted_minor` is the same before discount.
    A credit that was itself taken back (`undone_at`) gives nothing back any more.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="charge_credits", db_index=False)
    credit = models.ForeignKey(Charge, models.PROTECT, verbose_name=_("credit"), related_name="gives_back")
    charge = models.ForeignKey(Charge, models.PROTECT, verbose_name=_("charge"), related_name="given_back")
    amount_minor = models.BigIntegerField(_("amount"))
    undiscounted_minor = models.BigIntegerField(_("before discount"))
    undone_at = models.DateTimeField(_("taken back"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("part of a credit"), _("parts of credits")
        constraints = [
            models.UniqueConstraint(name="charge_credit_once", fields=["credit", "charge"]),
            # Below zero is what a cap takes back of what it gave, when less usage is left to cap (a trigger asks for the cap).
            models.CheckConstraint(
                name="charge_credit_of_one_sign",
                condition=Q(amount_minor__gte=0, undiscounted_minor__gte=0)
                | Q(amount_minor__lte=0, undiscounted_minor__lte=0),
            ),
            models.CheckConstraint(name="charge_credit_of_another", condition=~Q(credit=F("charge"))),
        ]

    def __str__(self) -> str:
        return f"{self.credit_id} ← {self.charge_id}"
