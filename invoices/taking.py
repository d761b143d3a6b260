"""Take what a bill owes out of its payer's wallet: whole or not at all, with the payment and the booking, or with the refusal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from billing import wallets
from billing.models import Wallet
from invoices import attributing
from invoices.attributing import Use
from invoices.models import ChargeNotice, Invoice, Payment, PaymentPart
from invoices.payments import settle
from tenants import audit
from tenants.bulk import among
from tenants.models import Authorisation, User

Basis, Status = Payment.Basis, Payment.Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """By what right money is taken: its basis and, for what is deducted by itself, authorisation, notice, and what it takes
    up of that and of others that announced it."""

    basis: str
    authorisation: Authorisation | None = None
    notice: ChargeNotice | None = None
    uses: tuple[Use, ...] = ()


def take(
    invoice: Invoice, wallet: Wallet, amount_minor: int, right: Right, *, at: datetime, by: User | None
) -> Payment:
    """Pay a part of a bill from the wallet; both are locked by the caller, the wallet at `at`.

    When the wallet holds less, nothing is taken, and the attempt is kept as failed, once for each state of the wallet.
    """
    if wallet.total_minor < amount_minor:
        return _refused(invoice, wallet, amount_minor, right, at, by)
    payment = _attempt(invoice, amount_minor, right, at, by, status=Status.SUCCEEDED)
    settle(payment, invoice, amount_minor, at)
    wallets.draw(wallet, amount_minor, source="payment", source_id=payment.pk, at=at)
    audit.record(
        "invoice.paid_from_wallet",
        tenant=invoice.tenant_id,
        target=f"invoice:{invoice.pk}",
        at=at,
        by=by,
        amount_minor=amount_minor,
        basis=right.basis,
        authorisation=right.authorisation.pk if right.authorisation else None,
        notice=right.notice.pk if right.notice else None,
    )
    return payment


def under_way(invoice_ids: Iterable[int]) -> set[int]:
    """Return those of these bills, locked before, for which a payment at a provider is under way: nothing else is taken."""
    live = PaymentPart.objects.filter(among("invoice", list(invoice_ids)), live=True)
    return set(live.values_list("invoice", flat=True))


def was_tried(invoice: Invoice, wallet: Wallet) -> bool:
    """Return whether this bill, or less of it, was tried since money last came in."""
    vain = Payment.objects.filter(invoice=invoice, status=Status.FAILED, wallet_moves=wallet.moves)
    return vain.filter(amount_minor__lte=invoice.claimable_minor).exists()


def _refused(
    invoice: Invoice, wallet: Wallet, amount_minor: int, right: Right, at: datetime, by: User | None
) -> Payment:
    before = Payment.objects.filter(invoice=invoice, status=Status.FAILED, wallet_moves=wallet.moves).first()
    if before is not None:
        return before
    return _attempt(
        invoice,
        amount_minor,
        right,
        at,
        by,
        status=Status.FAILED,
        failure=wallets.NotEnough.code,
        wallet_moves=wallet.moves,
    )


def _attempt(
    invoice: Invoice, amount_minor: int, right: Right, at: datetime, by: User | None, **outcome: object
) -> Payment:
    number = Payment.objects.filter(invoice=invoice).count() + 1
    payment = Payment.objects.create(
        tenant=invoice.tenant,
        seller=invoice.seller,
        currency=invoice.currency,
        amount_minor=amount_minor,
        method=Payment.Method.WALLET,
        provider="wallet",
        reference=f"{invoice.number}/{number}",
        basis=right.basis,
        invoice=invoice,
        authorisation=right.authorisation,
        notice=right.notice,
        received_at=at,
        recorded_at=at,
        recorded_by=by,
        **outcome,
    )
    attributing.write(payment, right.uses)
    return payment
