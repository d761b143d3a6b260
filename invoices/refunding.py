"""Give money back: of a bill, with a credit note, or of the balance. What is asked for here is sent by `returning`.

A bill that is refunded is settled; what is still due of one is credited. What was paid from the balance or with gifts goes
back there in the ratio in which the bill was paid (`splitting`); what came from outside goes the way it came, spread over the
payments, newest first. Above the seller's limit somebody else than who asked approves it (`refund_second_person`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Sum
from django.utils import translation
from django.utils.translation import gettext as _

from billing import wallets
from billing.formatting import money
from billing.models import Account, Wallet
from billing.money import allocate
from invoices import crediting, giving_back, refund_books, returnable, returning, splitting
from invoices.issuing import series_of
from invoices.models import CreditNote, Dispute, Invoice, NumberSeries, Payment, Refund
from invoices.payments import lock_overdue
from invoices.refund_plans import Plan, above_limit, plan
from invoices.returnable import Way
from tenants.bulk import among
from tenants.errors import Conflict, Invalid, NotAllowed, WrongState
from tenants.models import Seller, Tenant, User
from usage.periods import local_day

# Withdrawals of so long count together towards the limit of one person.
TOGETHER = timedelta(days=30)
Kind = Account.Kind
Status, To = Refund.Status, Refund.To


class Changed(Conflict):
    """The bill is no longer as it was when the refund was asked for."""

    code = "refund_outdated"


@transaction.atomic
def request(
    invoice: Invoice,
    *,
    amount_minor: int | None = None,
    lines: Mapping[int, int] | None = None,
    to: str = To.ORIGIN,
    reason: str,
    at: datetime,
    by: User | None,
    waits: bool = False,
) -> list[Refund]:
    """Ask for a refund of a settled bill: all that is left, `amount_minor` of it over its lines, or `lines` (minor units
    with tax by line id). Return one row for each way that it goes.

    Up to the seller's limit it is approved with it; above, or where it `waits`, it waits for a second person. Raises
    WrongState for a bill that is not settled, Invalid for more than is left, AlreadyWaiting for a second one meanwhile.
    """
    _say_why(reason)
    locked = _lock_bill(invoice, at)
    planned = plan(locked.invoice, amount_minor=amount_minor, lines=lines, to=to)
    return _ask(planned, locked, planned.needs_second or waits, reason=reason, at=at, by=by)


@transaction.atomic
def withdraw(
    wallet: Wallet,
    *,
    amount_minor: int | None = None,
    reason: str = "",
    at: datetime,
    by: User | None,
    waits: bool = False,
) -> list[Refund]:
    """Return balance that was paid in, all of it or `amount_minor`, to whoever paid it in; gifts stay.

    It leaves the balance at once, so that it cannot be spent meanwhile, and comes back when it is declined or cannot be sent.
    It goes back as parts of the payments that brought it, newest first; where none can take it, by bank. Raises Invalid for
    nothing and NotEnough for more than was paid in.
    """
    held = wallets.lock(wallet.tenant_id, wallet.seller_id, wallet.currency)
    amount = held.paid_minor if amount_minor is None else amount_minor
    if amount <= 0:
        raise Invalid(_("There is no balance that was paid in; gifts are not paid out."), field="amount")
    if amount > held.paid_minor:
        paid = money(held.paid_minor, held.currency)
        raise wallets.NotEnough(_("Of the balance %(paid)s was paid in and can be returned.") % {"paid": paid})
    mine = Payment.objects.filter(
        tenant=held.tenant_id, seller=held.seller_id, currency=held.currency, status=Payment.Status.SUCCEEDED
    )
    payments = list(mine.select_for_update(no_key=True).order_by("pk"))
    ways = returnable.ways_of_balance(payments, amount, at)
    waits = waits or above_limit(held.seller, held.currency, amount + _withdrawn(held, at))
    return _take_out(held, ways, waits, reason=reason.strip() or _of_balance(held.tenant), at=at, by=by)


def _withdrawn(wallet: Wallet, at: datetime) -> int:
    """Return what left a balance lately without a second person: the limit is not passed in small parts."""
    mine = Refund.objects.filter(tenant=wallet.tenant_id, seller=wallet.seller_id, currency=wallet.currency)
    alone = mine.filter(invoice=None, needs_second=False, requested_at__gt=at - TOGETHER)
    kept = alone.exclude(status__in=(Status.DECLINED, Status.FAILED))
    return kept.aggregate(sum=Sum("amount_minor", default=0))["sum"]


@transaction.atomic
def return_payment(payment: Payment, *, reason: str, at: datetime) -> list[Refund]:
    """Return all of a payment by itself, without approval: what it settled, with credit notes, and what it left in the balance.

    A bill that it paid alone is returned whole; of one with other payments the amount of this one, in the ratio in which the
    bill was paid. Bills that are not settled (any more) are left alone, and so is a payment of which something went back.
    """
    lock_overdue([payment.tenant_id])
    wallet = wallets.lock(payment.tenant_id, payment.seller_id, payment.currency)
    rows: list[Refund] = []
    if payment.refunds.exclude(status=Status.DECLINED).exists():
        return rows
    settled = payment.allocations.select_related("invoice__seller", "invoice__tenant").order_by("invoice")
    for part in settled:
        locked = _lock_bill(part.invoice, at)
        if locked.invoice.status != Invoice.Status.PAID:
            continue
        most = locked.invoice.total_minor - locked.invoice.credited_minor
        planned = plan(locked.invoice, amount_minor=min(part.amount_minor, most))
        rows += _ask(planned, locked, False, reason=reason, at=at, by=None)
    over = min(payment.amount_minor - sum(part.amount_minor for part in settled), wallet.paid_minor)
    if over > 0:
        _lock_payments([payment.pk])
        rows += _take_out(wallet, [Way(payment, over, To.ORIGIN)], False, reason=reason, at=at, by=None)
    return rows


def take_back(
    invoice: Invoice, line_ids: Iterable[int], *, reason: str, at: datetime, by: User | None
) -> tuple[CreditNote, list[Refund]]:
    """Credit all that these lines of a bill, nothing of which was given back, come to together; what was paid of it goes
    the way it came. A purchase is taken back by right, so no second person is asked, whatever it comes to.

    Raises WrongState for a bill of which part was credited, refunded or written off, or is in dispute.
    """
    locked = _lock_bill(invoice, at)
    bill = locked.invoice
    _refuse_touched(bill)
    mine = [line for line in locked.bill.lines if line.pk in set(line_ids)]
    total = sum(line.gross_minor for line in mine)
    above = {line.pk: line.gross_minor for line in mine if line.gross_minor > 0}
    locked.bill.takes.update(zip(above, allocate(total, list(above.values())), strict=True))
    returned = max(0, total - bill.due_minor)
    back = splitting.split(returned, splitting.in_bill(bill)) if returned else splitting.Funds()
    ways = returnable.ways_of_bill(bill, back.outside, back.balance + back.gift) if returned else []
    _lock_payments(way.payment.pk for way in ways if way.payment)
    asked = _Asked(bill.tenant, bill.seller, bill.currency, reason, at, by)
    rows = _write(asked, ways, False, invoice=bill, takes=dict(locked.bill.takes)) if ways else []
    note = crediting.write(
        locked.series, bill, locked.bill.parts(), reason=reason, at=at, by=by, returns=crediting.TO_ORIGIN
    )
    if rows:
        _settle(rows, note, at, by)
    return note, rows


def _refuse_touched(bill: Invoice) -> None:
    """Raise WrongState for a bill that somebody has touched: it is settled by whoever did."""
    waits = Refund.objects.filter(invoice=bill, status=Status.REQUESTED).exists()
    disputed = Dispute.objects.filter(invoice=bill).live().exists()
    if bill.credited_minor or disputed or waits or bill.status == Invoice.Status.UNCOLLECTIBLE:
        raise WrongState(
            _(
                "Part of bill %(number)s was credited, refunded or disputed already. You can ask for a refund of the rest."
            )
            % {"number": bill.number}
        )


@transaction.atomic
def approve(refund: Refund, *, at: datetime, by: User | None) -> list[Refund]:
    """Let a refund that waits be sent, with all that was asked for with it; write the credit note of a bill's.

    Raises NotAllowed for who asked for it, WrongState when it waits no more, and Changed when less is left of the bill.
    """
    locked = _lock_bill(refund.invoice, at) if refund.invoice else None
    rows = _lock_waiting(refund)
    if rows[0].needs_second and (by is None or by.pk == rows[0].requested_by_id):
        raise NotAllowed(_("Somebody else than who asked for it approves a refund of this size."))
    if locked is None:
        _release(rows, None, at, by)
    else:
        _approve(rows, locked, at, by)
    return rows


@transaction.atomic
def decline(refund: Refund, *, reason: str, at: datetime, by: User | None) -> list[Refund]:
    """Refuse a refund that waits, with all that was asked for with it; a withdrawal goes back into the balance."""
    _say_why(reason)
    wallets.lock(refund.tenant_id, refund.seller_id, refund.currency)
    rows = _lock_waiting(refund)
    for row in rows:
        row.status = Status.DECLINED
        row.save(update_fields=["status"])
    if rows[0].invoice_id is None:
        total = sum(row.amount_minor for row in rows)
        refund_books.post(rows[0], "declined", total, out_of=Kind.REFUND_PAYABLE, into=Kind.WALLET, at=at)
    refund_books.record("refund.declined", rows, at=at, by=by, reason=reason)
    return rows


def parts(refund: Refund) -> list[Refund]:
    """Return all that was asked for at once with a refund, itself included, in the order of their numbers."""
    first = refund.first_id or refund.pk
    return list(Refund.objects.filter(pk=first)) + list(Refund.objects.filter(first=first).order_by("pk"))


@dataclass(frozen=True, slots=True)
class _Asked:
    tenant: Tenant
    seller: Seller
    currency: str
    reason: str
    at: datetime
    by: User | None


@dataclass(frozen=True, slots=True)
class _Locked:
    """A bill that is locked with its series, and what may still be taken of its lines."""

    series: NumberSeries
    bill: giving_back.Bill

    @property
    def invoice(self) -> Invoice:
        return self.bill.invoice


def _ask(planned: Plan, locked: _Locked, waits: bool, *, reason: str, at: datetime, by: User | None) -> list[Refund]:
    _lock_payments(way.payment.pk for way in planned.ways if way.payment)
    bill = locked.invoice
    asked = _Asked(bill.tenant, bill.seller, bill.currency, reason, at, by)
    rows = _write(asked, planned.ways, waits, invoice=bill, takes=planned.takes)
    if not waits:
        _approve(rows, locked, at, by)
    return rows


def _take_out(
    wallet: Wallet, ways: Sequence[Way], waits: bool, *, reason: str, at: datetime, by: User | None
) -> list[Refund]:
    """Take what is withdrawn out of a locked wallet, and let it go its ways unless it waits."""
    rows = _write(_Asked(wallet.tenant, wallet.seller, wallet.currency, reason, at, by), ways, waits)
    total = sum(way.amount_minor for way in ways)
    refund_books.post(rows[0], "withdrawn", total, out_of=Kind.WALLET, into=Kind.REFUND_PAYABLE, at=at)
    if not waits:
        _release(rows, None, at, by)
    return rows


def _lock_bill(invoice: Invoice, at: datetime) -> _Locked:
    """Lock payer's subscriptions, wallet, series and bill, in the one order of locks."""
    lock_overdue([invoice.tenant_id])
    wallets.lock(invoice.tenant_id, invoice.seller_id, invoice.currency)
    series = series_of(invoice.seller, NumberSeries.Kind.CREDIT_NOTE, local_day(at, invoice.seller.timezone).year)
    if (bill := giving_back.places([invoice.pk]).bills.get(invoice.pk)) is None:
        raise WrongState(_("Only a settled bill can be refunded; what is still due of a bill is credited."))
    return _Locked(series, bill)


