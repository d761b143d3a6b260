"""What waits for a second person of the company: the list, one request, the decision, and the limit itself."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from invoices import debiting, purchasing
from invoices.forms import FormPage, LimitForm
from invoices.models import PurchaseRequest
from invoices.pages import approvals as approvals_page
from invoices.pages.visit import Visit
from invoices.views.visits import acting, form_page, page
from tenants.errors import DomainError, NotAllowed
from tenants.models import Member


@page("portal/approvals.html", "controls", "approvals")
def approvals(visit: Visit, request: HttpRequest) -> approvals_page.ApprovalsPage:
    return approvals_page.page(visit)


@page("portal/approval.html", "controls")
def approval(visit: Visit, request: HttpRequest, pk: int) -> approvals_page.ApprovalPage:
    return approvals_page.one(visit, pk)


@require_POST
@acting(roles=Member.MAY_PAY)
def approval_decide(visit: Visit, request: HttpRequest, pk: int) -> str:
    found = approvals_page.find(visit, pk)
    do = approve if request.POST.get("answer") == "approve" else decline
    try:
        do(visit, request, found)
    except NotAllowed:
        raise
    except DomainError as refusal:
        messages.error(request, _("Nothing was done. %(why)s") % {"why": refusal.message}, extra_tags="danger")
    return visit.to("approval", pk)


def approve(visit: Visit, request: HttpRequest, found: PurchaseRequest) -> None:
    decided = purchasing.approve(found, at=visit.at, by=visit.user, address=request.META.get("REMOTE_ADDR"))
    transaction.on_commit(partial(debiting.finish, list(decided.invoices), at=visit.at), robust=True)
    said = approvals_page.answer(decided.request)
    if decided.request.state == PurchaseRequest.State.APPROVED:
        messages.success(request, said, extra_tags="done")
    else:
        messages.error(request, said, extra_tags="danger")


def decline(visit: Visit, request: HttpRequest, found: PurchaseRequest) -> None:
    purchasing.decline(found, reason=request.POST.get("reason", ""), at=visit.at, by=visit.user)
    messages.success(request, _("Not approved. Nothing is charged, and who asked is told."), extra_tags="done")


@form_page("controls", roles=frozenset({Member.Role.OWNER}))
def purchase_limit(visit: Visit, request: HttpRequest) -> FormPage | str | HttpResponse:
    form = LimitForm(visit.tenant, **({"data": request.POST} if request.method == "POST" else {}))
    title = _("Purchases above which amount need a second person?")
    if request.method != "POST" or not form.is_valid():
        return FormPage(title, form, visit.to("approvals"))
    try:
        asked = purchasing.set_limit(visit.tenant, form.cleaned_data["limit"], at=visit.at, by=visit.user)
    except DomainError as refusal:
        form.add_error("limit", refusal.message)
        return FormPage(title, form, visit.to("approvals"))
    if asked is not None:
        messages.success(
            request, _("It waits for a second person; until then the limit stays as it is."), extra_tags="done"
        )
        return visit.to("approval", asked.pk)
    messages.success(request, _("Saved. The limit is in force from now on."), extra_tags="done")
    return visit.to("approvals")
