"""Rehearse: play a story of customers on a moveable clock through the real verbs, tell what came of it, keep nothing."""

from invoices.rehearsal.playing import rehearse, rehearse_all, rehearse_text

__all__ = ["rehearse", "rehearse_all", "rehearse_text"]
