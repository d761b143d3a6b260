"""Derive: where an amount comes from, as plain data, and the same computed again. Pages, API and evidence packs read it."""

from invoices.deriving.lines import Derivation, derive, derive_all

__all__ = ["Derivation", "derive", "derive_all"]
