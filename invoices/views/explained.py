"""What a customer checks us with: a line's derivation and its events, evidence packs, the keys and the program to verify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from invoices import evidence
from invoices.deriving import derive
from invoices.models import SigningKey
from invoices.pages import exports
from invoices.pages import line as line_page
from invoices.pages import packs_of_evidence as evidence_page
from invoices.pages.visit import Visit
from invoices.views.visits import acting, page, reading
from tenants import files
from tenants.errors import Invalid
from tenants.models import Member

VERIFIER = Path(settings.BASE_DIR) / "docs" / "verify" / "verify_pack.py"


@page("portal/line.html", "bills", chart=True)
def line(visit: Visit, request: HttpRequest, pk: int, line: int) -> line_page.LinePage:
    return line_page.page(visit, pk, line, request.GET)


@reading
def line_csv(visit: Visit, request: HttpRequest, pk: int, line: int) -> HttpResponse:
    """The events of a line, all of them or of one day, written as they are read."""
    row = line_page.find(visit, pk, line)
    told = line_page.rows(visit, derive(row.charge_id), line_page.day_of(request.GET.get("day")))
    answer = HttpResponse(exports.written(told), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{visit.tenant.code}-line-{row.pk}.csv"'
    return answer


@page("portal/evidence.html", "bills", "evidence")
def packs(visit: Visit, request: HttpRequest) -> evidence_page.EvidencePage:
    return evidence_page.page(visit, reverse("portal:signing_keys"), reverse("portal:verifier"))


@require_POST
@acting(roles=frozenset(Member.Role))
def make(visit: Visit, request: HttpRequest) -> str:
    """Make a pack of the days that are asked for; it stands on the list then, with its fingerprint."""
    try:
        start, end = evidence_page.period(request.POST)
        made = evidence.keep(visit.tenant, start, end, at=visit.at, by=visit.user)
    except Invalid as refusal:
        messages.error(request, refusal.message, extra_tags="danger")
        return visit.to("evidence")
    said = _("The pack is made. Its fingerprint is %(sha256)s.") % {"sha256": made.sha256}
    messages.success(request, said, extra_tags="done")
    return visit.to("evidence")


@reading
def file(visit: Visit, request: HttpRequest, sha256: str) -> Any:
    """The file of a pack of this company, by its fingerprint."""
    found = evidence_page.find(visit, sha256)
    name = evidence_page.name_of(found)
    return FileResponse(
        files.place(found.sha256).open("rb"), as_attachment=True, filename=name, content_type="application/zip"
    )


@require_GET
def signing_keys(request: HttpRequest) -> HttpResponse:
    """The public keys of all sellers, the retired ones too, for everybody."""
    found = SigningKey.objects.select_related("seller").order_by("seller", "-made_at")
    return render(request, "portal/signing_keys.html", {"keys": found})


@require_GET
def verifier(request: HttpRequest) -> FileResponse:
    """The program that checks a pack, as a file."""
    return FileResponse(VERIFIER.open("rb"), as_attachment=True, filename=VERIFIER.name, content_type="text/x-python")
