"""Tell what came of a story: the JSON answer of CONTRACTS §2, in which every amount is a decimal string."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Sum
from django.utils.translation import get_language

from billing.models import BillingPeriod, Posting, Subscription, Wallet
from billing.money import Money, plain
from invoices.models import CreditNote, Invoice, InvoiceLine, Payment
from invoices.rehearsal.staging import PREFIX, World
from tenants.bulk import among
from tenants.models import Notice
from usage.periods import local_day

# The letters about money that is going to be taken; the others have no amount and no day of their own.
TOLD_NOTICES = ("charge_announced", "charge_reminder")
# A deduction under an agreement is called so, whoever the provider is.
MANDATE = "mandate"
Told = dict[str, Any]


def tell(world: World) -> Told:
    """Return the answer to a story as it stands now."""
    codes = {tenant.pk: code for code, tenant in world.tenants.items()}
    return {
        "name": world.story.name,
        "invoices": _invoices(world, codes),
        "credit_notes": _credit_notes(world, codes),
        "payments": _payments(world, codes),
        "notices": _notices(world, codes),
        "subscriptions": _subscriptions(world, codes),
        "wallets": _wallets(world),
        "refused": [
            {"step": one.step, "code": one.code, "message": number_of(world, one.message)} for one in world.refused
        ],
        "ledger_balanced": _balances(world),
    }


def number_of(world: World, number: str | None) -> str | None:
    """Return a bill's number as it is told: without the token of this rehearsal, so that two of them agree."""
    return number and number.replace(world.seller.number_prefix, PREFIX, 1)


def written(world: World, minor: int) -> str:
    """Return minor units as a decimal string of whole units."""
    return str(Money(minor, world.story.currency))


def local(instant: datetime | None, zone: str) -> str | None:
    """Return an instant with the offset of a zone."""
    return instant.astimezone(ZoneInfo(zone)).isoformat() if instant else None


def _invoices(world: World, codes: Mapping[int, str]) -> list[Told]:
    bills = list(Invoice.objects.filter(among("tenant", codes)).order_by("sequence", "pk"))
    lines: dict[int, list[Told]] = defaultdict(list)
    rows = InvoiceLine.objects.filter(among("invoice", [bill.pk for bill in bills])).select_related("charge")
    rows = rows.prefetch_related("charge__discounts__redemption__coupon")
    for line in rows.order_by("invoice", "position"):
        lines[line.invoice_id].append(_line(world, line))
    return [
        {
            "tenant": codes[bill.tenant_id],
            "number": number_of(world, bill.number),
            "status": bill.status,
            "issued_at": local(bill.issued_at, bill.zone),
            "lines": lines[bill.pk],
            "subtotal": written(world, bill.subtotal_minor),
            "discount": written(world, bill.discount_minor),
            "tax": written(world, bill.tax_minor),
            "total": written(world, bill.total_minor),
            "paid": written(world, bill.paid_minor),
            "due": written(world, bill.due_minor),
        }
        for bill in bills
    ]


def _line(world: World, line: InvoiceLine) -> Told:
    return {
        "price": line.code,
        "kind": line.kind,
        "period": [str(line.service_start_on), str(line.service_end_on)],
        "quantity": plain(line.quantity),
        "amount": written(world, line.amount_minor),
        "reason": line.reason,
        "discounts": [
            {"coupon": one.redemption.coupon.code, "amount": written(world, one.amount_minor)}
            for one in line.charge.discounts.all()
        ],
        "steps": _steps(line.charge.details),
    }


def _steps(details: Mapping[str, Any]) -> list[Told]:
    """Return how an amount came about, in the reader's language; of usage also what was measured and what is included."""
    text = "zh" if (get_language() or "").startswith("zh") else "en"
    numbers = ("quantity", "unit_amount", "amount")
    steps = [{"text": step[text]} | {name: step[name] for name in numbers} for step in details.get("steps", [])]
    if "measured" not in details:
        return steps
    return [step | {name: details[name] for name in ("measured", "included")} for step in steps]


def _credit_notes(world: World, codes: Mapping[int, str]) -> list[Told]:
    notes = CreditNote.objects.filter(among("tenant", codes)).select_related("invoice").order_by("sequence")
    return [
        {
            "tenant": codes[note.tenant_id],
            "invoice": number_of(world, note.invoice.number),
            "total": written(world, note.total_minor),
        }
        for note in notes
    ]


def _payments(world: World, codes: Mapping[int, str]) -> list[Told]:
    return [
        {
            "tenant": codes[payment.tenant_id],
            "method": MANDATE if payment.product == Payment.Product.DEBIT else payment.method,
            "status": payment.status,
            "amount": written(world, payment.amount_minor),
            "at": local(payment.received_at, payment.tenant.timezone),
        }
        for payment in Payment.objects.filter(among("tenant", codes)).select_related("tenant").order_by("pk")
    ]


def _notices(world: World, codes: Mapping[int, str]) -> list[Told]:
    notices = Notice.objects.filter(among("tenant", codes), kind__in=TOLD_NOTICES).select_related("tenant")
    return [
        {
            "tenant": codes[notice.tenant_id],
            "kind": notice.kind,
            "at": local(notice.created_at, notice.tenant.timezone),
            "charge_at": local(_instant(notice.payload.get("charge_at")), notice.tenant.timezone),
            "total": written(world, notice.payload.get("total_minor", 0)),
        }
        for notice in notices.order_by("created_at", "pk")
    ]


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _subscriptions(world: World, codes: Mapping[int, str]) -> list[Told]:
    rows = Subscription.objects.filter(among("tenant", codes)).select_related("plan", "version").order_by("pk")
    periods = _periods(codes)
    return [
        {
            "tenant": codes[row.tenant_id],
            "plan": row.plan.code,
            "status": row.status,
            "period": periods.get((row.pk, row.version.interval)),
        }
        for row in rows
    ]


def _periods(codes: Mapping[int, str]) -> dict[tuple[int, str], list[str]]:
    """Return each subscription's running or last period of each rhythm, in local days."""
    rows = BillingPeriod.objects.filter(among("subscription__tenant", codes)).order_by("start")
    return {
        (row.subscription_id, row.interval): [str(local_day(row.start, row.zone)), str(local_day(row.end, row.zone))]
        for row in rows
    }


def _wallets(world: World) -> dict[str, str]:
    held = {wallet.tenant_id: wallet.total_minor for wallet in Wallet.objects.filter(seller=world.seller)}
    return {code: written(world, held.get(tenant.pk, 0)) for code, tenant in world.tenants.items()}


def _balances(world: World) -> bool:
    """Return whether the seller's books sum to zero."""
    sides = Posting.objects.filter(account__seller=world.seller).values_list("account__currency")
    return not any(amount for _currency, amount in sides.annotate(sum=Sum("amount_minor")).order_by())
