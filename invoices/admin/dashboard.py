"""The operators' first page: what is due, how the last run went, what waits for a person, what is owed."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django.db.models import Count, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing import formatting
from billing.models import Charge, Subscription
from invoices import asking
from invoices.admin.runs import TONES, bar, pace
from invoices.models import BillHold, BillingRun, Invoice, Parked, Payment
from tenants.admin.acts import address, list_address
from tenants.admin.listing import pill
from tenants.admin.words import notice_name
from tenants.models import Notice, Tenant


def show(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the first page shows, each part to those who may see it."""
    now = timezone.now()
    if not request.user.has_perm("invoices.view_invoice"):
        return context
    run = BillingRun.objects.first()
    return context | {
        "cards": cards(now),
        "last_run": run,
        "run_facts": run_facts(run) if run else [],
        "run_to": address(run) if run else "",
        "parked_rows": parked_rows(),
        "overdue_rows": overdue_rows(now),
        "failed_rows": failed_rows(),
        "may_bill": request.user.has_perm("invoices.add_billingrun"),
    }


def cards(now: datetime) -> list[dict[str, Any]]:
    """Return the sums at the head of the page, each with the way to its rows."""
    today = timezone.localdate(now)
    bills = Invoice.objects.open()
    late = bills.overdue(today)
    parked = Parked.objects.filter(resolved_at=None).count()
    failed = Notice.objects.filter(status=Notice.Status.FAILED).count()
    stuck = asking.stuck(now).count()
    held = BillHold.objects.live().count()
    month = today.replace(day=1)
    return [
        card(_("subscriptions due now"), count(Subscription.objects.due(now).count()), list_address(BillingRun)),
        card(_("billed this month"), sums(billed_since(month), "total_minor"), list_address(Invoice)),
        card(_("received this month"), sums(received_since(month), "amount_minor"), list_address(Payment)),
        card(_("still due"), sums(bills, "due_minor"), list_address(Invoice, "overdue=open"), note=bills.count()),
        card(
            _("overdue"),
            sums(late, "due_minor"),
            list_address(Invoice, "overdue=yes"),
            note=late.count(),
            alarm=late.exists(),
        ),
        card(
            _("charges waiting for a bill"), count(Charge.objects.waiting().count()), list_address(Charge, "taken=no")
        ),
        card(_("customers parked"), count(parked), list_address(Parked, "waiting=yes"), alarm=parked > 0),
        card(_("notices not delivered"), count(failed), list_address(Notice, "status__exact=failed"), alarm=failed > 0),
        card(_("payments to look at"), count(stuck), list_address(Payment, "watch=yes"), alarm=stuck > 0),
        card(_("held bills"), count(held), list_address(BillHold, "waiting=yes"), alarm=held > 0),
        card(_("customers"), count(Tenant.objects.billable().count()), list_address(Tenant)),
    ]


def card(title: Any, figure: str, to: str, *, note: int | None = None, alarm: bool = False) -> dict[str, Any]:
    """Return one sum of the page."""
    return {"title": title, "figure": figure, "to": to, "note": note, "alarm": alarm}


def count(number: int) -> str:
    return formatting.quantity(number)


def billed_since(month: date) -> Any:
    return Invoice.objects.issued().filter(issued_at__gte=local_start(month))


def received_since(month: date) -> Any:
    """Return the money that came in: what was paid from a balance came in before."""
    came = Payment.objects.filter(status__in=(Payment.Status.SUCCEEDED, Payment.Status.REFUNDED))
    return came.filter(received_at__gte=local_start(month)).exclude(method=Payment.Method.WALLET)


def local_start(day: date) -> datetime:
    """Return the first instant of a day in the operators' zone."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())


def sums(query: Any, field: str) -> str:
    """Return the sum of a column, one for each currency."""
    found = query.order_by().values("currency").annotate(sum=Sum(field), rows=Count("id")).order_by("-rows")
    return " + ".join(formatting.money(int(row["sum"]), row["currency"]) for row in found) or formatting.quantity(0)


def run_facts(run: BillingRun) -> list[tuple[Any, Any]]:
    """Return what the page says of the last run."""
    return [
        (_("state"), pill(run.get_status_display(), TONES[run.status])),
        (_("progress"), bar(run)),
        (_("charges"), count(run.charges)),
        (_("bills issued"), count(run.invoices)),
        (_("bills a second"), pace(run)),
        (_("customers parked"), count(run.parked)),
    ]


def parked_rows() -> list[tuple[str, Any, str, str]]:
    """Return the customers that wait longest, with the reason."""
    rows = Parked.objects.filter(resolved_at=None).select_related("tenant").order_by("at")[:8]
    return [(address(row), row.tenant, row.get_stage_display(), row.reason) for row in rows]


def overdue_rows(now: datetime) -> list[tuple[str, Any, Any, date | None, str]]:
    """Return the oldest overdue bills."""
    rows = Invoice.objects.overdue(timezone.localdate(now)).select_related("tenant").order_by("due_on", "id")[:8]
    return [(address(row), row, row.tenant, row.due_on, formatting.money(row.due_minor, row.currency)) for row in rows]


def failed_rows() -> list[tuple[str, Any, Any, datetime]]:
    """Return the notices that nobody received."""
    rows = Notice.objects.filter(status=Notice.Status.FAILED).select_related("tenant")[:8]
    return [(address(row), row.tenant, notice_name(row.kind), row.created_at) for row in rows]


def parked_badge(request: HttpRequest) -> str:
    """Return how many customers are parked, for the sidebar; nothing when there are none."""
    waiting = Parked.objects.filter(resolved_at=None).count()
    return count(waiting) if waiting else ""


def failed_badge(request: HttpRequest) -> str:
    """Return how many notices were not delivered, for the sidebar."""
    failed = Notice.objects.filter(status=Notice.Status.FAILED).count()
    return count(failed) if failed else ""
