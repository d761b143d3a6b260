"""One row in each table of second people: a purchase that waits, an act that was done, and one that waits."""

from datetime import datetime, timedelta

from billing.models import Subscription
from invoices.models import OperatorAct, PurchaseRequest
from tenants.models import Seller, Tenant, User


def seconded(tenant: Tenant, at: datetime) -> None:
    """Write them; the seller gets a limit, as each act keeps that of its time."""
    seller, alice = Seller.objects.get(), User.objects.order_by("pk").first()
    assert alice is not None
    PurchaseRequest.objects.create(
        tenant=tenant,
        subscription=Subscription.objects.first(),
        wish={"do": "resume"},
        shown={},
        sha256="-",
        currency="CNY",
        total_minor=2,
        yearly_minor=0,
        limit_minor=1,
        asked_by=alice,
        asked_by_name="Alice",
        asked_at=at,
        expires_at=at + timedelta(days=7),
    )
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    Seller.objects.filter(pk=seller.pk).update(act_limit_minor=1)
    told = {"kind": "top_up", "tenant": tenant, "seller": seller, "target": "tenant:1", "wish": {}, "currency": "CNY"}
    told |= {"before": {}, "after": {}, "sha256": "-", "reason": "r", "asked_by": alice, "asked_by_name": "Alice"}
    told |= {"asked_at": at, "limit_minor": 1}
    OperatorAct.objects.create(**told, key="waits", amount_minor=2, state="waiting")
    done = OperatorAct.objects.create(**told, key="done", amount_minor=1, state="done", made="top_up:1")
    OperatorAct.objects.create(**told, key="back", amount_minor=2, state="waiting", reverses=done)
