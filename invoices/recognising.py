"""Whose money came in: by the code in the remark, the virtual account, the payer and what is due, or the customer's claim.

A finding is sure when one customer is meant and the payer is the customer himself or on his list of known payers; everything
else is proposed to an operator with the reasons. Nothing is written here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from django.db.models import Exists, OuterRef, Q

from invoices import remitting
from invoices.models import BankCredit, Invoice, KnownPayer, PaymentPart, RemittanceCode, TransferClaim
from tenants.models import Tenant
from usage.periods import local_day

# A claim's day and the bank's may be so far apart: weekends, and banks that credit on the next day.
DAYS_APART = timedelta(days=3)
MOST_PROPOSALS = 5
WAITING = (BankCredit.State.UNMATCHED, BankCredit.State.PROPOSED)

# Why it may be this customer's money, and why it is not sure (words: `matching.WHY`).
REMARK_CODE, VIRTUAL_ACCOUNT, BILL_NUMBER = "remark_code", "virtual_account", "bill_number"
PAYER, DUE, CLAIM, SAME_ACCOUNT = "payer", "due", "claim", "same_account"
THIRD_PARTY, SEVERAL, NOT_DUE, OTHER_PAYER = "third_party", "several", "not_due", "other_payer"
DOUBTS = (THIRD_PARTY, SEVERAL, NOT_DUE, OTHER_PAYER)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A customer whose money it may be, and why; `sure` when nothing speaks against booking it at once."""

    tenant: Tenant
    why: tuple[str, ...]
    sure: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return it as the credit keeps it."""
        return {"tenant": self.tenant.pk, "why": list(self.why)}


def propose(credit: BankCredit) -> list[Proposal]:
    """Return whose money it may be, best first, at most five; a sure one stands alone."""
    named = _named(credit)
    found = _judged(credit, named) if named else _judged(credit, _by_payer(credit) or _by_claim(credit))
    if not found:
        found = [Proposal(tenant, (SAME_ACCOUNT, *_third(credit, tenant))) for tenant in _by_account(credit)]
    return list(islice(found, MOST_PROPOSALS))


def _judged(credit: BankCredit, reasons: Mapping[Tenant, tuple[str, ...]]) -> list[Proposal]:
    """Return the proposals for the customers found: sure if there is one, nothing is in doubt, and he may be the payer."""
    found = []
    for tenant, why in reasons.items():
        doubts = (*((SEVERAL,) if len(reasons) > 1 else ()), *_third(credit, tenant))
        whole = (*why, *doubts)
        found.append(Proposal(tenant, whole, not set(whole) & set(DOUBTS)))
    return sorted(found, key=lambda one: (sum(word in DOUBTS for word in one.why), one.tenant.pk))


def _third(credit: BankCredit, tenant: Tenant) -> tuple[str, ...]:
    return () if may_pay(credit, tenant) else (THIRD_PARTY,)


def may_pay(credit: BankCredit, tenant: Tenant) -> bool:
    """Whether the payer is the customer himself, or on his list of known payers."""
    return remitting.plain_name(credit.payer_name) in remitting.allowed_names(tenant)


def _named(credit: BankCredit) -> dict[Tenant, tuple[str, ...]]:
    """Return the customers whom the transfer itself names: by code, else by virtual account, else by the number of a bill."""
    mine = RemittanceCode.objects.filter(seller=credit.seller_id).select_related("tenant").order_by("pk")
    found: dict[Tenant, tuple[str, ...]] = {}
    if codes := set(remitting.codes_in(credit.remark)):
        found = {one.tenant: (REMARK_CODE,) for one in mine.filter(code__in=codes)}
    if not found and credit.virtual_account:
        found = {one.tenant: (VIRTUAL_ACCOUNT,) for one in mine.filter(virtual_account=credit.virtual_account)}
    return found or {bill.tenant: (BILL_NUMBER,) for bill in _bills_named(credit)}


def _bills_named(credit: BankCredit) -> list[Invoice]:
    """Return the open bills whose numbers stand in the remark, with or without their hyphens."""
    text = re.sub(r"[^0-9A-Z]", " ", unicodedata.normalize("NFKC", credit.remark).upper().replace("-", "")).split()
    open_bills = Invoice.objects.open().filter(seller=credit.seller_id, currency=credit.currency)
    year = re.compile(r"[A-Z]+[0-9]{8,}")
    words = {word for word in text if year.fullmatch(word)}
    if not words:
        return []
    tails = Q()
    for word in words:
        tails |= Q(number__endswith=word[-6:])
    found = open_bills.filter(tails).select_related("tenant").order_by("pk")
    return [bill for bill in found if (bill.number or "").replace("-", "").upper() in words]


def _by_payer(credit: BankCredit) -> dict[Tenant, tuple[str, ...]]:
    """Return the customers who pay under this name: those to whom the amount is due, or else all of them in doubt."""
    payers = _payers(credit)
    owing = [tenant for tenant in payers if bills_meant(credit, tenant) is not None]
    if owing:
        return dict.fromkeys(owing, (PAYER, DUE))
    claimed = _by_claim(credit)
    return claimed or dict.fromkeys(payers, (PAYER, NOT_DUE))


def _payers(credit: BankCredit) -> list[Tenant]:
    plain = remitting.plain_name(credit.payer_name)
    if not plain:
        return []
    written = unicodedata.normalize("NFKC", credit.payer_name).strip()
    spelt = {credit.payer_name, written, written.replace("(", "（").replace(")", "）"), written.replace(" ", "")}
    known = KnownPayer.objects.filter(removed_at=None, name__in=spelt).values("tenant")
    found = Tenant.objects.filter(Q(name__in=spelt) | Q(name_en__iexact=written) | Q(pk__in=known)).order_by("pk")
    return [tenant for tenant in found if plain in remitting.allowed_names(tenant)]


def _by_claim(credit: BankCredit) -> dict[Tenant, tuple[str, ...]]:
    """Return the customers who told us of such a transfer; one that two claims or two credits fit is in doubt."""
    fitting = list(claims_of(credit))
    mine = [claim for claim in fitting if same_payer(credit, claim)]
    if not mine:
        return {claim.tenant: (CLAIM, OTHER_PAYER) for claim in fitting}
    doubt = (SEVERAL,) if len(mine) > 1 or _rivals(credit) else ()
    return {claim.tenant: (CLAIM, *doubt) for claim in mine}


def claims_of(credit: BankCredit) -> Iterable[TransferClaim]:
    """Return the open claims with this amount, within three days."""
    day = local_day(credit.received_at, credit.seller.timezone)
    return TransferClaim.objects.filter(
        seller=credit.seller_id,
        currency=credit.currency,
        amount_minor=credit.amount_minor,
        paid_on__range=(day - DAYS_APART, day + DAYS_APART),
        state=TransferClaim.State.OPEN,
    ).select_related("tenant")


def same_payer(credit: BankCredit, claim: TransferClaim) -> bool:
    """Whether claim and bank name the same payer, and the same end of an account where both say one."""
    ends = {credit.payer_account.lstrip("*"), claim.last_digits} - {""}
    return remitting.plain_name(credit.payer_name) == remitting.plain_name(claim.payer_name) and len(ends) <= 1


def _rivals(credit: BankCredit) -> bool:
    """Whether another credit that waits would fit the same claim."""
    day = credit.received_at
    others = BankCredit.objects.filter(
        seller=credit.seller_id,
        currency=credit.currency,
        amount_minor=credit.amount_minor,
        payer_name=credit.payer_name,
        state__in=WAITING,
        received_at__range=(day - 2 * DAYS_APART, day + 2 * DAYS_APART),
    )
    return others.exclude(pk=credit.pk).exists()


def _by_account(credit: BankCredit) -> list[Tenant]:
    if not credit.payer_account_hash:
        return []
    before = BankCredit.objects.filter(
        seller=credit.seller_id, payer_account_hash=credit.payer_account_hash, state=BankCredit.State.MATCHED
    )
    return list(Tenant.objects.filter(pk__in=before.values("tenant")).order_by("pk")[:MOST_PROPOSALS])


def bills_meant(credit: BankCredit, tenant: Tenant) -> dict[int, int] | None:
    """Return which bills the amount pays exactly, with how much of each: one alone, or all that are open; else None.

    A bill for which a payment at a provider is under way is not meant.
    """
    live = PaymentPart.objects.filter(invoice=OuterRef("pk"), live=True)
    bills = list(
        Invoice.objects.open()
        .filter(~Exists(live), tenant=tenant, seller=credit.seller_id, currency=credit.currency)
        .order_by("due_on", "pk")
    )
    named = {bill.pk for bill in _bills_named(credit)}
    for bill in sorted(bills, key=lambda one: one.pk not in named):
        if bill.due_minor == credit.amount_minor:
            return {bill.pk: bill.due_minor}
    if bills and sum(bill.due_minor for bill in bills) == credit.amount_minor:
        return {bill.pk: bill.due_minor for bill in bills}
    return None
