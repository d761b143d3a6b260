"""The operators' tables of this room; importing them registers them."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from invoices.admin import (
    agreements,
    bank,
    bills,
    by_hand,
    contracts,
    customers,
    disputes,
    documents,
    dunning,
    duplicates,
    evidence,
    held,
    imports,
    packs,
    payers,
    providers,
    quotes,
    receipts,
    refunds,
    runs,
    statements,
    undone,
    value,
    wallets,
)

admin.site.index_title = _("What is to be done")

__all__ = [
    "agreements",
    "bank",
    "bills",
    "by_hand",
    "contracts",
    "customers",
    "disputes",
    "documents",
    "dunning",
    "duplicates",
    "evidence",
    "held",
    "imports",
    "packs",
    "payers",
    "providers",
    "quotes",
    "receipts",
    "refunds",
    "runs",
    "statements",
    "undone",
    "value",
    "wallets",
]
