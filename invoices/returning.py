"""Send refunds, exactly once: write the intent, commit, call with the number that a refund keeps, write the result.

What a provider says arrives by answer, by callback and by asking, in any order and any number of times; all of it ends in
`settle`, which has one effect. An unknown outcome is asked for on the schedule of payments (`pauses`); the same
number is never paid out twice. Where a way is gone for good the money goes into the balance by itself, and the customer is
told. A bank transfer is sent by an operator, who confirms it with the bank's reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from billing import ledger, wallets
from billing.models import Account
from invoices import paying, refund_books, returnable, telling_refunds
from invoices.models import Payment, ProviderAccount, Refund
from invoices.pauses import pause
from invoices.providers import gateways
from invoices.providers.port import Failure, Gateway, NoAnswer, Refused, Return, Returned, State
from tenants.bulk import among
from tenants.errors import Conflict, Invalid, NotFound, WrongState
from tenants.models import User

log = structlog.get_logger(__name__)
Kind = Account.Kind
Status, To = Refund.Status, Refund.To

# With a provider, or about to be: what the tick looks at.
TO_SEND = (Status.APPROVED, Status.INTENDED, Status.UNKNOWN)
UNDER_WAY = (Status.INTENDED, Status.UNKNOWN)
# A provider that refuses for so long, for whatever reason, refuses for good.
PATIENCE = timedelta(days=7)
OLD = timedelta(hours=24)


class OtherAmount(Conflict):
    """A provider reports another amount than was asked of it: not believed."""

    code = "refund_other_amount"


def send(*, at: datetime, refunds: Iterable[int] | None = None) -> int:
    """Send and ask for what is due at `at` (of these refunds only, if named); return for how many a provider was called.

    Calls the network, so it runs outside of any transaction, unless the gateways are simulated (a rehearsal). Any number of
    workers may run it at once: each refund is claimed by its intent.
    """
    paying.outside_of_transactions()
    due = to_send(at)
    if refunds is not None:
        due = due.filter(among("pk", list(refunds)))
    return sum(_send_one(pk, at) for pk in list(due.order_by("ask_at", "pk").values_list("pk", flat=True)))


def to_send(at: datetime) -> QuerySet[Refund]:
    """Return the refunds for which a provider is called at `at`."""
    return Refund.objects.filter(status__in=TO_SEND, ask_at__lte=at, to=To.ORIGIN)


def to_transfer() -> QuerySet[Refund]:
    """Return the refunds that an operator sends by bank: approved, and of no payment at a provider."""
    by_bank = Q(payment=None) | Q(payment__method=Payment.Method.TRANSFER)
    return Refund.objects.filter(by_bank, status=Status.APPROVED, to=To.ORIGIN)


@transaction.atomic
def settle(reference: str, provider: str, report: Returned, *, at: datetime) -> Refund:
    """Let a refund be what its provider reports; return it as it is then. A second report of the same changes nothing.

    Raises NotFound for a number that is not this provider's, and OtherAmount, having changed nothing, for another amount.
    """
    known = Refund.objects.filter(reference=reference, payment__provider=provider).first()
    if known is None:
        raise NotFound(_("There is no such refund."), field="reference")
    row = _locked(known)
    if report.state is State.SUCCEEDED and report.amount_minor not in (None, row.amount_minor):
        raise OtherAmount(_("The provider reports another amount than was returned."), field="amount")
    if row.status not in UNDER_WAY:
        _doubt(row, report)
        return row
    row.provider_number = report.provider_number or row.provider_number
    if report.state is State.SUCCEEDED:
        _arrive(row, report.at or at, at)
        telling_refunds.arrived(row, at=at)
    elif report.state in (State.FAILED, State.CLOSED):
        _turn(row, report.failure or Failure.WAY_GONE, at=at, by=None)
    elif report.state is State.WAITING:
        row.status, row.failure = Status.INTENDED, ""
        row.save(update_fields=["status", "failure", "provider_number"])
        telling_refunds.sent(row, at=at)
    return row


@transaction.atomic
def confirm_sent(refund: Refund, *, bank_reference: str, at: datetime, by: User | None) -> Refund:
    """Write down that a refund was transferred by bank, under the bank's own reference; it is told to the customer.

    Raises WrongState for one that is not to be transferred (any more), Conflict for a reference that was used before.
    """
    number = bank_reference.strip()
    if not number:
        raise Invalid(_("Enter the bank's reference of the transfer."), field="bank_reference")
    row = _locked(refund)
    if not to_transfer().filter(pk=row.pk).exists():
        raise WrongState(_("This refund is not to be transferred, or was sent already."))
    sent_before = Refund.objects.filter(seller=row.seller_id, status=Status.SUCCEEDED, provider_number=number)
    if any(
        other.payment is None or other.payment.provider == "bank" for other in sent_before.select_related("payment")
    ):
        raise Conflict(_("Another refund was sent under this reference."), field="bank_reference")
    row.provider_number, row.sent_at = number, at
    _arrive(row, at, at)
    telling_refunds.sent(row, at=at)
    refund_books.record("refund.transferred", [row], at=at, by=by, reference=number)
    return row


@transaction.atomic
def give_up(refund: Refund, *, reason: str, at: datetime, by: User | None) -> Refund:
    """Put a transfer that the bank does not take (the account is closed, say) into the balance instead."""
    if not reason.strip():
        raise Invalid(_("Say why it cannot be transferred."), field="reason")
    row = _locked(refund)
    if not to_transfer().filter(pk=row.pk).exists():
        raise WrongState(_("This refund is not to be transferred, or was sent already."))
    _turn(row, Failure.WAY_GONE, at=at, by=by, reason=reason.strip())
    return row


def _send_one(pk: int, at: datetime) -> bool:
    """Call the provider of one refund; a crash anywhere leaves it to be asked for."""
    intended = _intend(pk, at)
    if intended is None:
        return False
    row, first = intended
    try:
        settle(row.reference, row.payment.provider, _call(row, first), at=at)  # type: ignore[union-attr]
    except NoAnswer:
        _unanswered(pk, at)
    except Refused as refusal:
        _refused(pk, refusal.code, refusal.detail, at)
    except gateways.NoProvider:
        _refused(pk, Failure.MISCONFIGURED, "no account", at)
    except OtherAmount:
        log.error("a refund came to another amount", refund=row.reference)
        _unanswered(pk, at)
    return True


def _call(row: Refund, first: bool) -> Returned:
    """Ask for it the first time; afterwards ask where it is, and for it again, under the same number, only if it is not known."""
    gateway, asked = _gateway(row), _asked(row)
    if first:
        return gateway.give_back(asked)
    report = gateway.ask_refund(asked)
    return gateway.give_back(asked) if report.state is State.MISSING else report


def _gateway(row: Refund) -> Gateway:
    assert row.payment
    provider = row.payment.provider
    account = ProviderAccount.objects.filter(seller=row.seller_id, provider=provider).first()
    return gateways.of_account(account) if account else gateways.gateway_for(row.seller, provider)


def _asked(row: Refund) -> Return:
    assert row.payment
    return Return(
        reference=row.reference,
        payment_reference=row.payment.reference,
        payment_provider_number=row.payment.provider_number,
        amount_minor=row.amount_minor,
        payment_minor=row.payment.amount_minor,
        reason=row.reason,
    )


@transaction.atomic
def _intend(pk: int, at: datetime) -> tuple[Refund, bool] | None:
    """Claim a refund for one call: write when it is asked for next, so that no crash forgets it. None: nothing to call for.

    What a provider takes no more goes into the balance here, without a call.
    """
    row = _locked(Refund.objects.get(pk=pk))
    if row.status not in TO_SEND or row.ask_at is None or row.ask_at > at or row.payment is None:
        return None
    first = row.status == Status.APPROVED
    if first and (why := returnable.refusal(row.payment, at)):
        _turn(row, why, at=at, by=None)
        return None
    if first and (earliest := returnable.not_before(row.payment)) and earliest > at:
        row.ask_at = earliest
        row.save(update_fields=["ask_at"])
        return None
    if first:
        row.status, row.sent_at = Status.INTENDED, at
    row.ask_at = at + pause(row.asks)
    row.asks += 1
    row.save(update_fields=["status", "sent_at", "ask_at", "asks"])
    return row, first


@transaction.atomic
def _unanswered(pk: int, at: datetime) -> None:
    row = _locked(Refund.objects.get(pk=pk))
    if row.status not in UNDER_WAY:
        return
    row.status = Status.UNKNOWN
    row.save(update_fields=["status"])
    if row.sent_at and at - row.sent_at >= OLD:
        log.error("a refund is unknown for a day", refund=row.reference)


@transaction.atomic
def _refused(pk: int, code: str, detail: str, at: datetime) -> None:
    """The provider said no and nothing has happened: gone for good, or tried again later and an operator sees why."""
    row = _locked(Refund.objects.get(pk=pk))
    if row.status not in UNDER_WAY:
        return
    log.warning("a refund was refused", refund=row.reference, code=code, detail=detail)
    if code in returnable.FOR_GOOD or (row.sent_at and at - row.sent_at >= PATIENCE):
        _turn(row, code, at=at, by=None)
        return
    row.status, row.failure = Status.INTENDED, code
    row.save(update_fields=["status", "failure"])


def _locked(refund: Refund) -> Refund:
    """Lock a refund with its wallet and its payment, in the one order, and return it as it is now."""
    wallets.lock(refund.tenant_id, refund.seller_id, refund.currency)
    if refund.payment_id is not None:
        list(Payment.objects.select_for_update(no_key=True).filter(pk=refund.payment_id))
    rows = Refund.objects.select_related("payment", "tenant", "seller", "invoice")
    return rows.select_for_update(of=("self",), no_key=True).get(pk=refund.pk)


def _arrive(row: Refund, arrived_at: datetime, at: datetime) -> None:
    """Book that a refund, which is locked, has left us."""
    row.status, row.arrived_at, row.ask_at, row.failure = Status.SUCCEEDED, arrived_at, None, ""
    row.save(
        update_fields=["status", "arrived_at", "ask_at", "failure", "provider_number", "sent_at"],
    )
    count_returned([row])
    cash = ledger.CASH_OF.get(row.payment.provider, Kind.CASH) if row.payment else Kind.CASH
    refund_books.post(row, "sent", row.amount_minor, out_of=Kind.REFUND_PAYABLE, into=cash, at=at)
    refund_books.record("refund.arrived", [row], at=at, by=None)


def _turn(row: Refund, why: str, *, at: datetime, by: User | None, **detail: str) -> None:
    """Put a refund whose way is gone into the balance, and tell the customer."""
    row.status = Status.SUCCEEDED if row.invoice_id else Status.FAILED
    row.arrived_at = at if row.invoice_id else None
    row.to, row.failure, row.ask_at = To.WALLET, why, None
    row.save(update_fields=["status", "to", "failure", "ask_at", "arrived_at", "provider_number"])
    refund_books.post(row, "way_gone", row.amount_minor, out_of=Kind.REFUND_PAYABLE, into=Kind.WALLET, at=at)
    refund_books.record("refund.turned", [row], at=at, by=by, failure=str(why), **detail)
    telling_refunds.failed(row, at=at)


def _doubt(row: Refund, report: Returned) -> None:
    """Shout when a provider says that it paid out what is in the balance, or what nobody sent it."""
    if report.state is State.SUCCEEDED and not (row.status == Status.SUCCEEDED and row.to == To.ORIGIN):
        log.error("a refund was paid out that was not under way", refund=row.reference, status=row.status)


def count_returned(rows: Sequence[Refund]) -> None:
    """Count what went back of payments, which the caller has locked; one of which all is gone is returned."""
    for row in rows:
        if row.payment_id is None:
            continue
        payment = Payment.objects.get(pk=row.payment_id)
        payment.returned_minor += row.amount_minor
        if payment.returned_minor == payment.amount_minor:
            payment.status = Payment.Status.REFUNDED
        payment.save(update_fields=["returned_minor", "status"])
