"""The operators' tables of this room; importing them registers them."""

from billing.admin import (
    authorisations,
    book,
    budgets,
    changes,
    charges,
    coupons,
    moving,
    packs,
    plans,
    prices,
    subscriptions,
    traces,
    versions,
)

__all__ = [
    "authorisations",
    "book",
    "budgets",
    "changes",
    "charges",
    "coupons",
    "moving",
    "packs",
    "plans",
    "prices",
    "subscriptions",
    "traces",
    "versions",
]
