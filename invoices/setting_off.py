"""Set off: what comes to less than nothing is credited on the bills that charged it, or joins the draft that will.

A credit note takes at most what is left of its bill. The rest goes on the bills that this bill's own credit lines came
from, newest first, each at most what came from it; what no bill can give back any more lapses (CONTRACTS rule 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from billing import granting, wallets
from billing.models import Charge
from billing.money import allocate
from invoices import crediting, sources, writing
from invoices.giving_back import Bill, Home, Places, places
from invoices.grouping import AFTERWARDS, CHANGE, LATE, Group, Waiting, goes_on
from invoices.issuing import series_of
from invoices.models import CreditedCharge, CreditNote, Invoice, NumberSeries
from invoices.sources import Source
from tenants.bulk import among, mark
from tenants.models import Seller
from usage.periods import local_day


class _StillBelowZero(Exception):
    """A draft that was to be joined would come to less than nothing."""


def settle(debts: Sequence[Group], *, at: datetime) -> list[int]:
    """Credit each group, or let it join a draft; return the credit notes. What has no bill yet to stand on waits."""
    return [note for group in debts for note in _settle(group, at)]


def _settle(group: Group, at: datetime) -> list[int]:
    credits = [charge for charge in group.charges if charge.amount_minor < 0]
    if all(charge.reason in AFTERWARDS and goes_on(charge) for charge in credits) and _only_late(group):
        return []
    given_back = sources.of(credits)
    homes = _homes({source.charge_id for parts in given_back.values() for source in parts})
    drafts = sorted({home.invoice_id for chain in homes.values() for home in chain if home.draft}, reverse=True)
    if any(join(group, draft, at) for draft in drafts):
        return []
    notes = _credit(group, given_back, homes, at)
    if not notes and not any(charge.reason == CHANGE for charge in group.charges):
        any(join(group, draft, at) for draft in _drafts_of(group))
    return notes


def _only_late(group: Group) -> bool:
    return all(charge.reason in AFTERWARDS for charge in group.charges)


def _homes(charge_ids: set[int]) -> dict[int, list[Home]]:
    """Return on which bills charges stand: on a line, or in a note, whose bills then; nowhere yet, they are left out."""
    found: dict[int, list[Home]] = {}
    lines = Invoice.objects.filter(among("lines__charge_id", charge_ids)).values_list(
        "lines__charge_id", "pk", "lines", "status"
    )
    for charge, invoice, line, status in lines.order_by():
        found[charge] = [Home(invoice, line, status == Invoice.Status.DRAFT)]
    inside = CreditedCharge.objects.filter(among("charge", charge_ids)).values_list("charge", "credit_note")
    for charge, note in inside:
        bills = sources.notes_of(note).values_list("invoice", flat=True)
        found[charge] = [Home(bill, None, False) for bill in bills]
    return found


def _drafts_of(group: Group) -> list[int]:
    payer, seller, currency, pays = group.side
    named = {"tenant": payer, "seller": seller, "currency": currency, "pays": pays, "origin": ""}
    drafts = Invoice.objects.filter(**named, status=Invoice.Status.DRAFT, total_minor__gte=-group.total_minor)
    return list(drafts.order_by("charge_on", "pk").values_list("pk", flat=True))


def join(group: Group, draft: int, at: datetime) -> bool:
    """Let the lines of a group stand on a draft, unless it would come to less than nothing; return whether they do."""
    locked = Invoice.objects.select_for_update(no_key=True).filter(pk=draft, status=Invoice.Status.DRAFT).first()
    if locked is None:
        return False
    joined = writing.read([draft])[draft]
    joined.charges += group.charges
    joined.sort()
    try:
        with transaction.atomic():
            writing.rewrite({draft: joined}, at=at)
            if joined.total_minor < 0:
                raise _StillBelowZero
    except _StillBelowZero:
        return False
    return True


def _credit(group: Group, given_back: dict[int, list[Source]], homes: dict[int, list[Home]], at: datetime) -> list[int]:
    """Write the credit notes of a group; return them, none when no bill can give anything back."""
    pieces = _pieces(group, given_back, homes)
    if not pieces:
        return []
    payer, seller_id, currency, _pays = group.side
    seller = Seller.objects.get(pk=seller_id)
    wallets.lock(payer, seller_id, currency)
    series = series_of(seller, NumberSeries.Kind.CREDIT_NOTE, local_day(at, seller.timezone).year)
    found = places([home.invoice_id for chain, _gross in pieces for home in chain])
    weights = [gross for _chain, gross in pieces]
    owed = min(-group.total_minor, sum(weights))
    for (chain, _gross), share in zip(pieces, allocate(owed, weights), strict=True):
        found.place(share, chain)
    return _notes(group, found, series, at)


def _pieces(
    group: Group, given_back: dict[int, list[Source]], homes: dict[int, list[Home]]
) -> list[tuple[list[Home], int]]:
    """Return what each credit gives back of which charge, with tax, and on which bills that may stand; newest first."""
    pieces = []
    for charge, tax in zip(group.charges, group.taxes, strict=True):
        parts = given_back.get(charge.pk, ())
        if charge.amount_minor >= 0 or not parts:
            continue
        shares = allocate(-tax.gross, [part.amount_minor for part in parts])
        for part, share in zip(parts, shares, strict=True):
            chain = [home for home in homes.get(part.charge_id, ()) if not home.draft]
            if chain and share:
                pieces.append((chain, share))
    return sorted(pieces, key=lambda piece: -piece[0][0].invoice_id)


def _notes(group: Group, found: Places, series: NumberSeries, at: datetime) -> list[int]:
    notes: list[CreditNote] = []
    for bill in found.taken():
        first = notes[0] if notes else None
        reason = _reason(group, bill)
        notes.append(crediting.write(series, bill.invoice, bill.parts(), reason=reason, at=at, by=None, first=first))
    if notes:
        _take(group, notes[0], at)
    return [note.pk for note in notes]


def _take(group: Group, note: CreditNote, at: datetime) -> None:
    """Keep the charges of a group with its first note; what coupons gave on them is final."""
    lines = [(charge, tax) for charge, tax in zip(group.charges, group.taxes, strict=True) if charge.amount_minor]
    CreditedCharge.objects.bulk_create(
        CreditedCharge(
            tenant_id=group.side[0],
            credit_note=note,
            charge_id=charge.pk,
            position=position,
            amount_minor=charge.amount_minor,
            discount_minor=group.off(charge),
            tax_minor=tax.tax,
            gross_minor=tax.gross,
        )
        for position, (charge, tax) in enumerate(lines, start=1)
    )
    ids = [charge.pk for charge, _tax in lines]
    mark(Charge, "taken_at", at, ids)
    applied = [one for taken in group.discounts.values() for one in taken]
    if applied:
        granting.write(applied)
        granting.seal(ids, at=at)
        # It uses a coupon up only where it gives (rule 10).
        granting.use_up_once({one.redemption_id for one in applied}, at=at)


def _reason(group: Group, bill: Bill) -> str:
    with translation.override(bill.invoice.language):
        if any(charge.reason == CHANGE for charge in _below(group)):
            return _("Paid ahead and not used, because the contract was changed")
        if any(charge.reason == LATE for charge in _below(group)):
            return _("Usage that was taken back after it was billed")
        return _("Billed too much")


def _below(group: Group) -> list[Waiting]:
    return [charge for charge in group.charges if charge.amount_minor < 0]
