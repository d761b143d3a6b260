"""What a customer is shown before he confirms is what he is billed: each confirmation of a story is previewed first."""

from collections.abc import Callable
from typing import Any

import pytest

from invoices import checkout
from invoices.checkout import Confirmed, Preview
from invoices.rehearsal import rehearse
from tests.scenarios.telling import STORIES, read

# Each brings another kind of document: charges, credits, notes over several bills, discounts, tax, a draft, nothing.
SHOWN = (
    "cancelling/now_with_refund",
    "changes/month_to_year_and_back_now",
    "changes/one_credit_and_one_charge_per_price",
    "changes/down_waits_for_the_period_end",
    "coupons/amount_over_two_invoices_of_a_period",
    "coupons/back_the_same_day_with_tax",
    "coupons/once_in_a_credit_note",
    "credits/charged_line_still_on_a_draft",
    "credits/split_over_three_invoices",
    "pauses/seats_and_modules",
    "seats/bought_from_the_wallet",
    "seats/by_volume_never_below_zero",
)
CONFIRMED = ("subscribe", "change_plan", "set_quantity", "add_module", "cancel", "pause", "resume")


def facts(papers: Preview) -> dict[str, Any]:
    """Return what a customer reads, without the numbers that only exist once it is kept."""
    return {
        "lines": [
            (line.charge.code, line.service_start_on, line.service_end_on, line.quantity, line.amount_minor)
            for line in papers.lines
        ],
        "invoices": [
            (one.subtotal_minor, one.discount_minor, one.tax_minor, one.total_minor) for one in papers.invoices
        ],
        "credit_notes": [(one.invoice_id, one.total_minor, one.tax_minor) for one in papers.credit_notes],
        "charges": [(one.code, one.amount_minor) for one in papers.charges],
        "change": papers.change and (papers.change.kind, papers.change.status, papers.change.effective_at),
    }


@pytest.mark.django_db
@pytest.mark.parametrize("name", SHOWN)
def test_the_preview_is_the_bill(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = []

    def shown_first(confirm: Callable[..., Confirmed]) -> Callable[..., Confirmed]:
        def both(*args: Any, **more: Any) -> Confirmed:
            shown = facts(checkout.preview(lambda: confirm(*args, **more)))
            confirmed = confirm(*args, **more)
            pairs.append((shown, facts(checkout.papers(confirmed))))
            return confirmed

        return both

    for verb in CONFIRMED:
        monkeypatch.setattr(checkout, verb, shown_first(getattr(checkout, verb)))
    rehearse(read(STORIES / f"{name}.yaml").story)
    assert len(pairs) > 1
    assert any(shown["lines"] or shown["credit_notes"] for shown, _billed in pairs)
    for shown, billed in pairs:
        assert shown == billed
