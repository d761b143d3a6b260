"""What must be true of the money of every story at every instant. Each function says one sentence.

Each yields what breaks it, in words; nothing when it holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from billing.ledger import balance
from billing.models import Account, TopUp
from invoices.models import Payment, Refund
from invoices.providers.port import Report, Returned, State
from invoices.rehearsal.invariants import Invariant
from invoices.rehearsal.seen import Seen
from tenants.bulk import among

Kind, Status, Back = Account.Kind, Payment.Status, Refund.Status
CASH = {"alipay": Kind.CASH_ALIPAY, "wechat": Kind.CASH_WECHAT, "bank": Kind.CASH}
TAKEN = (Status.SUCCEEDED, Status.REFUNDED)
LIVE = (Status.INTENDED, Status.UNKNOWN)
ON_ITS_WAY = (Back.APPROVED, Back.INTENDED, Back.UNKNOWN)


def bills_are_paid_once(seen: Seen) -> Iterator[str]:
    """No bill is settled with more than its total, and no payment settles more than came in."""
    settled, used = _sums(seen)
    for invoice in seen.invoices:
        if settled[invoice.pk] > invoice.total_minor:
            yield f"invoice {invoice.number}: {settled[invoice.pk]} settled of {invoice.total_minor}"
    for payment in seen.payments:
        most = payment.amount_minor if payment.status in TAKEN else 0
        if used[payment.pk] > most:
            yield f"payment {payment.reference} {payment.status} settles {used[payment.pk]} of {most}"


def nothing_is_charged_while_unknown(seen: Seen) -> Iterator[str]:
    """While a payment of a bill is under way nobody takes anything else for it; what comes in by bank is another thing."""
    payments = {payment.pk: payment for payment in seen.payments}
    attempts: dict[int, set[int]] = defaultdict(set)
    for part in seen.parts:
        attempts[part.invoice_id].add(part.payment_id)
    for payment in seen.payments:
        if payment.invoice_id is not None and payment.basis != Payment.Basis.RECEIVED:
            attempts[payment.invoice_id].add(payment.pk)
    for bill, tried in attempts.items():
        live = [pk for pk in tried if payments[pk].status in LIVE]
        if live and max(tried) > min(live):
            yield f"invoice {bill}: payment {max(tried)} was begun while {min(live)} is {payments[min(live)].status}"
    for part in seen.parts:
        if part.live != (payments[part.payment_id].status in LIVE):
            yield f"payment {part.payment_id} is {payments[part.payment_id].status}, its part is live: {part.live}"


def cash_is_what_came_in(seen: Seen) -> Iterator[str]:
    """Each page of cash holds what came in there less what went back, and so says each provider itself."""
    came, went = _came_in(seen), _went_back(seen)
    for place, kind in CASH.items():
        held = balance(seller_id=seen.world.seller.pk, currency=seen.world.story.currency, kind=kind)
        if held != came[place] - went[place]:
            yield f"{kind} holds {held}, {came[place]} came in and {went[place]} went back"
    for (_seller, place), gateway in seen.world.simulation.gateways.items():
        paid, back = _succeeded(gateway.orders), _succeeded(gateway.refunds)
        if (paid, back) != (came[place], went[place]):
            yield f"{place} has taken {paid} and returned {back}; here {came[place]} and {went[place]}"


def refunds_are_of_what_was_paid(seen: Seen) -> Iterator[str]:
    """No more goes back of a payment or a bill than came in, and what is on its way stands in the book."""
    settled, _used = _sums(seen)
    of_payment: dict[int, int] = defaultdict(int)
    of_bill: dict[int, int] = defaultdict(int)
    for refund in seen.refunds:
        if refund.status != Back.DECLINED and refund.payment_id is not None:
            of_payment[refund.payment_id] += refund.amount_minor if refund.status != Back.FAILED else 0
        if refund.status != Back.DECLINED and refund.invoice_id is not None:
            of_bill[refund.invoice_id] += refund.amount_minor
    for payment in seen.payments:
        if of_payment[payment.pk] > payment.amount_minor or payment.returned_minor > of_payment[payment.pk]:
            told = f"{payment.returned_minor} returned, {of_payment[payment.pk]} refunded"
            yield f"payment {payment.reference} of {payment.amount_minor}: {told}"
        if payment.status == Status.REFUNDED and payment.returned_minor != payment.amount_minor:
            yield f"payment {payment.reference} is returned, and {payment.returned_minor} of {payment.amount_minor} was"
    for bill, amount in of_bill.items():
        if amount > settled[bill]:
            yield f"invoice {bill}: {amount} refunded of {settled[bill]} that was paid"
    yield from _owed_back(seen)


def _owed_back(seen: Seen) -> Iterator[str]:
    waits = sum(one.amount_minor for one in seen.refunds if one.status in ON_ITS_WAY and one.to == Refund.To.ORIGIN)
    book = -balance(seller_id=seen.world.seller.pk, currency=seen.world.story.currency, kind=Kind.REFUND_PAYABLE)
    if waits != book:
        yield f"{waits} is on its way back, the book says {book}"


def _sums(seen: Seen) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """Return what settles each bill, and what of each payment does."""
    settled: dict[int, int] = defaultdict(int)
    used: dict[int, int] = defaultdict(int)
    for part in seen.allocations:
        settled[part.invoice_id] += part.amount_minor
        used[part.payment_id] += part.amount_minor
    return settled, used


def _came_in(seen: Seen) -> Mapping[str, int]:
    came: dict[str, int] = defaultdict(int)
    for payment in seen.payments:
        if payment.status in TAKEN:
            came[payment.provider] += payment.amount_minor
    topped_up = TopUp.objects.filter(among("tenant", seen.world.ids), gift=False)
    came["bank"] += sum(topped_up.values_list("amount_minor", flat=True))
    return came


def _went_back(seen: Seen) -> Mapping[str, int]:
    went: dict[str, int] = defaultdict(int)
    providers = {payment.pk: payment.provider for payment in seen.payments}
    for refund in seen.refunds:
        if refund.status == Back.SUCCEEDED and refund.to == Refund.To.ORIGIN:
            went[providers[refund.payment_id] if refund.payment_id else "bank"] += refund.amount_minor
    return went


def _succeeded(known: Mapping[str, Report] | Mapping[str, Returned]) -> int:
    rows: Iterable[Report | Returned] = known.values()
    return sum(one.amount_minor or 0 for one in rows if one.state is State.SUCCEEDED)


ALWAYS: tuple[Invariant, ...] = (
    bills_are_paid_once,
    nothing_is_charged_while_unknown,
    cash_is_what_came_in,
    refunds_are_of_what_was_paid,
)
