"""What follows a trial that nobody turned into a paid plan: the free plan that the terms name, or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from billing import subscriptions
from billing.models import Subscription
from billing.subscriptions import Order
from tenants import audit
from tenants.errors import NotFound


def go_on(ended: Iterable[Subscription], *, at: datetime) -> list[Subscription]:
    """Start the free plan for each trial that ended, where its terms name one that is on sale; return the new ones."""
    started = []
    for trial in ended:
        code = trial.version.after_trial
        if not trial.trial_end_on or code in ("ends", "pays"):
            continue
        try:
            version = subscriptions.on_sale(trial.seller_id, code)
        except NotFound:
            continue
        order = Order(tenant=trial.tenant, version=version, start_on=trial.trial_end_on, label=trial.label, twice=None)
        outcome = subscriptions.start([order], at=at, by=None)[0]
        if outcome.subscription:
            started.append(outcome.subscription)
        else:
            # The trial is over all the same.
            reason = str(outcome.refusal and outcome.refusal.message)
            target = f"subscription:{trial.pk}"
            audit.record(
                "subscription.not_continued", tenant=trial.tenant_id, target=target, at=at, by=None, reason=reason
            )
    return started
