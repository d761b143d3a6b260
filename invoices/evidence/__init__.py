"""Evidence packs: everything that a bill stands on, of one company and one stretch of days, signed, to be checked offline."""

from invoices.evidence.packing import keep, pack

__all__ = ["keep", "pack"]
