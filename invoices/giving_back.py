"""How much of a credit each bill takes: at most what is left of it, and the rest goes back along its own credit lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Sum

from invoices import sources
from invoices.crediting import Part
from invoices.models import CreditNote, Invoice, InvoiceLine
from invoices.tax import credit_tax, line_tax


@dataclass(frozen=True, slots=True)
class Home:
    """A bill on which a charge stands, and its line there; none where a credit note took the charge."""

    invoice_id: int
    line_id: int | None
    draft: bool


@dataclass(slots=True)
class Bill:
    """An issued bill that is locked, and what is taken from its lines now, with tax."""

    invoice: Invoice
    lines: list[InvoiceLine]
    # What was given back of its lines before, by charge, on their own side.
    credited: dict[int, int]
    takes: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def left(self) -> int:
        """What can still be credited of it."""
        return self.invoice.total_minor - self.invoice.credited_minor - sum(self.takes.values())

    def take(self, amount: int, preferred: int | None) -> int:
        """Take so much of what is left, of the preferred line first; return how much it was."""
        rest = took = min(amount, self.left)
        for line in sorted(self.lines, key=lambda line: (line.pk != preferred, line.position)):
            part = min(rest, self._left_of(line))
            if part > 0:
                self.takes[line.pk] += part
                rest -= part
        return took - rest

    def parts(self) -> list[Part]:
        """Return what is taken of each line, with the tax that this returns (CONTRACTS rule 12)."""
        return [
            Part(line, credit_tax(self._gross_before(line), self.takes[line.pk], line.tax_rate, True, self._currency))
            for line in self.lines
            if self.takes.get(line.pk)
        ]

    @property
    def _currency(self) -> str:
        return self.invoice.currency

    @property
    def _inclusive(self) -> bool:
        assert self.invoice.seller_copy is not None
        return bool(self.invoice.seller_copy["tax_inclusive"])

    def _left_of(self, line: InvoiceLine) -> int:
        noted = line_tax(line.credited_minor, line.tax_rate, self._inclusive, self._currency).gross
        return line.gross_minor - noted - self.takes.get(line.pk, 0)

    def _gross_before(self, line: InvoiceLine) -> int:
        return line_tax(self.credited[line.charge_id], line.tax_rate, self._inclusive, self._currency).gross


@dataclass(slots=True)
class Places:
    """The bills that a credit may fall on, in the order in which something was taken of them."""

    bills: dict[int, Bill]
    # What the credit lines of a bill came from: (bill, line) and how much of it may still go back there.
    behind: dict[int, list[tuple[int, int | None]]]
    came: dict[tuple[int, int, int | None], int]
    order: dict[int, None] = field(default_factory=dict)

    def place(self, amount: int, chain: Sequence[Home]) -> int:
        """Place an amount on the bills of a chain, then on those behind them; return what no bill could take."""
        rest = amount
        for home in chain:
            rest -= self._take(home.invoice_id, rest, home.line_id)
        for home in chain:
            rest = self._go_back(home.invoice_id, rest)
        return rest

    def taken(self) -> list[Bill]:
        """Return the bills of which something is taken."""
        return [self.bills[pk] for pk in self.order if self.bills[pk].takes]

    def _take(self, invoice: int, amount: int, line: int | None) -> int:
        took = self.bills[invoice].take(amount, line) if amount > 0 else 0
        if took:
            self.order.setdefault(invoice)
        return took

    def _go_back(self, invoice: int, amount: int) -> int:
        rest = amount
        for bill, line in self.behind[invoice]:
            may = min(rest, self.came[invoice, bill, line])
            if may <= 0:
                continue
            went = self._take(bill, may, line)
            if went < may:
                went = may - self._go_back(bill, may - went)
            self.came[invoice, bill, line] -= went
            rest -= went
        return rest


def places(invoice_ids: Iterable[int]) -> Places:
    """Return the bills of ids and all behind them, locked by ascending id, with what is left of them."""
    behind: dict[int, list[tuple[int, int | None]]] = {}
    came: dict[tuple[int, int, int | None], int] = defaultdict(int)
    asked = list(dict.fromkeys(invoice_ids))
    while asked:
        pk = asked.pop()
        if pk in behind:
            continue
        rows = sources.bills_behind(pk)
        behind[pk] = list(dict.fromkeys((bill, line) for bill, line, _amount in rows))
        for bill, line, amount in rows:
            came[pk, bill, line] += amount
        _less_what_went_back(pk, behind[pk], came)
        asked += [bill for bill, _line in behind[pk]]
    return Places(_locked(behind), behind, came)


def _less_what_went_back(
    pk: int, behind: Sequence[tuple[int, int | None]], came: dict[tuple[int, int, int | None], int]
) -> None:
    """Take off what earlier sums sent back from this bill."""
    notes = CreditNote.objects.filter(first__invoice=pk).order_by().values_list("invoice")
    went = dict(notes.annotate(sum=Sum("total_minor")))
    for bill, line in behind:
        off = min(went.get(bill, 0), came[pk, bill, line])
        came[pk, bill, line] -= off
        if off:
            went[bill] -= off


def _locked(ids: Iterable[int]) -> dict[int, Bill]:
    bills = Invoice.objects.issued().filter(pk__in=list(ids)).select_related("seller", "tenant")
    locked = list(bills.select_for_update(of=("self",), no_key=True).order_by("pk"))
    lines: dict[int, list[InvoiceLine]] = defaultdict(list)
    for line in InvoiceLine.objects.filter(invoice__in=locked).order_by("position"):
        lines[line.invoice_id].append(line)
    credited = sources.credited(line.charge_id for mine in lines.values() for line in mine)
    return {bill.pk: Bill(bill, lines[bill.pk], credited) for bill in locked}
