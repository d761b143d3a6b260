"""The operators' tables of this room; importing them registers them."""

from billing.admin import authorisations, book, changes, charges, coupons, packs, plans, prices, subscriptions, versions

__all__ = [
    "authorisations",
    "book",
    "changes",
    "charges",
    "coupons",
    "packs",
    "plans",
    "prices",
    "subscriptions",
    "versions",
]
