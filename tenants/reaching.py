"""Whether a notice has reached its company: accepted and not come back, or opened on the pages (CONTRACTS rule 18)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Min, QuerySet

from tenants.models import Delivery, Member, Notice, Opening, User

Status = Notice.Status


def standing(notice: Notice) -> QuerySet[Delivery]:
    """Return the deliveries that were accepted and did not come back, the first one first."""
    return notice.deliveries.filter(ok=True, bounce=None).order_by("at", "pk")


def reached(notice: Notice) -> datetime | None:
    """Return since when the company has a notice: the first delivery that stands, or the first opening; None for not yet."""
    sent = notice.deliveries.filter(ok=True, bounce=None).aggregate(at=Min("at"))["at"]
    read = notice.openings.aggregate(at=Min("at"))["at"]
    return min((moment for moment in (sent, read) if moment is not None), default=None)


@transaction.atomic
def opened(notice: Notice, *, at: datetime, by: User) -> bool:
    """Keep that somebody has opened a notice on the pages; return whether that counts.

    Only members of the company count, and never one of our own people, whoever made them a member.
    """
    if by.is_staff or not Member.objects.filter(tenant=notice.tenant_id, user=by).exists():
        return False
    said = {"tenant_id": notice.tenant_id, "by_name": by.get_full_name(), "at": at}
    Opening.objects.get_or_create(notice=notice, by=by, defaults=said)
    settle(notice)
    return True


def settle(notice: Notice) -> datetime | None:
    """Bring what a notice says of itself in line with its deliveries and openings; return since when it has reached."""
    row = Notice.objects.select_for_update(no_key=True).get(pk=notice.pk)
    since = reached(row)
    status = row.status
    if status in (Status.DELIVERED, Status.FAILED):
        status = Status.DELIVERED if since else Status.FAILED
    if (row.status, row.delivered_at) != (status, since):
        Notice.objects.filter(pk=row.pk).update(status=status, delivered_at=since)
    return since
