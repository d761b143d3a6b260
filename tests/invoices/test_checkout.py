"""Preview equals bill: what a confirmation shows is, to the fen, what it writes; whatever the plan, the change and the moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import defining, discounts, wallets
from billing.models import PlanVersion, Subscription
from billing.money import Money
from invoices import checkout, confirming, wishes
from invoices.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from tenants.errors import DomainError
from tenants.models import Seller
from tests import shop

pytestmark = pytest.mark.django_db
START = shop.at("2026-01-01 10:00")
PLANS = ("small", "large", "yearly", "mixed")
MODELS = [
    {"model": "per_unit", "unit_amount": "19.99"},
    {"model": "volume", "tiers": [{"up_to": "5", "unit_amount": "21.00"}, {"up_to": None, "unit_amount": "17.77"}]},
    {"model": "graduated", "tiers": [{"up_to": "3", "unit_amount": "0"}, {"up_to": None, "unit_amount": "33.33"}]},
]
WISHES = [
    *(
        {"do": "change_plan", "plan": plan} | when
        for plan in PLANS
        for when in ({}, {"when": "now"}, {"when": "period_end"})
    ),
    *({"do": "set_quantity", "price": "seat", "quantity": n} for n in ("0", "1", "4", "7", "11")),
    {"do": "add_module", "price": "extra"},
    {"do": "remove_module", "price": "extra"},
    {"do": "cancel"},
    {"do": "cancel", "when": "now"},
    {"do": "keep"},
    {"do": "pause"},
    {"do": "resume"},
    {"do": "redeem", "coupon": "THIRD"},
    {"do": "redeem", "coupon": "FIXED"},
]


@dataclass
class Told:
    """A customer whose contract is changed at random."""

    seller: Seller
    subscription: Subscription


@st.composite
def shops(draw) -> dict[str, Any]:
    """Return what a shop is made of."""
    terms = {
        "proration": draw(st.sampled_from(["day", "day", "second", "none"])),
        "refund": draw(st.sampled_from(["none", "pro_rata"])),
        "credit_removals": draw(st.booleans()),
        "alignment": draw(st.sampled_from(["anniversary", "calendar"])),
    }
    return {
        "terms": terms,
        "inclusive": draw(st.booleans()),
        "rate": draw(st.sampled_from(["0", "0.06", "0.13"])),
        "seat": draw(st.sampled_from(MODELS)),
        "interval": draw(st.sampled_from(["week", "month", "quarter"])),
        "start": draw(st.sampled_from(["2026-01-01", "2026-01-31", "2025-12-17"])),
        "pays": draw(st.sampled_from(["manual", "wallet"])),
        "coupons": draw(st.sets(st.sampled_from(["THIRD", "FIXED"]))),
        "seats": draw(st.sampled_from(["0", "3", "6"])),
        "module": draw(st.booleans()),
    }


STEPS = st.lists(
    st.tuples(st.sampled_from(WISHES), st.integers(1, 40 * 24 * 60), st.booleans()), min_size=1, max_size=4
)


def opened(made: dict[str, Any]) -> Told:
    """Open a shop with four plans of one family, and a customer with a contract that has been billed."""
    sold_by = shop.seller(tax_inclusive=made["inclusive"], tax_rate=Decimal(made["rate"]))
    defining.define_meters(sold_by, [shop.MESSAGES], at=shop.OPENED)
    rhythms = {"small": made["interval"], "large": made["interval"], "yearly": "year", "mixed": "month"}
    bases = {"small": "99.99", "large": "333.33", "yearly": "2999.00", "mixed": "150.00"}
    for code in PLANS:
        term = "year" if code in ("yearly", "mixed") else made["interval"]
        shop.plan(
            sold_by,
            prices(made, bases[code]),
            code=code,
            family="f",
            interval=rhythms[code],
            term=term,
            **made["terms"],
        )
    for coupon in ({"code": "THIRD", "percent": "33.3", "duration": "forever"}, {"code": "FIXED", "amount": "25.00"}):
        discounts.define(sold_by, coupon, at=shop.OPENED, by=None)
    acme = shop.tenant()
    wallets.top_up_by_hand(
        acme, seller=sold_by, amount=Money.of("500.00", "CNY"), reason="预存", key="k", at=shop.OPENED, by=None
    )
    bought = {"quantities": {"seat": Decimal(made["seats"])}, "modules": ["extra"] if made["module"] else []}
    version = PlanVersion.objects.get(plan__code="small")
    more = {"pays": made["pays"], "coupons": sorted(made["coupons"])}
    subscription = shop.subscribe(acme, version, made["start"], **bought, **more)
    shop.bill("2026-01-31 10:00" if made["start"] == "2026-01-31" else "2026-01-01 10:00")
    shop.use(acme, "1234", "2026-01-31 11:00")
    return Told(sold_by, subscription)


def prices(made: dict[str, Any], base: str) -> list[dict[str, Any]]:
    return [
        {"code": "base", "kind": "base", "model": "flat", "amount": base},
        {"code": "seat", "kind": "seat", **made["seat"]},
        {"code": "extra", "kind": "module", "optional": True, "model": "flat", "amount": "49.50"},
        {"code": "messages", "kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "0.013"},
    ]


def of_paper(bills: list[Invoice], lines: list[InvoiceLine], notes: list[CreditNote]) -> dict[str, Any]:
    """Return all that is written on documents, without their numbers."""
    return {
        "bills": [
            (b.subtotal_minor, b.discount_minor, b.tax_minor, b.total_minor, b.paid_minor, b.status, b.due_on)
            for b in bills
        ],
        "lines": [
            (
                x.code,
                x.name,
                x.reason,
                x.service_start_on,
                x.service_end_on,
                x.quantity,
                x.amount_minor,
                x.discount_minor,
                x.tax_minor,
                x.gross_minor,
            )
            for x in lines
        ],
        "notes": [(n.total_minor, n.tax_minor, n.returned_minor, n.invoice_id) for n in notes],
    }


def written(done: checkout.Confirmed) -> dict[str, Any]:
    bills = Invoice.objects.filter(pk__in=done.invoices).order_by("pk")
    lines = InvoiceLine.objects.filter(invoice__in=done.invoices).order_by("invoice", "position")
    return of_paper(list(bills), list(lines), list(CreditNote.objects.filter(pk__in=done.credit_notes).order_by("pk")))


def balance(told: Told) -> int | None:
    if told.subscription.pays != Subscription.Pays.WALLET:
        return None
    return sum(wallet.total_minor for wallet in told.subscription.tenant.wallets.all())


def try_one(told: Told, said: dict[str, str], at) -> bool:
    """Look, then confirm at the same moment; both say the same, or both refuse for the same reason."""
    wish, subscription = wishes.read(said), told.subscription
    before = len(Invoice.objects.all()), balance(told)
    try:
        offer = confirming.look(subscription, wish, at=at, by=None)
    except DomainError as refusal:
        with pytest.raises(type(refusal)), transaction.atomic():
            wishes.carry_out(wish, subscription, at=at, by=None)
        return False
    assert (len(Invoice.objects.all()), balance(told)) == before, "a preview keeps nothing"
    done = confirming.confirm(subscription, wish, offer.held, at=at, by=None)
    seen = offer.papers
    assert written(done) == of_paper(seen.invoices, seen.lines, seen.credit_notes)
    assert balance(told) == offer.balance_after
    notes = CreditNote.objects.filter(pk__in=done.credit_notes)
    lines = CreditNoteLine.objects.filter(credit_note__in=notes)
    assert sum(lines.values_list("gross_minor", flat=True)) == seen.credited_minor
    subscription.refresh_from_db()
    assert (subscription.version_id, subscription.status, subscription.term_end_on) == (
        offer.after.version_id,
        offer.after.status,
        offer.after.term_end_on,
    )
    return True


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(made=shops(), steps=STEPS)
def test_what_is_shown_is_what_is_billed(made, steps):
    with transaction.atomic():
        told, at = opened(made), shop.at("2026-01-31 12:00")
        for said, minutes, run in steps:
            at += timedelta(minutes=minutes)
            if run:
                shop.bill(f"{at:%Y-%m-%d %H:%M}")
            try_one(told, said, at)
        transaction.set_rollback(True)


@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(made=shops())
def test_every_plan_can_be_tried_and_some_change_is_billed(made):
    """The story above is of something: a dearer plan at once is done, whatever the shop."""
    with transaction.atomic():
        told = opened(made)
        assert try_one(told, {"do": "change_plan", "plan": "large", "when": "now"}, shop.at("2026-02-02 12:00"))
        transaction.set_rollback(True)
