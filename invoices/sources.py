"""Where a credit comes from: the charges that it gives back, and the documents on which these stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet, Sum

from billing.models import ChargeCredit
from invoices.grouping import Group, Waiting
from invoices.models import CreditedCharge, CreditNote, InvoiceLine
from invoices.tax import LineTax, credit_tax, line_tax
from tenants.bulk import among


@dataclass(frozen=True, slots=True)
class Source:
    """How much of an earlier charge a credit gives back, after discount, in minor units on the charge's own side."""

    charge_id: int
    amount_minor: int


def of(credits: Iterable[Waiting]) -> dict[int, list[Source]]:
    """Return what each credit gives back; a credit that says nothing gives back what it corrects."""
    found: dict[int, list[Source]] = defaultdict(list)
    wanted = {credit.pk: credit for credit in credits}
    rows = ChargeCredit.objects.filter(among("credit", wanted), amount_minor__gt=0).order_by("credit", "charge")
    for pk, charge, amount in rows.values_list("credit", "charge", "amount_minor"):
        found[pk].append(Source(charge, amount))
    for pk, credit in wanted.items():
        if pk not in found and credit.corrects_id is not None:
            found[pk].append(Source(credit.corrects_id, -credit.amount_minor))
    return dict(found)


def credited(charge_ids: Iterable[int]) -> dict[int, int]:
    """Return what was given back of charges on documents, by notes and by lines of later bills, on their own side."""
    ids = list(charge_ids)
    so_far: dict[int, int] = defaultdict(int)
    so_far.update(InvoiceLine.objects.filter(among("charge", ids)).values_list("charge", "credited_minor"))
    lines = ChargeCredit.objects.filter(among("charge", ids), credit__line__isnull=False, undone_at=None).order_by()
    for charge, amount in lines.values_list("charge").annotate(sum=Sum("amount_minor")):
        so_far[charge] += amount
    return so_far


def tax(groups: Sequence[Group]) -> None:
    """Reckon the tax of every line on its discounted amount, and keep it in each group's `taxes` (CONTRACTS rule 12).

    A credit's tax is what the charged line's tax falls by, so that a line that is given back whole returns its tax.
    """
    credits = [charge for group in groups for charge in group.charges if charge.amount_minor < 0]
    sources = of(credits) if credits else {}
    so_far = credited({s.charge_id for parts in sources.values() for s in parts}) if sources else defaultdict(int)
    for group in groups:
        group.taxes = [
            _credit(charge, sources.get(charge.pk, ()), so_far)
            if charge.amount_minor < 0
            else line_tax(
                charge.amount_minor - group.off(charge), charge.tax_rate, charge.tax_inclusive, charge.currency
            )
            for charge in group.charges
        ]


def _credit(charge: Waiting, parts: Sequence[Source], so_far: dict[int, int]) -> LineTax:
    rule = charge.tax_rate, charge.tax_inclusive, charge.currency
    taxes = []
    for part in parts:
        taxes.append(credit_tax(so_far[part.charge_id], part.amount_minor, *rule))
        so_far[part.charge_id] += part.amount_minor
    rest = -charge.amount_minor - sum(part.amount_minor for part in parts)
    taxes.append(line_tax(rest, *rule))
    return LineTax(-sum(t.net for t in taxes), -sum(t.tax for t in taxes), -sum(t.gross for t in taxes))


def bills_behind(invoice_id: int) -> list[tuple[int, int | None, int]]:
    """Return (bill, line, amount) of what the credit lines of a bill came from, newest bill first, with tax.

    What came from a charge inside a credit note came from the bills of that note, and from no line of them.
    """
    credits = ChargeCredit.objects.filter(credit__line__invoice=invoice_id, amount_minor__gt=0, undone_at=None)
    came = {row.charge_id: _with_tax(row) for row in credits.select_related("charge")}
    lines = InvoiceLine.objects.filter(among("charge", came)).exclude(invoice=invoice_id)
    found: list[tuple[Any, int, int | None, int]] = list(
        lines.values_list("invoice__issued_at", "invoice", "pk", "charge")
    )
    for charge, note in CreditedCharge.objects.filter(among("charge", came)).values_list("charge", "credit_note"):
        for at, bill in notes_of(note).exclude(invoice=invoice_id).values_list("invoice__issued_at", "invoice"):
            found.append((at, bill, None, charge))
    # A bill that is not issued gives nothing back.
    newest = sorted((row for row in found if row[0]), key=lambda row: row[:2], reverse=True)
    return [(bill, line, came[charge]) for _at, bill, line, charge in newest]


def notes_of(note_id: int) -> QuerySet[CreditNote]:
    """Return a credit note and those that its sum went on to."""
    return CreditNote.objects.filter(Q(pk=note_id) | Q(first=note_id)).order_by("pk")


def _with_tax(part: ChargeCredit) -> int:
    charge = part.charge
    return line_tax(part.amount_minor, charge.tax_rate, charge.tax_inclusive, charge.currency).gross
