"""What we ask for: invoices, their lines, credit notes, and the files made of them."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models import Charge
from tenants.models import Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM, Language


class NumberSeries(models.Model):
    """A seller's gapless numbers of one kind of document and year (《会计基础工作规范》: vouchers are numbered without gaps).

    The row is locked while numbers are given, in a short transaction of its own.
    """

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("bill")
        CREDIT_NOTE = "credit_note", _("credit note")
        QUOTE = "quote", _("quote")

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="series")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    year = models.PositiveSmallIntegerField(_("year"))
    prefix = models.CharField(_("prefix"), max_length=16)
    last_number = models.PositiveBigIntegerField(_("last number"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("number series"), _("number series")
        constraints = [
            models.UniqueConstraint(name="series_once_per_year", fields=["seller", "kind", "year"]),
            models.UniqueConstraint(name="series_prefix_once_per_year", fields=["prefix", "year"]),
            models.CheckConstraint(name="series_kind_known", condition=Q(kind__in=["invoice", "credit_note", "quote"])),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}-{self.year}"

    def written(self, number: int) -> str:
        """Return `number` as it stands on a document: QY-2026-001187."""
        return f"{self.prefix}-{self.year}-{number:06d}"


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Queries worth a name."""

    def issued(self) -> InvoiceQuerySet:
        """Return the invoices that carry a number."""
        return self.exclude(status=Invoice.Status.DRAFT)

    def open(self) -> InvoiceQuerySet:
        """Return the issued invoices that are not settled."""
        return self.filter(status=Invoice.Status.OPEN)

    def owed(self) -> InvoiceQuerySet:
        """Return the issued invoices that money may come in for: the open ones, and what was given up and is still due."""
        return self.filter(Q(status=Invoice.Status.OPEN) | Q(status=Invoice.Status.UNCOLLECTIBLE, due_minor__gt=0))

    def claimable(self) -> InvoiceQuerySet:
        """Return the open invoices of which something may be asked for now: not all that is due is in dispute."""
        return self.open().filter(due_minor__gt=F("frozen_minor"))

    def overdue(self, today: date) -> InvoiceQuerySet:
        """Return those of them whose due date has passed, also the later one that followed a dispute."""
        late_again = Q(due_again_on=None) | Q(due_again_on__lt=today)
        return self.claimable().filter(late_again, due_on__lt=today)


