"""The operators' tables of this room; importing them registers them."""

from invoices.admin import bills, customers, documents, imports, receipts, runs

__all__ = ["bills", "customers", "documents", "imports", "receipts", "runs"]
