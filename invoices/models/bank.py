"""Corporate transfers: the code in a customer's remark, what the bank credited, and what customers tell us of it.

No account number of a payer is kept: `payer_account` is masked, `payer_account_hash` is keyed and only ever compared.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from invoices.models.payments import Payment
from tenants.models import Seller, Tenant, User
from tenants.models.companies import CURRENCY_FORM

CODE_FORM = r"^[34679ABCDEFHJKMNPRTUWXY]{8}$"
MOST_PAYERS = 5


class RemittanceCode(models.Model):
    """What a customer writes into the remark of a transfer, and where the bank gives one, his own virtual account."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="remittance_codes")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="remittance_codes")
    code = models.CharField(_("remittance code"), max_length=8)
    # A sub-account of the seller's, which the bank opened for this customer alone.
    virtual_account = models.CharField(_("virtual account"), max_length=40, blank=True)
    made_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name, verbose_name_plural = _("remittance code"), _("remittance codes")
        constraints = [
            models.UniqueConstraint(name="remittance_code_of_customer_once", fields=["tenant", "seller"]),
            models.UniqueConstraint(name="remittance_code_once", fields=["seller", "code"]),
            models.UniqueConstraint(
                name="remittance_virtual_account_once",
                fields=["seller", "virtual_account"],
                condition=~Q(virtual_account=""),
            ),
            models.CheckConstraint(name="remittance_code_form", condition=Q(code__regex=CODE_FORM)),
            models.CheckConstraint(
                name="remittance_virtual_account_form",
                condition=Q(virtual_account="") | Q(virtual_account__regex=r"^[0-9]{6,40}$"),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class KnownPayer(models.Model):
    """Another name under which a customer's transfers come, at most five in force; each with the declaration that allows it."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="known_payers")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(_("payer"), max_length=200)
    declaration = models.CharField(_("declaration of payment for another"), max_length=300)
    added_at = models.DateTimeField(_("added"))
    added_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True)
    removed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("known payer"), _("known payers")
        constraints = [
            models.UniqueConstraint(
                name="known_payer_once", fields=["tenant", "name"], condition=Q(removed_at__isnull=True)
            ),
            models.UniqueConstraint(
                name="known_payer_position_once", fields=["tenant", "position"], condition=Q(removed_at__isnull=True)
            ),
            models.CheckConstraint(
                name="known_payer_at_most_five", condition=Q(position__gte=1, position__lte=MOST_PAYERS)
            ),
            models.CheckConstraint(name="known_payer_declared", condition=~Q(declaration="") & ~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name


class BankFile(models.Model):
    """One reading of a bank's statement: what it was, who read it, and what came of it. The file itself is not kept."""

    class Status(models.TextChoices):
        IMPORTED = "imported", _("imported")
        REFUSED = "refused", _("refused: rows with errors")

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="+")
    # The seller's own account that the statement is of.
    account = models.CharField(_("our account"), max_length=40)
    currency = models.CharField(_("currency"), max_length=3)
    file_name = models.CharField(_("file"), max_length=200)
    sha256 = models.CharField(_("hash"), max_length=64)
    status = models.CharField(_("state"), max_length=8, choices=Status)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    credits_new = models.PositiveIntegerField(_("new credits"), default=0)
    known = models.PositiveIntegerField(_("known already"), default=0)
    debits = models.PositiveIntegerField(_("rows that went out"), default=0)
    # [{"line": 12, "column": "amount", "message": "…"}], the first thousand.
    errors = models.JSONField(_("errors"), default=list, blank=True)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("bank statement file"), _("bank statement files")
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                name="bank_file_once", fields=["seller", "account", "sha256"], condition=Q(status="imported")
            ),
            models.CheckConstraint(name="bank_file_status_known", condition=Q(status__in=["imported", "refused"])),
            models.CheckConstraint(name="bank_file_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(name="bank_file_refused_says_why", condition=~Q(status="refused") | ~Q(errors=[])),
        ]

    def __str__(self) -> str:
        return self.file_name