def _lock_payments(payment_ids: Iterable[int | None]) -> None:
    ids = [pk for pk in payment_ids if pk is not None]
    list(Payment.objects.select_for_update(no_key=True).filter(among("pk", ids)).order_by("pk"))


def _lock_waiting(refund: Refund) -> list[Refund]:
    """Lock a refund with its parts and the payments that they go back on; raise WrongState unless they wait."""
    rows = parts(refund)
    _lock_payments(row.payment_id for row in rows)
    named = Refund.objects.filter(among("pk", [row.pk for row in rows])).select_related("payment", "tenant", "seller")
    locked = list(named.select_for_update(of=("self",), no_key=True).order_by("pk"))
    if any(row.status != Status.REQUESTED for row in locked):
        raise WrongState(_("This refund waits for approval no more."))
    return locked


def _write(
    asked: _Asked,
    ways: Sequence[Way],
    needs_second: bool,
    *,
    invoice: Invoice | None = None,
    takes: Mapping[int, int] | None = None,
) -> list[Refund]:
    rows: list[Refund] = []
    for way in ways:
        row = Refund.objects.create(
            tenant=asked.tenant,
            seller=asked.seller,
            currency=asked.currency,
            first=rows[0] if rows else None,
            amount_minor=way.amount_minor,
            payment=way.payment,
            invoice=invoice,
            to=way.to,
            lines={str(pk): amount for pk, amount in takes.items()} if takes and not rows else None,
            reason=asked.reason.strip(),
            reference=new_reference(asked.at),
            status=Status.REQUESTED,
            requested_at=asked.at,
            requested_by=asked.by,
            needs_second=needs_second,
        )
        rows.append(row)
    refund_books.record("refund.requested", rows, at=asked.at, by=asked.by, reason=asked.reason.strip())
    return rows


