"""What comes in."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from invoices.models.documents import Invoice
from invoices.models.mandates import Mandate
from invoices.models.notices import ChargeNotice
from tenants.models import Authorisation, Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM

METHODS = ["transfer", "wallet", "alipay", "wechat"]


class Payment(models.Model):
    """Money that a customer paid, or one attempt to take it: a transfer that came in, a part of his wallet, or an order
    at a provider.

    `reference` is the number that makes it happen once: the bank's own of a transfer, ours of everything else, which a
    provider is given with every call. `provider_number` is what the provider calls it. `basis` says why it was
    taken: it came in, a member paid by hand, a member confirmed a purchase, or it was deducted by itself, which names its
    authorisation and its notice. `intended` is written before a provider is called, `unknown` when it did not answer: such a
    payment is asked for, and nothing else is charged meanwhile. A settled amount is never changed (a trigger holds this).
    """

    class Method(models.TextChoices):
        TRANSFER = "transfer", _("bank transfer")
        WALLET = "wallet", _("balance")
        ALIPAY = "alipay", _("Alipay")
        WECHAT = "wechat", _("WeChat Pay")

    class Product(models.TextChoices):
        """How a provider is used: a code to scan, a page of its own, or a debit under its contract."""

        QR = "qr", _("code to scan")
        PAGE = "page", _("page of the provider")
        DEBIT = "debit", _("deduction agreement")

    class Purpose(models.TextChoices):
        BILLS = "bills", _("bills")
        TOP_UP = "top_up", _("top-up")

    class Status(models.TextChoices):
        INTENDED = "intended", _("under way")
        UNKNOWN = "unknown", _("outcome being checked")
        SUCCEEDED = "succeeded", _("received")
        FAILED = "failed", _("not taken")
        REFUNDED = "refunded", _("returned")

    class Basis(models.TextChoices):
        RECEIVED = "received", _("came in")
        BY_HAND = "by_hand", _("paid by a member")
        CONFIRMED = "confirmed", _("confirmed by a member")
        AUTOMATIC = "automatic", _("deducted automatically")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="payments")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="payments")
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    method = models.CharField(_("way"), max_length=10, choices=Method)
    provider = models.CharField(_("provider"), max_length=20)
    reference = models.CharField(_("reference"), max_length=80)
    status = models.CharField(_("state"), max_length=10, choices=Status)
    payer_name = models.CharField(_("payer"), max_length=200, blank=True)
    basis = models.CharField(_("taken because"), max_length=10, choices=Basis, default=Basis.RECEIVED)
    # What an attempt to take money was for; a transfer names its bills by its allocations alone.
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, verbose_name=_("bill"), null=True, blank=True, related_name="attempts"
    )
    authorisation = models.ForeignKey(
        Authorisation,
        models.PROTECT,
        verbose_name=_("authorisation"),
        null=True,
        blank=True,
        related_name="payments",
        db_index=False,
    )
    notice = models.ForeignKey(
        ChargeNotice,
        models.PROTECT,
        verbose_name=_("notice"),
        null=True,
        blank=True,
        related_name="payments",
        db_index=False,
    )
    failure = models.CharField(_("why it was not taken"), max_length=40, blank=True)
    product = models.CharField(_("used as"), max_length=8, choices=Product, blank=True)
    purpose = models.CharField(_("for"), max_length=8, choices=Purpose, default=Purpose.BILLS)
    provider_number = models.CharField(_("number of the provider"), max_length=80, blank=True)
    mandate = models.ForeignKey(
        Mandate,
        models.PROTECT,
        verbose_name=_("deduction agreement"),
        null=True,
        blank=True,
        related_name="payments",
    )
    # Where the payer pays: the content of a code, or the address of the provider's page; good until `expires_at`.
    pay_address = models.TextField(_("pay at"), blank=True)
    expires_at = models.DateTimeField(_("good until"), null=True, blank=True)
    # When a call was last made and when the provider is asked next; how often it was asked.
    called_at = models.DateTimeField(_("called"), null=True, blank=True)
    ask_at = models.DateTimeField(_("asked next"), null=True, blank=True)
    asks = models.PositiveIntegerField(_("asked"), default=0)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    # What of it went back to the payer.
    returned_minor = models.BigIntegerField(_("returned"), default=0)
    # How often money had come into the wallet when it held too little: the same state is never tried twice.
    wallet_moves = models.BigIntegerField(null=True, blank=True)
    received_at = models.DateTimeField(_("received"))
    recorded_at = models.DateTimeField(_("recorded"))
    recorded_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("payment"), _("payments")
        constraints = [
            models.UniqueConstraint(name="payment_reference_once", fields=["provider", "reference"]),
            models.CheckConstraint(name="payment_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(name="payment_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="payment_method_known", condition=Q(method__in=METHODS)),
            models.CheckConstraint(name="payment_product_known", condition=Q(product__in=["", "qr", "page", "debit"])),
            models.CheckConstraint(name="payment_purpose_known", condition=Q(purpose__in=["bills", "top_up"])),
            # Only a provider's payment has a product, and each of them has one.
            models.CheckConstraint(
                name="payment_product_of_provider",
                condition=Q(method__in=["alipay", "wechat"]) & ~Q(product="")
                | Q(method__in=["transfer", "wallet"], product=""),
            ),
            models.CheckConstraint(
                name="payment_debit_has_mandate",
                condition=Q(product="debit", mandate__isnull=False) | ~Q(product="debit") & Q(mandate=None),
            ),
            models.CheckConstraint(
                name="payment_returned_within",
                condition=Q(returned_minor__gte=0, returned_minor__lte=F("amount_minor")),
            ),
            models.UniqueConstraint(
                name="payment_provider_number_once",
                fields=["provider", "provider_number"],
                condition=~Q(provider_number=""),
            ),
            models.CheckConstraint(
                name="payment_status_known",
                condition=Q(status__in=["intended", "unknown", "succeeded", "failed", "refunded"]),
            ),
            models.CheckConstraint(
                name="payment_basis_known",
                condition=Q(basis__in=["received", "by_hand", "confirmed", "automatic"]),
            ),
            # The first promise: nothing is deducted without authorisation and without notice.
            models.CheckConstraint(
                name="payment_automatic_was_allowed",
                condition=~Q(basis="automatic") | Q(authorisation__isnull=False, notice__isnull=False),
            ),
            # A provider's payment names its bills by its parts; one for several bills has no single one.
            models.CheckConstraint(
                name="payment_of_attempt_has_bill",
                condition=Q(basis="received") | Q(invoice__isnull=False) | Q(method__in=["alipay", "wechat"]),
            ),
            # What is deducted by itself is of one bill, whose lines its authorisation covers (a trigger holds this).
            models.CheckConstraint(
                name="payment_automatic_is_of_a_bill",
                condition=~Q(basis="automatic") | Q(invoice__isnull=False),
            ),
            models.CheckConstraint(
                name="payment_failed_says_why",
                condition=Q(status="failed") & ~Q(failure="") | ~Q(status="failed") & Q(failure=""),
            ),
            models.UniqueConstraint(
                name="payment_one_live_attempt",
                fields=["invoice"],
                condition=Q(status__in=["intended", "unknown"]),
            ),
            models.UniqueConstraint(
                name="payment_tried_once_per_state",
                fields=["invoice", "wallet_moves"],
                condition=Q(status="failed", wallet_moves__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="payment_of_tenant", fields=["tenant", "-received_at"]),
            # Read by each tick: whom to ask next.
            models.Index(name="payment_to_ask", fields=["ask_at"], condition=Q(ask_at__isnull=False)),
            # Read before each deduction under a ceiling of the month: what was taken under it.
            models.Index(
                name="payment_of_authorisation",
                fields=["authorisation", "recorded_at"],
                condition=Q(authorisation__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Allocation(models.Model):
    """A part of a payment that settles an invoice."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="allocations")
    payment = models.ForeignKey(Payment, models.PROTECT, verbose_name=_("payment"), related_name="allocations")
    invoice = models.ForeignKey(Invoice, models.PROTECT, verbose_name=_("bill"), related_name="allocations")
    amount_minor = models.BigIntegerField(_("amount"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("allocation"), _("allocations")
        constraints = [
            models.UniqueConstraint(name="allocation_once", fields=["payment", "invoice"]),
            models.CheckConstraint(name="allocation_amount_positive", condition=Q(amount_minor__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id} → {self.invoice_id}"


class PaymentPart(models.Model):
    """What a provider's payment is for: a part of it settles a bill, once it succeeded.

    While `live` no other attempt may be made for the bill (a partial unique key); what the bill owes no more when the money
    arrives goes into the wallet.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="payment_parts", db_index=False)
    payment = models.ForeignKey(Payment, models.PROTECT, verbose_name=_("payment"), related_name="parts")
    invoice = models.ForeignKey(Invoice, models.PROTECT, verbose_name=_("bill"), related_name="parts")
    amount_minor = models.BigIntegerField(_("amount"))
    live = models.BooleanField(_("under way"), default=True)

    class Meta:
        verbose_name, verbose_name_plural = _("part of a payment"), _("parts of a payment")
        constraints = [
            models.UniqueConstraint(name="payment_part_once", fields=["payment", "invoice"]),
            models.UniqueConstraint(name="payment_part_one_live", fields=["invoice"], condition=Q(live=True)),
            models.CheckConstraint(name="payment_part_positive", condition=Q(amount_minor__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id} → {self.invoice_id}"


class NoticeUse(models.Model):
    """How much of an announced deduction an automatic payment takes up; the uses of a payment add up to its amount.

    What was announced for a day is never taken twice: the uses of its notices by payments that are under way or came stay
    within the notice (a trigger holds both).
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="notice_uses", db_index=False)
    payment = models.ForeignKey(Payment, models.PROTECT, verbose_name=_("payment"), related_name="uses", db_index=False)
    notice = models.ForeignKey(ChargeNotice, models.PROTECT, verbose_name=_("notice"), related_name="uses")
    amount_minor = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name, verbose_name_plural = _("use of a notice"), _("uses of notices")
        constraints = [
            models.UniqueConstraint(name="notice_use_once", fields=["payment", "notice"]),
            models.CheckConstraint(name="notice_use_positive", condition=Q(amount_minor__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id} → {self.notice_id}"
