"""Disputes: where each is, opening one on a page of its own, evidence, appeal, and taking it back."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from billing.formatting import money
from invoices import dispute_evidence, dispute_rules, disputing
from invoices.claiming import MOST_BYTES, Receipt
from invoices.models import DisputeEvidence, Invoice
from invoices.pages import dispute_ask as ask_page
from invoices.pages import disputes as disputes_page
from invoices.pages.bill import find
from invoices.pages.visit import Visit
from invoices.views.visits import acting, page, reading
from tenants import access
from tenants.errors import Conflict

Side = DisputeEvidence.Side


class Stale(Conflict):
    """What was shown is not what would be disputed any more."""

    code = "amount_changed"


@page("portal/disputes.html", "bills", "disputes")
def disputes(visit: Visit, request: HttpRequest) -> disputes_page.DisputesPage:
    return disputes_page.page(visit)


@page("portal/dispute.html", "bills")
def dispute(visit: Visit, request: HttpRequest, pk: int) -> disputes_page.DisputePage:
    return disputes_page.one(visit, pk)


@page("portal/dispute_ask.html", "bills")
def _of_bill(visit: Visit, request: HttpRequest, pk: int) -> ask_page.AskPage:
    return ask_page.page(visit, pk, request.GET.dict())


@acting(roles=disputes_page.MAY)
def _open(visit: Visit, request: HttpRequest, pk: int) -> str:
    bill, said, file = find(visit, pk), request.POST.dict(), _file(request)
    wish, amount = wanted(visit, bill, said)
    made = disputing.open(
        bill,
        line=wish.line,
        days=wish.days,
        amount_minor=amount,
        reason=said.get("reason", ""),
        at=visit.at,
        by=visit.user,
    )
    if file is not None:
        dispute_evidence.add(made, side=Side.CUSTOMER, file=file, at=visit.at, by=visit.user)
    messages.success(request, _("It is frozen from now on. Here you see how it goes on."), extra_tags="done")
    return visit.to("dispute", made.pk)


def wanted(visit: Visit, bill: Invoice, said: dict[str, str]) -> tuple[ask_page.Wish, int]:
    """Return what is disputed and how much of it; raise Stale for more than may be by now."""
    # Read as the page read it, so that what was shown is what is compared.
    with access.as_tenant(visit.tenant):
        wish = ask_page.read(visit, bill, said)
        amount = ask_page.typed(visit, wish.amount)
        most = dispute_rules.most(bill, wish.line, wish.days)
    if amount > most > 0:
        now = money(most, bill.currency)
        raise Stale(_("What can be disputed has changed meanwhile: now it is %(amount)s.") % {"amount": now})
    return wish, amount


def ask(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """The page on which something of a bill is disputed, and with POST the disputing."""
    return (_open if request.method == "POST" else _of_bill)(request, company=company, pk=pk)


@acting(roles=disputes_page.MAY)
def evidence(visit: Visit, request: HttpRequest, pk: int) -> str:
    row, text = disputes_page.find(visit, pk), request.POST.get("text", "")
    dispute_evidence.add(row, side=Side.CUSTOMER, text=text, file=_file(request), at=visit.at, by=visit.user)
    messages.success(request, _("Added. We read it before we answer."), extra_tags="done")
    return visit.to("dispute", row.pk)


@acting(roles=disputes_page.MAY)
def appeal(visit: Visit, request: HttpRequest, pk: int) -> str:
    row = disputes_page.find(visit, pk)
    disputing.appeal(row, text=request.POST.get("text", ""), at=visit.at, by=visit.user)
    messages.success(request, _("Somebody else looks at it now."), extra_tags="done")
    return visit.to("dispute", row.pk)


@acting(roles=disputes_page.MAY)
def withdraw(visit: Visit, request: HttpRequest, pk: int) -> str:
    row = disputes_page.find(visit, pk)
    disputing.withdraw(row, at=visit.at, by=visit.user)
    messages.success(request, _("Taken back. Nothing of it is frozen any more."), extra_tags="done")
    return visit.to("dispute", row.pk)


@reading
def file(visit: Visit, request: HttpRequest, pk: int, evidence: int) -> HttpResponse:
    found = DisputeEvidence.objects.filter(tenant=visit.tenant, dispute=pk, pk=evidence).first()
    if found is None:
        raise Http404
    return as_file(found)


def as_file(found: DisputeEvidence) -> HttpResponse:
    """Answer with a file, to be saved: what somebody sent is never shown as a page of ours."""
    answer = HttpResponse(dispute_evidence.content(found), content_type=found.file_type)
    answer.headers["Content-Disposition"] = "attachment"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def _file(request: HttpRequest) -> Receipt | None:
    sent = request.FILES.get("file")
    return Receipt(sent.name or "", sent.read(MOST_BYTES + 1)) if sent else None
