"""Where a person begins, and the few things that belong to no company: the choice of one, and light or dark."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from tenants.models import Tenant

A_YEAR = 365 * 24 * 3600


@login_required
def start(request: HttpRequest) -> HttpResponse:
    """Go to the only company, let the person choose among several, and send an operator to the admin."""
    mine = list(Tenant.objects.filter(members__user=request.user).order_by("name"))
    if len(mine) == 1:
        return redirect("portal:overview", company=mine[0].code)
    if not mine and request.user.is_staff:
        return redirect("admin:index")
    return render(request, "portal/companies.html", {"companies": mine})


@require_POST
def appearance(request: HttpRequest) -> HttpResponse:
    """Remember light or dark for this browser; anything else follows the device."""
    target = request.POST.get("next", "/")
    answer = redirect(
        target if url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()) else "/"
    )
    chosen = request.POST.get("appearance")
    if chosen in ("light", "dark"):
        answer.set_cookie("appearance", chosen, max_age=A_YEAR, samesite="Lax", secure=request.is_secure())
    else:
        answer.delete_cookie("appearance")
    return answer
