"""Companies: the sellers, who send bills, and the tenants, who receive them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants import validators
from tenants.printable import validate_printable

CURRENCY_FORM = r"^[A-Z]{3}$"


# On which days before a deduction a company may be reminded, and on which it is unless it says otherwise.
REMINDERS = (30, 7, 3, 1)


def reminders() -> list[int]:
    """Return the days before a deduction on which a company is reminded by default."""
    return [3, 1]


class Language(models.TextChoices):
    CHINESE = "zh-hans", _("Chinese")
    ENGLISH = "en", _("English")


class Seller(models.Model):
    """A legal entity that sells: catalogue, number series, ledger and authorisations each belong to one."""

    class TaxStatus(models.TextChoices):
        GENERAL = "general", _("general taxpayer")
        SMALL = "small", _("small-scale taxpayer")

    code = models.CharField(_("code"), max_length=40, unique=True, validators=[validators.validate_code])
    legal_name = models.CharField(_("legal name"), max_length=200, validators=[validate_printable])
    brand = models.CharField(_("brand"), max_length=80, validators=[validate_printable])
    brand_en = models.CharField(_("brand in English"), max_length=80, blank=True)
    mark = models.CharField(_("mark"), max_length=1, help_text=_("One character, shown in the brand's colour."))
    colour = models.CharField(_("colour"), max_length=7, default="#1f4e8c", validators=[validators.validate_colour])
    tax_number = models.CharField(_("tax number"), max_length=18, validators=[validators.validate_tax_number])
    tax_status = models.CharField(_("tax status"), max_length=10, choices=TaxStatus, default=TaxStatus.GENERAL)
    tax_rate = models.DecimalField(
        _("tax rate"), max_digits=6, decimal_places=4, default=0, help_text=_("As a fraction: 0.06 is 6 %.")
    )
    tax_inclusive = models.BooleanField(_("prices include tax"), default=True)
    address = models.CharField(_("address"), max_length=300, blank=True, validators=[validate_printable])
    phone = models.CharField(_("telephone"), max_length=40, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    bank_name = models.CharField(_("bank"), max_length=120, blank=True, validators=[validate_printable])
    bank_account = models.CharField(_("account number"), max_length=40, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="CNY", validators=[validators.validate_currency])
    timezone = models.CharField(
        _("time zone"), max_length=64, default="Asia/Shanghai", validators=[validators.validate_zone]
    )
    payment_days = models.PositiveSmallIntegerField(
        _("payment days"), default=0, help_text=_("Days from issue until a bill is due (0: on the day of issue).")
    )
    number_prefix = models.CharField(_("prefix of numbers"), max_length=10, validators=[validators.validate_code])
    # In minor units of the seller's currency.
    refund_limit_minor = models.BigIntegerField(
        _("refunds above this need a second person"),
        default=100_000,
        help_text=_("In the smallest unit of the currency: 100000 is 1,000.00. 0: every refund."),
    )
    act_limit_minor = models.BigIntegerField(
        _("acts with money by hand above this need a second person"),
        null=True,
        blank=True,
        help_text=_("In the smallest unit of the currency: 100000 is 1,000.00. Empty: none needs one."),
    )
    # Both null: no bill is held (REQUIREMENTS C8).
    hold_factor = models.DecimalField(
        _("a bill is held above so many spreads"),
        max_digits=30,
        decimal_places=10,
        null=True,
        blank=True,
        help_text=_(
            "How far above its usual amount a line may be, in spreads of its own history: 5. Empty: none is held."
        ),
    )
    hold_least_minor = models.BigIntegerField(
        _("and only from this amount above the usual"),
        null=True,
        blank=True,
        help_text=_("In the smallest unit of the currency: 50000 is 500.00."),
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name, verbose_name_plural = _("seller"), _("sellers")
        constraints = [
            models.CheckConstraint(name="seller_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="seller_tax_rate_range", condition=Q(tax_rate__gte=0, tax_rate__lt=1)),
            models.CheckConstraint(name="seller_tax_status_known", condition=Q(tax_status__in=["general", "small"])),
            models.CheckConstraint(name="seller_refund_limit_not_negative", condition=Q(refund_limit_minor__gte=0)),
            models.CheckConstraint(
                name="seller_act_limit_not_negative",
                condition=Q(act_limit_minor=None) | Q(act_limit_minor__gte=0),
            ),
            models.CheckConstraint(
                name="seller_hold_whole",
                condition=Q(hold_factor=None, hold_least_minor=None)
                | Q(
                    hold_factor__gte=1,
                    hold_least_minor__gte=0,
                    hold_factor__isnull=False,
                    hold_least_minor__isnull=False,
                ),
            ),
            models.UniqueConstraint(name="seller_number_prefix_once", fields=["number_prefix"]),
        ]

    def __str__(self) -> str:
        return self.brand

    def brand_in(self, language: str) -> str:
        """Return the brand's name for a reader of `language`."""
        return self.brand_en if language == Language.ENGLISH and self.brand_en else self.brand


class CustomerGroup(models.Model):
    """Customers who share a price list (REQUIREMENTS A11)."""

    code = models.CharField(_("code"), max_length=40, unique=True, validators=[validators.validate_code])
    name = models.CharField(_("name"), max_length=80)

    class Meta:
        verbose_name, verbose_name_plural = _("customer group"), _("customer groups")

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """A word an operator puts on customers to find them again."""

    name = models.CharField(_("name"), max_length=40, unique=True)

    class Meta:
        verbose_name, verbose_name_plural = _("tag"), _("tags")

    def __str__(self) -> str:
        return self.name


