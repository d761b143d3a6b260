"""What customers of a story take back: their last purchase, by the product's own verb."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.utils.translation import gettext as _

from billing.models import Subscription
from invoices import returning, taking_back
from invoices.models import Refund
from invoices.rehearsal.staging import World
from invoices.rehearsal.story import Step
from tenants.errors import Invalid, NotFound
from tenants.models import Tenant

# What is a purchase, and how many of them are regretted.
BOUGHT = ("subscribe", "change_plan", "set_quantity", "add_module")
SHARE = 0.4


def undo(world: World, tenant: Tenant, step: Step) -> None:
    """Take the last purchase back; what goes by bank is transferred at once."""
    done = taking_back.undo(_subscription(tenant, step), at=step.at, by=None)
    rows = [row.pk for row in Refund.objects.filter(credit_note__in=done.credit_notes)]
    returning.send(at=step.at, refunds=rows)
    for row in returning.to_transfer().filter(pk__in=rows).order_by("pk"):
        returning.confirm_sent(row, bank_reference=f"{world.token}-{row.pk}", at=step.at, by=None)


def _subscription(tenant: Tenant, step: Step) -> Subscription:
    """Return the contract that is named, else the one of the last purchase: the newest confirmation of the customer."""
    mine = Subscription.objects.filter(tenant=tenant).order_by("pk")
    if label := step.get("subscription"):
        mine = mine.filter(label=label)
    found = list(mine)
    if not found:
        raise NotFound(_("There is no such subscription."), field="subscription")
    live = [one for one in found if one.status != Subscription.Status.ENDED] or found[-1:]
    if len(live) > 1:
        raise Invalid(_("There are several subscriptions; name one."), field="subscription")
    return live[0]


def invent(data: dict[str, Any], steps: list[dict[str, Any]], random: Random) -> None:
    """In a third of the stories give the plans hours to undo, and let purchases be taken back: most soon, some too late."""
    if random.random() < 2 / 3:
        return
    for plan in data["catalogue"]["plans"]:
        plan["undo_hours"] = random.choice((0, 24, 72, 240))
    for step in [one for one in steps if one["do"] in BOUGHT]:
        if random.random() < SHARE:
            after = timedelta(hours=random.choice((0, 1, 5, 20, 30, 100)), minutes=random.randrange(1, 60))
            at = (datetime.fromisoformat(step["at"]) + after).isoformat()
            again = {"subscription": name} if (name := step.get("subscription") or step.get("as")) else {}
            steps.append({"at": at, "do": "undo", "tenant": step["tenant"], **again})
