"""What customers of a story set as budgets: by the product's own verb."""

from __future__ import annotations

from dataclasses import replace

from billing import budgets
from invoices.rehearsal.staging import World
from invoices.rehearsal.story import Step
from tenants.models import Tenant


def set_budget(world: World, tenant: Tenant, step: Step) -> None:
    """Set a budget for all usage, or for that of a meter; without an amount, end the one that is there."""
    wish = budgets.named(tenant, meter=step.get("meter") or "", sellers=[world.seller.pk])
    if step.get("amount") is not None:
        amount = world.money(step["amount"]).minor
        wish = replace(wish, amount_minor=amount, hard=step.get("hard", False), currency=world.story.currency)
        budgets.set_one(tenant, wish, at=step.at, by=None)
    elif (row := budgets.same(tenant, replace(wish, currency=world.story.currency))) is not None:
        budgets.end(row, at=step.at, by=None)