class Invoice(models.Model):
    """A bill: a draft until it is issued, then a legal copy that only settlement columns change (a trigger names them).

    `tenant` is the payer. `seller_copy` and `buyer_copy` are frozen on issue. Amounts are minor units: `subtotal_minor` is
    the sum of lines before discount, `total_minor` what is asked for, tax included; `due_minor` follows by itself.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        OPEN = "open", _("to pay")
        PAID = "paid", _("paid")
        VOID = "void", _("void")
        UNCOLLECTIBLE = "uncollectible", _("uncollectible")

    TRANSITIONS = {
        Status.DRAFT: {Status.OPEN, Status.PAID},
        Status.OPEN: {Status.PAID, Status.VOID, Status.UNCOLLECTIBLE},
        Status.PAID: {Status.OPEN, Status.VOID},
        Status.VOID: set(),
        Status.UNCOLLECTIBLE: {Status.PAID, Status.VOID},
    }

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, verbose_name=_("customer"), related_name="invoices", db_index=False
    )
    seller = models.ForeignKey(
        Seller, models.PROTECT, verbose_name=_("seller"), related_name="invoices", db_index=False
    )
    currency = models.CharField(_("currency"), max_length=3)
    pays = models.CharField(_("paid"), max_length=8, default="manual")
    # The local day on which it is to be asked for; drafts group by payer, seller, currency, way of payment and this.
    charge_on = models.DateField(_("billing day"))
    # When it is deducted by itself, and issued: not before the notice lets it (CONTRACTS rule 17). Null: at once, by hand.
    charge_at = models.DateTimeField(_("deducted from"), null=True, blank=True)
    # Lines of a confirmed change are invoiced alone; empty for a periodic invoice.
    origin = models.CharField(max_length=80, blank=True)
    status = models.CharField(_("state"), max_length=14, choices=Status, default=Status.DRAFT)
    series = models.ForeignKey(
        NumberSeries, models.PROTECT, null=True, blank=True, related_name="invoices", db_index=False
    )
    sequence = models.PositiveBigIntegerField(null=True, blank=True)
    number = models.CharField(_("number"), max_length=40, null=True, blank=True, unique=True)
    issued_at = models.DateTimeField(_("issued"), null=True, blank=True)
    issued_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    due_on = models.DateField(_("due"), null=True, blank=True)
    zone = models.CharField(max_length=64)
    language = models.CharField(_("language"), max_length=10, choices=Language)
    seller_copy = models.JSONField(_("seller on issue"), null=True, blank=True)
    buyer_copy = models.JSONField(_("customer on issue"), null=True, blank=True)
    purchase_order = models.CharField(_("purchase order"), max_length=60, blank=True)
    cost_centre = models.CharField(_("cost centre"), max_length=60, blank=True)
    subtotal_minor = models.BigIntegerField(_("subtotal"), default=0)
    discount_minor = models.BigIntegerField(_("discount"), default=0)
    tax_minor = models.BigIntegerField(_("tax"), default=0)
    total_minor = models.BigIntegerField(_("total"), default=0)
    paid_minor = models.BigIntegerField(_("paid"), default=0)
    credited_minor = models.BigIntegerField(_("credited"), default=0)
    due_minor = models.GeneratedField(
        expression=F("total_minor") - F("paid_minor") - F("credited_minor"),
        output_field=models.BigIntegerField(_("still due")),
        db_persist=True,
    )
    # What of it is in dispute: it is not asked for, not deducted and does not dun until the dispute is settled.
    frozen_minor = models.BigIntegerField(_("in dispute"), default=0, db_default=0)
    # By when it is to be paid after all of it was in dispute and was explained; it is never before `due_on`.
    due_again_on = models.DateField(_("due again"), null=True, blank=True)
    paid_at = models.DateTimeField(_("settled"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"))

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("bill"), _("bills")
        constraints = [
            models.UniqueConstraint(name="invoice_number_once_in_series", fields=["series", "sequence"]),
            models.CheckConstraint(name="invoice_language_known", condition=Q(language__in=["zh-hans", "en"])),
            # Two runs at once draft the same payer and day once.
            models.UniqueConstraint(
                name="invoice_one_draft_per_group",
                fields=["tenant", "seller", "currency", "pays", "charge_on", "origin"],
                condition=Q(status="draft"),
            ),
            models.CheckConstraint(
                name="invoice_status_known", condition=Q(status__in=["draft", "open", "paid", "void", "uncollectible"])
            ),
            models.CheckConstraint(name="invoice_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="invoice_issued_is_whole",
                condition=Q(status="draft", number=None, sequence=None, issued_at=None)
                | (
                    ~Q(status="draft")
                    & Q(number__isnull=False, sequence__isnull=False, series__isnull=False)
                    & Q(issued_at__isnull=False, due_on__isnull=False)
                    & Q(seller_copy__isnull=False, buyer_copy__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="invoice_total_not_negative", condition=Q(status="draft") | Q(total_minor__gte=0)
            ),
            models.CheckConstraint(
                name="invoice_settled_within_total",
                condition=Q(paid_minor__gte=0, credited_minor__gte=0)
                & Q(total_minor__gte=F("paid_minor") + F("credited_minor"))
                | Q(status="draft"),
            ),
            models.CheckConstraint(name="invoice_frozen_not_negative", condition=Q(frozen_minor__gte=0)),
            models.CheckConstraint(
                name="invoice_due_again_is_later",
                condition=Q(due_again_on=None) | Q(due_again_on__gte=F("due_on"), due_on__isnull=False),
            ),
        ]
        indexes = [
            # Read by the customer's list of bills, newest first.
            models.Index(name="invoice_of_tenant", fields=["tenant", "-issued_at"]),
            # Read by issuing: the drafts whose day has come.
            models.Index(name="invoice_draft", fields=["charge_on"], condition=Q(status="draft")),
            # Read by rendering's anti-join and by overdue.
            models.Index(name="invoice_open_due", fields=["due_on"], condition=Q(status="open")),
            # Read by collection: what is deducted by now.
            models.Index(
                name="invoice_to_deduct", fields=["charge_at"], condition=Q(status="open", charge_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.number or f"{_('draft')} {self.pk}"

    @property
    def claimable_minor(self) -> int:
        """What may be asked for now: what is due, less what is in dispute."""
        return max(0, self.due_minor - self.frozen_minor)

    @property
    def payable_on(self) -> date | None:
        """The day after which it is overdue: its due day, or the later one that followed a dispute."""
        return self.due_again_on or self.due_on


class InvoiceLine(models.Model):
    """One charge on an invoice. It exists once per charge: the database cannot bill a charge twice.

    `amount_minor` is before discount; `tax_minor` is computed on the discounted amount (CONTRACTS rule 12) and
    `gross_minor` is what the line adds to the total.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="invoice_lines", db_index=False)
    # Parts of a draft go with it; an issued invoice and its lines cannot be deleted (triggers).
    invoice = models.ForeignKey(Invoice, models.PROTECT, verbose_name=_("bill"), related_name="lines", db_index=False)
    charge = models.OneToOneField(Charge, models.PROTECT, verbose_name=_("charge"), related_name="line")
    position = models.PositiveIntegerField(_("position"))
    code = models.CharField(_("price code"), max_length=60)
    kind = models.CharField(_("kind"), max_length=8)
    reason = models.CharField(_("reason"), max_length=10)
    name = models.CharField(_("name"), max_length=80)
    name_en = models.CharField(_("name in English"), max_length=80, blank=True)
    service_start_on = models.DateField(_("from"))
    service_end_on = models.DateField(_("until"))
    quantity = models.DecimalField(_("quantity"), max_digits=30, decimal_places=10)
    unit = models.CharField(_("unit"), max_length=20, blank=True)
    unit_en = models.CharField(_("unit in English"), max_length=20, blank=True)
    amount_minor = models.BigIntegerField(_("amount"))
    discount_minor = models.BigIntegerField(_("discount"), default=0)
    tax_rate = models.DecimalField(_("tax rate"), max_digits=6, decimal_places=4, default=0)
    tax_minor = models.BigIntegerField(_("tax"), default=0)
    gross_minor = models.BigIntegerField(_("with tax"))
    credited_minor = models.BigIntegerField(_("credited"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("line of a bill"), _("lines of a bill")
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(name="line_position_once", fields=["invoice", "position"]),
            models.CheckConstraint(name="line_days_in_order", condition=Q(service_end_on__gt=F("service_start_on"))),
        ]

    def __str__(self) -> str:
        return self.name

    def name_in(self, language: str) -> str:
        """Return the name for a reader of `language`."""
        return self.name_en if language == Language.ENGLISH and self.name_en else self.name

    def unit_in(self, language: str) -> str:
        """Return the unit for a reader of `language`."""
        return self.unit_en if language == Language.ENGLISH and self.unit_en else self.unit


class CreditNote(models.Model):
    """The only answer to an issued invoice that was wrong: never changed, at most what is left of the invoice."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="credit_notes")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="credit_notes")
    invoice = models.ForeignKey(Invoice, models.PROTECT, verbose_name=_("bill"), related_name="credit_notes")
    # One sum may fall on several bills: the later notes point at the first.
    first = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="later", db_index=False)
    series = models.ForeignKey(NumberSeries, models.PROTECT, related_name="credit_notes")
    sequence = models.PositiveBigIntegerField()
    number = models.CharField(_("number"), max_length=40, unique=True)
    currency = models.CharField(_("currency"), max_length=3)
    language = models.CharField(_("language"), max_length=10, choices=Language)
    zone = models.CharField(max_length=64)
    reason = models.CharField(_("reason"), max_length=300)
    seller_copy = models.JSONField(_("seller on issue"))
    buyer_copy = models.JSONField(_("customer on issue"))
    tax_minor = models.BigIntegerField(_("tax"))
    total_minor = models.BigIntegerField(_("total"))
    # What had been paid already and goes back to the customer; the rest lowers what is due.
    returned_minor = models.BigIntegerField(_("to be returned"), default=0)
    issued_at = models.DateTimeField(_("issued"))
    issued_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("credit note"), _("credit notes")
        constraints = [
            models.UniqueConstraint(name="credit_note_number_once_in_series", fields=["series", "sequence"]),
            models.CheckConstraint(name="credit_note_language_known", condition=Q(language__in=["zh-hans", "en"])),
            models.CheckConstraint(name="credit_note_total_positive", condition=Q(total_minor__gt=0)),
            models.CheckConstraint(
                name="credit_note_returns_at_most_total",
                condition=Q(returned_minor__gte=0, returned_minor__lte=F("total_minor")),
            ),
        ]

    def __str__(self) -> str:
        return self.number


class CreditNoteLine(models.Model):
    """What is credited of one line."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="credit_note_lines")
    credit_note = models.ForeignKey(CreditNote, models.PROTECT, related_name="lines")
    line = models.ForeignKey(InvoiceLine, models.PROTECT, related_name="credits")
    gross_minor = models.BigIntegerField(_("with tax"))
    tax_minor = models.BigIntegerField(_("tax"))

    class Meta:
        verbose_name, verbose_name_plural = _("line of a credit note"), _("lines of a credit note")
        constraints = [
            models.UniqueConstraint(name="credit_line_once", fields=["credit_note", "line"]),
            models.CheckConstraint(name="credit_line_not_zero", condition=~Q(gross_minor=0)),
        ]

    def __str__(self) -> str:
        return f"{self.credit_note_id} {self.line_id}"


class Document(models.Model):
    """A file made of a document, kept by its hash: one per kind, source and language, never made again."""

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("bill")
        CREDIT_NOTE = "credit_note", _("credit note")
        QUOTE = "quote", _("quote")
        NOTICE = "notice", _("notice of a deduction")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="documents")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    source_id = models.BigIntegerField()
    language = models.CharField(_("language"), max_length=10, choices=Language)
    name = models.CharField(_("file"), max_length=120)
    sha256 = models.CharField(max_length=64)
    bytes = models.PositiveIntegerField(_("size"))
    made_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name, verbose_name_plural = _("document"), _("documents")
        constraints = [
            models.UniqueConstraint(name="document_once", fields=["kind", "source_id", "language"]),
            models.CheckConstraint(name="document_language_known", condition=Q(language__in=["zh-hans", "en"])),
            models.CheckConstraint(
                name="document_kind_known", condition=Q(kind__in=["invoice", "credit_note", "quote", "notice"])
            ),
        ]

    def __str__(self) -> str:
        return self.name
