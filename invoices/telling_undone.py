"""Tell a customer that a purchase was taken back, and where its money goes."""

from __future__ import annotations

from django.utils import translation

from billing.taking_back import Undone
from invoices import changed, telling_refunds
from invoices.all_back import Papers
from invoices.models import Invoice
from tenants import notices
from tenants.models import User


def tell(undone: Undone, papers: Papers, *, by: User | None) -> None:
    """Announce what was taken back, once."""
    change = undone.change
    tenant, seller = change.subscription.tenant, change.subscription.seller
    bills = Invoice.objects.filter(pk__in=papers.charged_back)
    with translation.override(tenant.language):
        said = changed.effect(change, tenant.language)
        ways = [{"way": telling_refunds.way(row), "amount_minor": row.amount_minor} for row in papers.refunds]
    notices.announce(
        tenant,
        kind="purchase_undone",
        key=f"undone:{change.pk}",
        payload={
            "tenant": tenant.name_in(tenant.language),
            "path": f"/c/{tenant.code}/subscription/",
            "effect": said,
            "by_name": by.get_full_name() if by else "",
            "currency": change.subscription.currency,
            "credited_minor": sum(note.total_minor for note in papers.notes),
            "total_minor": sum(bills.values_list("total_minor", flat=True)),
            "ways": ways,
        },
        at=change.at,
        seller=seller,
    )
