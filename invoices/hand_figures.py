"""The figures of a customer that an act by hand changes, as the book has them, before and after (minor units)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from billing import packs, weighing
from billing.models import Account, Posting, Subscription
from invoices.hand_kinds import Hand
from invoices.models import OperatorAct

Kind = Account.Kind
# Name by the pages of the book that it sums, and its sign for a reader: what is owed to the customer is positive.
BOOK = {
    "due": ((Kind.RECEIVABLE,), 1),
    "balance": ((Kind.WALLET,), -1),
    "given": ((Kind.WALLET_GIFT,), -1),
    "owed_back": ((Kind.REFUND_PAYABLE,), -1),
    "revenue": ((Kind.REVENUE, Kind.REVENUE_DEFERRED), -1),
    "tax": ((Kind.TAX_PAYABLE,), -1),
}


def read(hand: Hand, *, at: datetime) -> dict[str, Any]:
    """Return the customer's figures with this seller: minor units by name; units of a pack as decimal text."""
    page = {"tenant": hand.tenant, "account__seller": hand.seller, "account__currency": hand.currency}
    rows = Posting.objects.filter(**page).order_by().values_list("account__kind").annotate(sum=Sum("amount_minor"))
    booked = dict(rows)
    found: dict[str, Any] = {
        name: sign * sum(booked.get(kind, 0) for kind in kinds) for name, (kinds, sign) in BOOK.items()
    }
    if hand.kind == OperatorAct.Kind.PACK:
        mine: list[Any] = [pack for pack in packs.left(hand.tenant) if pack.meter_id == hand.wish["meter"]]
        found["units"] = f"{sum((pack.quantity - pack.used for pack in mine), Decimal(0)).normalize():f}"
    if hand.kind == OperatorAct.Kind.CONTRACT:
        row = Subscription.objects.select_related("seller", "version", "plan").get(pk=hand.wish["subscription"])
        found["yearly"] = weighing.yearly(row, at=at)
    return found


def moved(before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    """Return by how much each figure moves, as text; what does not move is left out."""
    differences = {name: Decimal(str(after[name])) - Decimal(str(before[name])) for name in after}
    return {name: f"{value.normalize():f}" for name, value in differences.items() if value}
