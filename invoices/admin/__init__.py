"""The operators' tables of this room; importing them registers them."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from invoices.admin import bills, contracts, customers, documents, imports, quotes, receipts, runs, wallets

admin.site.index_title = _("What is to be done")

__all__ = ["bills", "contracts", "customers", "documents", "imports", "quotes", "receipts", "runs", "wallets"]