def _approve(rows: Sequence[Refund], locked: _Locked, at: datetime, by: User | None) -> None:
    """Write the credit note and let each row go its way."""
    bill, total = locked.bill, sum(row.amount_minor for row in rows)
    for pk, amount in (rows[0].lines or {}).items():
        bill.takes[int(pk)] = amount
    left = returnable.left_by_line(bill.invoice)
    if any(amount > left.get(pk, 0) for pk, amount in bill.takes.items()) or bill.left < 0 or bill.invoice.due_minor:
        raise Changed(_("The bill has changed since this was asked for. Decline it, and ask again."))
    returns = crediting.TO_ORIGIN if any(row.to == To.ORIGIN for row in rows) else crediting.TO_WALLET
    note = crediting.write(
        locked.series, bill.invoice, bill.parts(), reason=rows[0].reason, at=at, by=by, returns=returns
    )
    if note.returned_minor != total:
        raise Changed(_("The bill has changed since this was asked for. Decline it, and ask again."))
    _settle(rows, note, at, by)


def _settle(rows: Sequence[Refund], note: CreditNote, at: datetime, by: User | None) -> None:
    """Approve refunds under their credit note."""
    stranded = crediting.owed_back(note) - sum(row.amount_minor for row in rows if row.to == To.ORIGIN)
    if stranded < 0:
        raise Changed(_("The bill has changed since this was asked for. Decline it, and ask again."))
    # What came from outside and no payment can take back any more goes into the balance.
    refund_books.post(rows[-1], "to_wallet", stranded, out_of=Kind.REFUND_PAYABLE, into=Kind.WALLET, at=at)
    _release(rows, note, at, by)