class TenantQuerySet(models.QuerySet["Tenant"]):
    """Queries worth a name."""

    def billable(self) -> TenantQuerySet:
        """Return the tenants that the billing run looks at: all that are not closed."""
        return self.exclude(status=Tenant.Status.CLOSED)


class Tenant(models.Model):
    """A company that uses the software and receives bills."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        RESTRICTED = "restricted", _("restricted")
        SUSPENDED = "suspended", _("suspended")
        CLOSED = "closed", _("closed")

    # From each state, the states that a verb of tenants.lifecycle may lead to.
    TRANSITIONS = {
        Status.ACTIVE: {Status.RESTRICTED, Status.SUSPENDED, Status.CLOSED},
        Status.RESTRICTED: {Status.ACTIVE, Status.SUSPENDED, Status.CLOSED},
        Status.SUSPENDED: {Status.ACTIVE, Status.RESTRICTED, Status.CLOSED},
        Status.CLOSED: set(),
    }

    code = models.CharField(_("code"), max_length=60, unique=True, validators=[validators.validate_code])
    name = models.CharField(_("name"), max_length=200, validators=[validate_printable])
    name_en = models.CharField(_("name in English"), max_length=200, blank=True)
    tax_number = models.CharField(
        _("tax number"), max_length=18, blank=True, validators=[validators.validate_tax_number]
    )
    group = models.ForeignKey(
        CustomerGroup, models.PROTECT, verbose_name=_("group"), null=True, blank=True, related_name="tenants"
    )
    tags = models.ManyToManyField(Tag, verbose_name=_("tags"), blank=True, related_name="tenants")
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        verbose_name=_("parent company"),
        null=True,
        blank=True,
        related_name="children",
        help_text=_("The company that pays this one's bills."),
    )
    timezone = models.CharField(
        _("time zone"), max_length=64, default="Asia/Shanghai", validators=[validators.validate_zone]
    )
    currency = models.CharField(_("currency"), max_length=3, default="CNY", validators=[validators.validate_currency])
    language = models.CharField(_("language"), max_length=10, choices=Language, default=Language.CHINESE)
    status = models.CharField(_("state"), max_length=12, choices=Status, default=Status.ACTIVE)
    address = models.CharField(_("address"), max_length=300, blank=True, validators=[validate_printable])
    phone = models.CharField(_("telephone"), max_length=40, blank=True)
    purchase_order = models.CharField(_("purchase order"), max_length=60, blank=True, validators=[validate_printable])
    cost_centre = models.CharField(_("cost centre"), max_length=60, blank=True, validators=[validate_printable])
    # The company's own rule, in minor units of its currency with tax; set on its pages (`invoices.limits`).
    purchase_limit_minor = models.BigIntegerField(
        _("purchases above this need a second member"), null=True, blank=True, editable=False
    )
    note = models.TextField(_("note"), blank=True)
    # Days before a deduction on which the company is reminded of it once more; none: only the notice itself.
    reminder_days = ArrayField(
        models.PositiveSmallIntegerField(),
        verbose_name=_("reminders, days before a deduction"),
        default=reminders,
        blank=True,
    )
    opened_at = models.DateTimeField(_("opened"))

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("customer"), _("customers")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(name="tenant_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="tenant_status_known", condition=Q(status__in=["active", "restricted", "suspended", "closed"])
            ),
            models.CheckConstraint(name="tenant_language_known", condition=Q(language__in=["zh-hans", "en"])),
            models.CheckConstraint(
                name="tenant_purchase_limit_not_negative",
                condition=Q(purchase_limit_minor=None) | Q(purchase_limit_minor__gte=0),
            ),
            models.CheckConstraint(
                name="tenant_reminder_days_known", condition=Q(reminder_days__contained_by=list(REMINDERS))
            ),
            models.CheckConstraint(name="tenant_not_its_own_parent", condition=~Q(parent=models.F("id"))),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def payer_id(self) -> int:
        """Return the id of the tenant that pays: the parent where there is one."""
        return self.parent_id or self.pk

    def name_in(self, language: str) -> str:
        """Return the company's name for a reader of `language`."""
        return self.name_en if language == Language.ENGLISH and self.name_en else self.name


class Contact(models.Model):
    """A person at the customer whom bills and notices are sent to."""

    class Role(models.TextChoices):
        FINANCE = "finance", _("finance")
        BUSINESS = "business", _("business")
        TECHNICAL = "technical", _("technical")

    tenant = models.ForeignKey(Tenant, models.CASCADE, verbose_name=_("customer"), related_name="contacts")
    name = models.CharField(_("name"), max_length=80, validators=[validate_printable])
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("telephone"), max_length=40, blank=True)
    role = models.CharField(_("role"), max_length=12, choices=Role, default=Role.FINANCE)
    receives_bills = models.BooleanField(_("receives bills"), default=True)

    class Meta:
        verbose_name, verbose_name_plural = _("contact"), _("contacts")
        constraints = [
            models.UniqueConstraint(
                name="contact_email_once_per_tenant", fields=["tenant", "email"], condition=~Q(email="")
            ),
            models.CheckConstraint(
                name="contact_role_known", condition=Q(role__in=["finance", "business", "technical"])
            ),
            models.CheckConstraint(name="contact_of_bills_has_email", condition=Q(receives_bills=False) | ~Q(email="")),
        ]

    def __str__(self) -> str:
        return self.name
