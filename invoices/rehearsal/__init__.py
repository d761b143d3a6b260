"""Rehearse: play a story of customers on a moveable clock through the real verbs, tell what came of it, keep nothing."""

from invoices.rehearsal.playing import Unreadable, rehearse, rehearse_all, rehearse_text

__all__ = ["Unreadable", "rehearse", "rehearse_all", "rehearse_text"]
