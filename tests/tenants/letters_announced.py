"""Letters about what comes by itself: a deduction once more, a term that renews, a trial that ends."""

from __future__ import annotations

from typing import Any


def announced(always: dict[str, str], plan: str) -> dict[str, dict[str, Any]]:
    """The reminder of a deduction, the renewal of a term, and the end of a trial that goes on."""
    chinese = plan == "专业版"
    term = {
        **always,
        "path": "/subscription/",
        "plan": plan,
        "last_day": "2026-11-30",
        "next_day": "2026-12-01",
        "currency": "CNY",
        "amount_minor": 258300,
        "every": "每月" if chinese else "each month",
        "pays": "wallet",
    }
    return {
        "charge_reminder": {
            **always,
            "path": "/deductions/12/",
            "currency": "CNY",
            "pays": "wallet",
            "charge_on": "2026-12-01",
            "announced_on": "2026-11-24",
            "renewal_minor": 258300,
            "ceiling_minor": 20000,
            "total_minor": 278300,
            "lines": [{"name": plan, "amount_minor": 258300, "first": "2026-12-01", "last": "2026-12-31"}],
        },
        "renewal_coming": {**term, "term": "一年" if chinese else "one year"},
        "trial_ending": {**term, "afterwards": "pays", "next_plan": ""},
    }
