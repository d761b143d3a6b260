"""The book: double entry, append-only, one per seller and currency.

A ledger knows accounts, amounts and an opaque source, and nothing of invoices or payments. Debits are positive and
credits negative, in minor units; the postings of a transaction sum to zero (a deferred trigger holds this at commit),
and no row is ever updated or deleted (triggers).
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants.models import Seller, Tenant
from tenants.models.companies import CURRENCY_FORM


class Account(models.Model):
    """A page of the book: of a seller and currency, and where it is about one customer, of that tenant."""

    class Kind(models.TextChoices):
        RECEIVABLE = "receivable", _("receivable")
        CASH = "cash", _("cash")
        # What a provider has taken in for the seller and not paid out; its bills are compared with this page.
        CASH_ALIPAY = "cash_alipay", _("cash at Alipay")
        CASH_WECHAT = "cash_wechat", _("cash at WeChat Pay")
        # Came in at the bank, and nobody knows yet whose it is.
        SUSPENSE = "suspense", _("received, payer not known yet")
        UNALLOCATED = "unallocated", _("received, not yet allocated")
        # What customers have put in and not spent is owed to them; gifts beside it cost what was given away.
        WALLET = "wallet", _("balance of customers")
        WALLET_GIFT = "wallet_gift", _("given balance of customers")
        PROMOTION = "promotion", _("given away")
        REVENUE_DEFERRED = "revenue_deferred", _("revenue not yet earned")
        REVENUE = "revenue", _("revenue")
        TAX_PAYABLE = "tax_payable", _("tax payable")
        REFUND_PAYABLE = "refund_payable", _("refunds on their way")
        WRITE_OFF = "write_off", _("written off")
        FEES = "fees", _("fees of providers")
        DIFFERENCES = "differences", _("differences of statements")

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="accounts")
    currency = models.CharField(_("currency"), max_length=3)
    kind = models.CharField(_("account"), max_length=20, choices=Kind)
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, verbose_name=_("customer"), null=True, blank=True, related_name="accounts"
    )

    class Meta:
        verbose_name, verbose_name_plural = _("account"), _("accounts")
        constraints = [
            models.UniqueConstraint(
                name="account_once", fields=["seller", "currency", "kind", "tenant"], nulls_distinct=False
            ),
            models.CheckConstraint(name="account_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="account_kind_known",
                condition=Q(
                    kind__in=[
                        "receivable",
                        "cash",
                        "cash_alipay",
                        "cash_wechat",
                        "suspense",
                        "unallocated",
                        "wallet",
                        "wallet_gift",
                        "promotion",
                        "revenue_deferred",
                        "revenue",
                        "tax_payable",
                        "refund_payable",
                        "write_off",
                        "fees",
                        "differences",
                    ]
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.currency}"


class LedgerSeal(models.Model):
    """A link of a seller's chain of hashes over what was booked: `sha256` is over the previous one and `rows`.

    `rows` holds, for each transaction of the link in order of its id, the id (8 bytes, big-endian) and the SHA-256 of its
    canonical text (`sealing.DIGESTS`). Never changed (a trigger); whoever knows the last hash proves all before it.
    """

    seller = models.ForeignKey(
        Seller, models.PROTECT, verbose_name=_("seller"), related_name="ledger_seals", db_index=False
    )
    number = models.PositiveBigIntegerField(_("number"))
    count = models.PositiveIntegerField(_("transactions"))
    rows = models.BinaryField()
    previous = models.CharField(_("hash before"), max_length=64, blank=True)
    sha256 = models.CharField(_("hash"), max_length=64)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("seal of the book"), _("seals of the book")
        constraints = [
            models.UniqueConstraint(name="ledger_seal_once", fields=["seller", "number"]),
            models.CheckConstraint(
                name="ledger_seal_first_has_none_before",
                condition=Q(number=1, previous="") | Q(number__gt=1) & ~Q(previous=""),
            ),
            models.CheckConstraint(name="ledger_seal_holds_something", condition=Q(count__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.seller_id} {self.number}"


class LedgerTransaction(models.Model):
    """One event of the book, with the source it came from; a source is booked once per kind.

    `seal` alone is set later, by the tick that seals what is new.
    """

    seller = models.ForeignKey(
        Seller, models.PROTECT, verbose_name=_("seller"), related_name="ledger_transactions", db_index=False
    )
    currency = models.CharField(_("currency"), max_length=3)
    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        verbose_name=_("customer"),
        null=True,
        blank=True,
        related_name="ledger_transactions",
        db_index=False,
    )
    source = models.CharField(_("source"), max_length=20)
    source_id = models.BigIntegerField(_("source id"))
    kind = models.CharField(_("kind"), max_length=20)
    at = models.DateTimeField(_("at"))
    seal = models.ForeignKey(
        LedgerSeal,
        models.PROTECT,
        verbose_name=_("seal"),
        null=True,
        blank=True,
        related_name="transactions",
        db_index=False,
    )

    class Meta:
        verbose_name, verbose_name_plural = _("ledger transaction"), _("ledger transactions")
        constraints = [
            models.UniqueConstraint(name="ledger_source_booked_once", fields=["source", "source_id", "kind"]),
            models.CheckConstraint(name="ledger_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
        ]
        indexes = [
            models.Index(name="ledger_tenant_at", fields=["tenant", "at"]),
            # Read by the tick that seals.
            models.Index(name="ledger_unsealed", fields=["seller", "id"], condition=Q(seal=None)),
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.source_id} {self.kind}"


class Posting(models.Model):
    """One side of a transaction: debit positive, credit negative."""

    transaction = models.ForeignKey(
        LedgerTransaction, models.PROTECT, verbose_name=_("transaction"), related_name="postings"
    )
    account = models.ForeignKey(Account, models.PROTECT, verbose_name=_("account"), related_name="postings")
    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, blank=True, related_name="postings", db_index=False)
    amount_minor = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name, verbose_name_plural = _("posting"), _("postings")
        constraints = [models.CheckConstraint(name="posting_not_zero", condition=~Q(amount_minor=0))]

    def __str__(self) -> str:
        return f"{self.account_id} {self.amount_minor}"
