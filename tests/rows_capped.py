"""A row of a budget and of a release of it, for `tests.rows.furnish`."""

from __future__ import annotations

from datetime import datetime, timedelta

from billing import models as billing


def bounded(subscription: billing.Subscription, at: datetime) -> None:
    """A cap on all usage, raised for one period."""
    tenant = subscription.tenant
    cap = billing.Budget.objects.create(tenant=tenant, amount_minor=5, currency="CNY", hard=True, set_at=at)
    until = at + timedelta(days=1)
    billing.BudgetRelease.objects.create(tenant=tenant, budget=cap, extra_minor=5, released_at=at, until=until)
