"""Match what came in at the bank with customers: what is sure is booked at once, the rest is proposed to an operator.

Locks begin with the credit, then follow the order of the house.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import ledger
from billing.models import Account
from billing.money import Money
from invoices import payments, recognising, remitting, taking_in
from invoices.models import BankCredit, Payment, TransferClaim
from invoices.recognising import WAITING
from tenants import audit
from tenants.errors import Invalid, WrongState
from tenants.models import Tenant, User

Kind = Account.Kind
State = BankCredit.State
WHY = {
    recognising.REMARK_CODE: gettext_lazy("his code stands in the remark"),
    recognising.VIRTUAL_ACCOUNT: gettext_lazy("came to his virtual account"),
    recognising.BILL_NUMBER: gettext_lazy("the number of his bill stands in the remark"),
    recognising.PAYER: gettext_lazy("the payer is his own or known"),
    recognising.DUE: gettext_lazy("exactly this amount is due"),
    recognising.CLAIM: gettext_lazy("he told us of such a transfer"),
    recognising.SAME_ACCOUNT: gettext_lazy("he has paid from this account before"),
    recognising.THIRD_PARTY: gettext_lazy("paid by somebody else: a declaration is needed"),
    recognising.SEVERAL: gettext_lazy("others fit as well"),
    recognising.NOT_DUE: gettext_lazy("no such amount is due"),
    recognising.OTHER_PAYER: gettext_lazy("his claim names another payer"),
}


class AlreadySettled(WrongState):
    """The credit was matched or returned before; nothing was booked again."""

    code = "bank_credit_settled"


def match_waiting(*, at: datetime, credits: Iterable[int] | None = None) -> int:
    """Look at the credits that wait (or at those named), book what is sure, propose the rest; return how many were booked.

    Each is a transaction of its own, and one that another worker holds is left to him; run again it changes nothing.
    """
    waiting = BankCredit.objects.filter(state__in=WAITING)
    if credits is not None:
        waiting = waiting.filter(pk__in=list(credits))
    return sum(consider(pk, at=at) for pk in waiting.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def consider(pk: int, *, at: datetime) -> bool:
    """Book one waiting credit when it is sure whose it is, else keep the proposals; return whether it was booked."""
    held = BankCredit.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
    credit = held.select_related("seller").filter(pk=pk, state__in=WAITING).first()
    if credit is None:
        return False
    found = recognising.propose(credit)
    if len(found) == 1 and found[0].sure:
        _book(credit, found[0].tenant, at=at, by=None, why=found[0].why)
        return True
    credit.state = State.PROPOSED if found else State.UNMATCHED
    credit.proposals = [one.as_dict() for one in found]
    credit.save(update_fields=["state", "proposals"])
    return False


@transaction.atomic
def match(
    credit: BankCredit,
    tenant: Tenant,
    *,
    at: datetime,
    by: User | None,
    declaration: str = "",
    remember: bool = False,
    claim: TransferClaim | None = None,
) -> Payment:
    """Book a waiting credit as this customer's, by an operator's word.

    Money of a third party needs the declaration that it is paid for this customer; `remember` puts the payer onto the list
    of known ones. Raises AlreadySettled, Invalid (`declaration`), and what the list refuses.
    """
    credit = _locked(credit)
    declaration = declaration.strip()
    if not recognising.may_pay(credit, tenant):
        if not declaration:
            raise Invalid(
                _("“%(payer)s” is not this customer. Note the declaration of payment for another, or return the money.")
                % {"payer": credit.payer_name or _("unknown payer")},
                field="declaration",
            )
        if remember and credit.payer_name:
            remitting.know(tenant, credit.payer_name, declaration=declaration, at=at, by=by)
    credit.declaration = declaration[:300]
    return _book(credit, tenant, at=at, by=by, claim=claim)


@transaction.atomic
def give_back(credit: BankCredit, *, reason: str, at: datetime, by: User | None) -> BankCredit:
    """Note that a waiting credit was sent back to the payer by the bank; raises Invalid without a reason."""
    if not reason.strip():
        raise Invalid(_("Say why the money goes back."), field="reason")
    credit = _locked(credit)
    credit.state, credit.reason = State.RETURNED, reason.strip()[:300]
    credit.settled_at, credit.settled_by = at, by
    credit.save(update_fields=["state", "reason", "settled_at", "settled_by"])
    ledger.post([taking_in.entry(credit, "returned", ((Kind.SUSPENSE, 1), (Kind.CASH, -1)), at)])
    audit.record(
        "bank_credit.returned", tenant=None, target=f"bank_credit:{credit.pk}", at=at, by=by, reason=credit.reason
    )
    return credit


def _locked(credit: BankCredit) -> BankCredit:
    """Return the credit as it is now, locked; raise AlreadySettled when it waits no more."""
    fresh = BankCredit.objects.select_for_update(no_key=True, of=("self",)).select_related("seller").get(pk=credit.pk)
    if fresh.state not in WAITING:
        raise AlreadySettled(_("This credit was settled before; nothing was booked again."))
    return fresh


def _book(
    credit: BankCredit,
    tenant: Tenant,
    *,
    at: datetime,
    by: User | None,
    why: Iterable[str] = (),
    claim: TransferClaim | None = None,
) -> Payment:
    payment = payments.receive_transfer(
        tenant,
        seller=credit.seller,
        amount=Money(credit.amount_minor, credit.currency),
        reference=_reference(credit),
        received_at=credit.received_at,
        at=at,
        by=by,
        payer_name=credit.payer_name,
        allocate=recognising.bills_meant(credit, tenant),
        out_of=Kind.SUSPENSE,
    )
    claim = claim or _claim_of(credit, tenant)
    credit.state, credit.tenant, credit.payment = State.MATCHED, tenant, payment
    credit.settled_at, credit.settled_by = at, by
    credit.save(update_fields=["state", "tenant", "payment", "declaration", "settled_at", "settled_by"])
    if claim is not None:
        TransferClaim.objects.filter(pk=claim.pk, state=TransferClaim.State.OPEN).update(
            state=TransferClaim.State.MATCHED, credit=credit, settled_at=at, settled_by=by
        )
    told = {"why": list(why), "declaration": credit.declaration, "claim": claim.pk if claim else None}
    audit.record("bank_credit.matched", tenant=tenant, target=f"bank_credit:{credit.pk}", at=at, by=by, **told)
    return payment


def _claim_of(credit: BankCredit, tenant: Tenant) -> TransferClaim | None:
    """Return the customer's open claim that this credit answers."""
    mine = [claim for claim in recognising.claims_of(credit) if claim.tenant_id == tenant.pk]
    return min(mine, key=lambda claim: (not recognising.same_payer(credit, claim), claim.pk), default=None)


def _reference(credit: BankCredit) -> str:
    """Return the bank's reference; two banks may give the same, then the credit's number tells them apart."""
    taken = Payment.objects.filter(provider="bank", reference=credit.reference).exists()
    return f"{credit.reference}/{credit.pk}" if taken else credit.reference
