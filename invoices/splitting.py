"""How a bill was paid, and in what parts it is given back: never more gift than was used, and no gift ever becomes money.

The book says how much of each it was: what came from outside (a transfer, a provider), from the balance, and from gifts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, Sum

from billing import lots
from billing.lots import Drawn, LotMove
from billing.models import Account, LotUse, Posting, WalletLot
from billing.money import allocate
from invoices.models import Allocation, CreditNote, Invoice, Payment
from usage.periods import local_day, local_midnight

Kind = Account.Kind
# A gift that comes back can be used for so many days at least, whenever its lot lapses or has lapsed.
USABLE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Funds:
    """Minor units by where they came from: outside, money in the balance, gifts in the balance."""

    outside: int = 0
    balance: int = 0
    gift: int = 0

    @property
    def paid(self) -> int:
        """What was paid with money."""
        return self.outside + self.balance

    @property
    def total(self) -> int:
        """All of it."""
        return self.paid + self.gift


def split(amount: int, held: Funds) -> Funds:
    """Split what returns of a bill in the ratio of what is in it, paid : gift, by largest remainder; then the paid part.

    `amount` is at most `held.total`, so no part is above what is held of it, and all of it returns exactly all.
    """
    paid, gift = allocate(amount, [held.paid, held.gift]) if amount else (0, 0)
    outside, balance = allocate(paid, [held.outside, held.balance]) if paid else (0, 0)
    return Funds(outside, balance, gift)


def in_bill(invoice: Invoice) -> Funds:
    """Return what a bill, which the caller has locked, was paid with and has not given back yet."""
    whole = Allocation.objects.filter(invoice=invoice).aggregate(sum=Sum("amount_minor", default=0))["sum"]
    took = _moved("payment", _from_wallet(invoice))
    used = Funds(whole - took[Kind.WALLET] - took[Kind.WALLET_GIFT], took[Kind.WALLET], took[Kind.WALLET_GIFT])
    return _less(used, _notes(invoice))


def places(invoice: Invoice, back: Funds, note: CreditNote) -> list[LotMove]:
    """Return into which lots a credit note gives back what came from the balance: the last that was taken, first.

    A gift whose lot lapses within 30 days, or has lapsed, makes a new lot that can be used for 30 days.
    """
    drawn = lots.drawn({"payment": _from_wallet(invoice), "credit_note": _notes(invoice)})
    until = local_midnight(local_day(note.issued_at, note.zone) + timedelta(days=USABLE_DAYS + 1), note.zone)
    moves = []
    for kind, amount in ((WalletLot.Kind.PAID, back.balance), (WalletLot.Kind.GIFT, back.gift)):
        for one, part in _filled([one for one in drawn if one.kind == kind], amount):
            lasts = one.expires_at is None or one.expires_at >= until
            lot = {"lot_id": one.lot_id} if lasts else {"expires_at": until}
            moves.append(LotMove(kind=kind, amount_minor=part, **lot))
    return moves


def _filled(drawn: Sequence[Drawn], amount: int) -> Iterator[tuple[Drawn, int]]:
    for one in drawn:
        part = min(amount, one.amount_minor)
        if part:
            yield one, part
        amount -= part


def _from_wallet(invoice: Invoice) -> list[int]:
    parts = Allocation.objects.filter(invoice=invoice, payment__method=Payment.Method.WALLET)
    return list(parts.values_list("payment", flat=True))


def _notes(invoice: Invoice) -> list[int]:
    return list(CreditNote.objects.filter(invoice=invoice, returned_minor__gt=0).values_list("pk", flat=True))


def _less(used: Funds, notes: list[int]) -> Funds:
    """Take off what earlier credit notes returned: into a lot what came from the balance, else what came from outside."""
    if not notes:
        return used
    back = _moved("credit_note", notes)
    to_balance, payable = -back[Kind.WALLET], -back[Kind.REFUND_PAYABLE]
    outside = min(used.outside - payable, to_balance - _into_lots(notes))
    return Funds(
        used.outside - payable - outside, used.balance - to_balance + outside, used.gift + back[Kind.WALLET_GIFT]
    )


def _into_lots(notes: list[int]) -> int:
    """Return what these notes gave back into lots of money that was paid."""
    uses = LotUse.objects.filter(source="credit_note", source_id__in=notes, lot__kind=WalletLot.Kind.PAID)
    return uses.aggregate(sum=Sum("amount_minor", default=0))["sum"]


def _moved(source: str, ids: list[int]) -> dict[str, int]:
    """Return what these causes booked on the pages that pay, debit positive."""
    kinds = (Kind.WALLET, Kind.WALLET_GIFT, Kind.REFUND_PAYABLE)
    if not ids:
        return dict.fromkeys(kinds, 0)
    rows = Posting.objects.filter(transaction__source=source, transaction__source_id__in=ids)
    sums = {kind: Sum("amount_minor", filter=Q(account__kind=kind), default=0) for kind in kinds}
    return rows.aggregate(**sums)