def _release(rows: Sequence[Refund], note: CreditNote | None, at: datetime, by: User | None) -> None:
    """Approve rows: what goes into the balance is there, the rest waits for `returning` or for an operator's transfer."""
    for row in rows:
        row.status, row.credit_note, row.approved_at, row.approved_by = Status.APPROVED, note, at, by
        if row.to == To.WALLET:
            row.status, row.arrived_at = Status.SUCCEEDED, at
        elif row.payment and row.payment.method in returnable.AT_PROVIDER:
            row.ask_at = at
        row.save(update_fields=["status", "credit_note", "approved_at", "approved_by", "arrived_at", "ask_at"])
    returning.count_returned([row for row in rows if row.to == To.WALLET])
    refund_books.record("refund.approved", rows, at=at, by=by, note=note.number if note else "")


def new_reference(at: datetime) -> str:
    """Return a number of ours for a refund, which it keeps on every retry (letters and digits: both providers take it)."""
    return f"R{at:%Y%m%d}{secrets.token_hex(10)}"


def _of_balance(tenant: Tenant) -> str:
    with translation.override(tenant.language):
        return _("Balance paid back")


def _say_why(reason: str) -> None:
    if not reason.strip():
        raise Invalid(_("Say why; it stands on the credit note and in the list of refunds."), field="reason")