class BankCredit(models.Model):
    """Money that came in at the bank, until it is known whose it is.

    Booked as suspense when it is imported, and from there when it is matched, or back to the payer. `reference` is the
    bank's own number: the same row again changes nothing.
    """

    class State(models.TextChoices):
        UNMATCHED = "unmatched", _("not matched")
        PROPOSED = "proposed", _("proposed")
        MATCHED = "matched", _("matched")
        RETURNED = "returned", _("returned to the payer")

    TRANSITIONS = {
        State.UNMATCHED: {State.PROPOSED, State.MATCHED, State.RETURNED},
        State.PROPOSED: {State.UNMATCHED, State.MATCHED, State.RETURNED},
        State.MATCHED: set(),
        State.RETURNED: set(),
    }

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="bank_credits")
    account = models.CharField(_("our account"), max_length=40)
    file = models.ForeignKey(
        BankFile, models.PROTECT, verbose_name=_("bank statement file"), null=True, blank=True, related_name="credits"
    )
    line = models.PositiveIntegerField(_("line"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    reference = models.CharField(_("bank's reference"), max_length=64)
    payer_name = models.CharField(_("payer"), max_length=200, blank=True)
    payer_account = models.CharField(_("payer's account"), max_length=20, blank=True)
    payer_account_hash = models.CharField(max_length=64, blank=True)
    virtual_account = models.CharField(_("virtual account"), max_length=40, blank=True)
    remark = models.CharField(_("remark"), max_length=300, blank=True)
    received_at = models.DateTimeField(_("received"))
    recorded_at = models.DateTimeField(_("recorded"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.UNMATCHED)
    # Who it may be of, best first: [{"tenant": 7, "why": ["remark_code", "third_party"]}] (words: `matching.WHY`).
    proposals = models.JSONField(_("proposals"), default=list, blank=True)
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, verbose_name=_("customer"), null=True, blank=True, related_name="bank_credits"
    )
    payment = models.OneToOneField(
        Payment, models.PROTECT, verbose_name=_("payment"), null=True, blank=True, related_name="bank_credit"
    )
    # A payment for another needs a declaration; what an operator noted of it.
    declaration = models.CharField(_("declaration of payment for another"), max_length=300, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    settled_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("bank credit"), _("bank credits")
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.UniqueConstraint(name="bank_credit_once", fields=["seller", "account", "reference"]),
            models.CheckConstraint(name="bank_credit_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(name="bank_credit_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="bank_credit_state_known",
                condition=Q(state__in=["unmatched", "proposed", "matched", "returned"]),
            ),
            models.CheckConstraint(
                name="bank_credit_matched_is_whole",
                condition=Q(state="matched", payment__isnull=False, tenant__isnull=False, settled_at__isnull=False)
                | ~Q(state="matched") & Q(payment=None, tenant=None),
            ),
            models.CheckConstraint(
                name="bank_credit_returned_says_why",
                condition=~Q(state="returned") | ~Q(reason="") & Q(settled_at__isnull=False),
            ),
            # Five digits in a row and more are an account number; what is kept of one is masked.
            models.CheckConstraint(name="bank_credit_account_masked", condition=~Q(payer_account__regex=r"[0-9]{5}")),
        ]
        indexes = [
            models.Index(name="bank_credit_waiting", fields=["id"], condition=Q(state__in=["unmatched", "proposed"])),
            models.Index(
                name="bank_credit_of_payer",
                fields=["seller", "payer_account_hash"],
                condition=Q(state="matched") & ~Q(payer_account_hash=""),
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class TransferClaim(models.Model):
    """A customer's word that he has paid by transfer, with the bank's receipt where he sent one."""

    class State(models.TextChoices):
        OPEN = "open", _("being looked for")
        MATCHED = "matched", _("found")
        DECLINED = "declined", _("not found")

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("customer"), related_name="transfer_claims")
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="transfer_claims")
    # Of the form that was sent: sent twice, it is one claim.
    key = models.CharField(max_length=64)
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    paid_on = models.DateField(_("paid on"))
    payer_name = models.CharField(_("payer"), max_length=200)
    last_digits = models.CharField(_("last four digits of the account"), max_length=4, blank=True)
    remark = models.CharField(_("remark"), max_length=300, blank=True)
    receipt_name = models.CharField(_("receipt"), max_length=200, blank=True)
    receipt_type = models.CharField(max_length=20, blank=True)
    receipt_sha256 = models.CharField(max_length=64, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.OPEN)
    credit = models.OneToOneField(
        BankCredit, models.PROTECT, verbose_name=_("bank credit"), null=True, blank=True, related_name="claim"
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    made_at = models.DateTimeField(_("sent"))
    made_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+")
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    settled_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name, verbose_name_plural = _("claim of a transfer"), _("claims of transfers")
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.UniqueConstraint(name="transfer_claim_once", fields=["tenant", "key"]),
            models.CheckConstraint(name="transfer_claim_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(name="transfer_claim_currency_form", condition=Q(currency__regex=CURRENCY_FORM)),
            models.CheckConstraint(
                name="transfer_claim_state_known", condition=Q(state__in=["open", "matched", "declined"])
            ),
            models.CheckConstraint(
                name="transfer_claim_digits", condition=Q(last_digits="") | Q(last_digits__regex=r"^[0-9]{4}$")
            ),
            models.CheckConstraint(
                name="transfer_claim_matched_has_credit",
                condition=Q(state="matched", credit__isnull=False) | ~Q(state="matched") & Q(credit=None),
            ),
            models.CheckConstraint(
                name="transfer_claim_declined_says_why", condition=~Q(state="declined") | ~Q(reason="")
            ),
            models.CheckConstraint(
                name="transfer_claim_receipt_whole",
                condition=Q(receipt_name="", receipt_type="", receipt_sha256="")
                | ~Q(receipt_name="") & ~Q(receipt_type="") & ~Q(receipt_sha256=""),
            ),
        ]
        indexes = [
            models.Index(name="transfer_claim_open", fields=["seller", "amount_minor"], condition=Q(state="open"))
        ]

    def __str__(self) -> str:
        return f"{self.tenant} {self.paid_on}"
