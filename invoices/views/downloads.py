"""Files and parts of pages: CSV, PDF, the seller's colour, a line computed again."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from invoices.models import CreditNote, Document
from invoices.pages import again as recomputing
from invoices.pages import bill, exports, frame, trail
from invoices.pages.visit import Visit
from invoices.views.visits import reading
from tenants import files


def csv_file(visit: Visit, name: str, text: str) -> HttpResponse:
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{visit.tenant.code}-{name}-{visit.today}.csv"'
    return answer


@reading
def bills_csv(visit: Visit, request: HttpRequest) -> HttpResponse:
    return csv_file(visit, "bills", exports.bills(visit, request.GET))


@reading
def bill_csv(visit: Visit, request: HttpRequest, pk: int) -> HttpResponse:
    return csv_file(visit, f"bill-{pk}", exports.bill(visit, pk))


@reading
def events_csv(visit: Visit, request: HttpRequest) -> HttpResponse:
    return csv_file(visit, "usage", exports.events(visit, request.GET))


@reading
def log_csv(visit: Visit, request: HttpRequest) -> HttpResponse:
    return csv_file(visit, "log", exports.written(trail.csv_rows(visit)))


@reading
def bill_pdf(visit: Visit, request: HttpRequest, pk: int, language: str) -> HttpResponse:
    return pdf_file(request, Document.Kind.INVOICE, bill.find(visit, pk).pk, language)


@reading
def credit_pdf(visit: Visit, request: HttpRequest, pk: int, language: str) -> HttpResponse:
    note = CreditNote.objects.filter(tenant=visit.tenant, pk=pk).first()
    if note is None:
        raise Http404
    return pdf_file(request, Document.Kind.CREDIT_NOTE, note.pk, language)


def pdf_file(request: HttpRequest, kind: str, source: int, language: str) -> HttpResponse:
    """Answer with the kept file: in the asked language, else in the one that was made."""
    made = {row.language: row for row in Document.objects.filter(kind=kind, source_id=source)}
    found = made.get(language) or next(iter(made.values()), None)
    if found is None:
        return render(request, "portal/being_made.html", status=404)
    answer = HttpResponse(files.fetch(found.sha256), content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{found.name}"'
    return answer


@reading
def brand_css(visit: Visit, request: HttpRequest) -> HttpResponse:
    """The seller's own colour, where it is dark enough to be read on."""
    seller = frame.seller_of(visit)
    answer = HttpResponse(frame.colour_css(seller.colour if seller else ""), content_type="text/css")
    answer["Cache-Control"] = "private, max-age=3600"
    return answer


@require_POST
@reading
def recompute(visit: Visit, request: HttpRequest, pk: int, line: int) -> HttpResponse:
    """Compute one line again from its records and say whether it agrees: a part for htmx, else a page of its own."""
    found = recomputing.again(visit, pk, line, at=timezone.now())
    template = "portal/parts/again.html" if request.htmx else "portal/again.html"  # type: ignore[attr-defined]
    return render(request, template, {"again": found, "frame": frame.frame(visit, "bills", ""), "visit": visit})
