"""Debit bills under deduction agreements: what has come to be deducted, what a member confirmed, and what is tried again.

CONTRACTS rules 16–20, as for the balance (`collection`), and the provider's rules besides (`debit_rules`). Each debit is
intended in a transaction of its own, called for outside of any, and settled by whatever says first what became of it
(`paying`). A bill that cannot be debited stays open, and its payer is told what to do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import QuerySet

from invoices import allowing, debit_rules, mandates, paying, pretelling, telling_debits
from invoices.allowing import Held
from invoices.models import Invoice, Mandate, Payment
from invoices.providers import gateways
from invoices.providers.port import Failure, Report, State
from invoices.taking import Basis, Right
from tenants.bulk import among
from tenants.models import User

Status, Product, Provider = Payment.Status, Payment.Product, Mandate.Provider
# What the payer has to do something about.
TOLD = ("no_mandate", "above_single_limit", "once_a_period", "outside_window")
# What stands against a confirmed purchase is kept with it, in the provider's words; later it is debited like any other bill.
AS_FAILURE = {
    "above_single_limit": Failure.ABOVE_LIMIT,
    "provider_not_told": Failure.NOT_TOLD,
    "too_soon_for_provider": Failure.NOT_TOLD,
}

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Debited:
    """What came of a pass: bills paid, under way, tried in vain, and held because something is missing."""

    paid: int = 0
    under_way: int = 0
    failed: int = 0
    held: int = 0

    def add(self, payment: Payment) -> None:
        """Count what became of one."""
        if payment.status == Status.SUCCEEDED:
            self.paid += 1
        elif payment.status == Status.FAILED:
            self.failed += 1
        else:
            self.under_way += 1


def debit(*, at: datetime, tenants: Sequence[int] | None = None, any_hour: bool = False) -> Debited:
    """Debit what has come to be debited at `at` (of these payers only, if named), and what was confirmed a moment ago.

    Calls providers, so it runs outside of any transaction. Running it twice, or two at once, changes nothing.
    `any_hour` is for rehearsals, which deduct at the very instant of rule 17.
    """
    done = Debited()
    waiting = _intended()
    due = debit_rules.to_debit(at)
    if tenants is not None:
        waiting, due = waiting.filter(among("tenant", tenants)), due.filter(among("tenant", tenants))
    _finish(waiting.values_list("pk", flat=True), done, at)
    _debit(due.values_list("pk", flat=True), done, at, again=False, any_hour=any_hour)
    return done


def retry(bills: Iterable[int], *, at: datetime, any_hour: bool = False) -> Debited:
    """Try these bills (by id) again, of which nothing was taken before; each by the same rules, none while one is under way.

    Where WeChat has to be told of it first, it is told now, and the bill is debited as soon as it may be.
    """
    paying.outside_of_transactions()
    done = Debited()
    due = debit_rules.to_debit(at).filter(among("pk", list(bills)))
    pretelling.tell_of(due.values_list("pk", flat=True), at=at, again=True)
    _debit(due.values_list("pk", flat=True), done, at, again=True, any_hour=any_hour)
    return done


def finish(bills: Iterable[int], *, at: datetime) -> Debited:
    """Call for the debits of these bills (by id) that were intended and not called for: right after a confirmation."""
    done = Debited()
    _finish(_intended().filter(among("parts__invoice", list(bills))).values_list("pk", flat=True), done, at)
    return done


@transaction.atomic
def confirm(bill: Invoice, *, at: datetime, by: User | None) -> Payment | None:
    """Intend the debit of a bill, locked by the caller, that a member confirmed: no notice is needed (rule 16).

    The call follows after the commit (`finish`, or the next `debit`). Where the provider's rules stand against it now, that
    is kept as a failed payment, the payer is told, and the bill is debited once they let it be. None where there is no
    agreement, or no account of the seller.
    """
    mandate = mandates.in_force(bill.tenant_id, bill.seller_id, bill.currency)
    if mandate is None or mandate.authorisation.withdrawn_at is not None:
        telling_debits.cannot(bill, "no_mandate", mandate=None, at=at)
        return None
    right = Right(basis=Basis.CONFIRMED)
    reason = debit_rules.hindrance(bill, mandate, right, at=at)
    payment = _intended_for(bill, mandate, right, at=at, by=by)
    if payment is None or not reason:
        return payment
    if reason in telling_debits.CANNOT:
        telling_debits.cannot(bill, reason, mandate=mandate, at=at)
    failure = AS_FAILURE.get(reason, Failure.WRONG_DAY)
    return paying.settle(payment.pk, Report(State.FAILED, payment.reference, failure=failure), at=at)


def _intended() -> QuerySet[Payment]:
    """Return the debits that nobody has called for yet."""
    mine = Payment.objects.filter(product=Product.DEBIT, status=Status.INTENDED, called_at=None)
    return mine.order_by("pk")


def _finish(payments: Iterable[int], done: Debited, at: datetime) -> None:
    for pk in list(payments):
        payment = Payment.objects.select_related("mandate__seller", "tenant", "seller").get(pk=pk)
        if payment.mandate is not None and _may_be_called(payment.mandate, at):
            done.add(_called(payment, at))


def _debit(bills: Iterable[int], done: Debited, at: datetime, *, again: bool, any_hour: bool) -> None:
    for side, mine in _by_side(bills).items():
        mandate = mandates.in_force(*side)
        hopeless = allowing.beyond_agreement(mine, mandate, at=at) if mandate else set()
        done.held += len(hopeless)
        for bill in (bill for bill in mine if bill.pk not in hopeless):
            held = _held(bill, mandate, at, again=again, any_hour=any_hour)
            if held is None and mandate is not None and not _may_be_called(mandate, at):
                # It has ended meanwhile, or the provider does not say: the bill waits.
                break
            if held is not None or mandate is None:
                done.held += 1
                continue
            payment = _intend(bill.pk, mandate.pk, at, again=again, any_hour=any_hour)
            if payment is None:
                done.held += 1
            else:
                done.add(_called(payment, at))


def _by_side(bills: Iterable[int]) -> dict[tuple[int, int, str], list[Invoice]]:
    """Return the bills by payer, seller and currency, the earliest due first."""
    found: dict[tuple[int, int, str], list[Invoice]] = defaultdict(list)
    rows = Invoice.objects.filter(among("pk", list(bills))).select_related("tenant", "seller")
    for bill in rows.order_by("due_on", "pk"):
        found[bill.tenant_id, bill.seller_id, bill.currency].append(bill)
    return found


def _held(bill: Invoice, mandate: Mandate | None, at: datetime, *, again: bool, any_hour: bool) -> Held | None:
    """Return why a bill is not debited now, having told its payer where he has to do something."""
    if mandate is None:
        found: Right | Held = Held("no_mandate")
    else:
        found = debit_rules.allowed(bill, mandate, at=at, again=again, any_hour=any_hour)
    if isinstance(found, Right):
        return None
    if found.reason in TOLD:
        with transaction.atomic():
            telling_debits.cannot(bill, found.reason, mandate=mandate, at=at)
    return found


def _may_be_called(mandate: Mandate, at: datetime) -> bool:
    """Return whether an agreement is in force; Alipay tells nobody when one expires, so it is asked before each debit."""
    if mandate.provider == Provider.ALIPAY and mandate.execute_on is not None:
        answered = mandates.ask_one(mandate, at=at)
        return answered is not None and answered.status == Mandate.Status.ACTIVE
    return mandate.status == Mandate.Status.ACTIVE


@transaction.atomic
def _intend(bill_id: int, mandate_id: int, at: datetime, *, again: bool, any_hour: bool) -> Payment | None:
    """Intend the debit of a bill, unless what was found before is so no more: asked again under locks."""
    mandate = (
        Mandate.objects.select_for_update(of=("self",), no_key=True).select_related("authorisation").get(pk=mandate_id)
    )
    open_bills = debit_rules.to_debit(at).filter(pk=bill_id).select_related("tenant", "seller")
    bill = open_bills.select_for_update(of=("self",), no_key=True).first()
    if bill is None or mandate.status != Mandate.Status.ACTIVE:
        return None
    right = debit_rules.allowed(bill, mandate, at=at, again=again, any_hour=any_hour, hold=True)
    return None if isinstance(right, Held) else _intended_for(bill, mandate, right, at=at, by=None)


def _intended_for(bill: Invoice, mandate: Mandate, right: Right, *, at: datetime, by: User | None) -> Payment | None:
    try:
        return paying.intend(
            bill.tenant,
            seller=bill.seller,
            currency=bill.currency,
            method=mandate.provider,
            product=Product.DEBIT,
            at=at,
            by=by,
            bills={bill.pk: bill.claimable_minor},
            basis=right.basis,
            mandate=mandate,
            authorisation=right.authorisation,
            notice=right.notice,
            uses=right.uses,
        )
    except (gateways.NoProvider, paying.UnderWay, paying.Withdrawn) as refusal:
        log.warning("a debit was not intended", bill=bill.pk, why=refusal.code)
        return None


def _called(payment: Payment, at: datetime) -> Payment:
    """Call for a debit; who hears that there is no agreement any more asks for the agreement itself."""
    try:
        done = paying.begin(payment, at=at)
    except gateways.NoProvider as refusal:
        log.error("a debit was not called for", payment=payment.reference, why=refusal.code)
        return payment
    if done.failure == Failure.NO_CONTRACT and payment.mandate is not None:
        mandates.ask_one(payment.mandate, at=at)
    return done
