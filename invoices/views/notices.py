"""What the company was told, and how it wants to be told."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from invoices.models import Document
from invoices.pages import notices as notices_page
from invoices.pages import notifications as notifications_page
from invoices.pages import wallet as wallet_page
from invoices.pages.visit import Visit
from invoices.views.downloads import pdf_file
from invoices.views.visits import acting, found_or_404, page, reading, visit_of
from tenants import reaching
from tenants.models import Member


@page("portal/notices.html", "payments", "notices")
def notices(visit: Visit, request: HttpRequest) -> notices_page.NoticesPage:
    return notices_page.page(visit, request.GET)


@page("portal/notice.html", "payments")
def _notice(visit: Visit, request: HttpRequest, pk: int) -> notices_page.NoticePage:
    return notices_page.one(visit, pk)


@login_required
def notice(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Show one notice. Opened by a member of the company it has been delivered; our own staff do not count."""
    visit = visit_of(request, company)
    if not getattr(request.user, "is_hijacked", False):
        with found_or_404():
            reaching.opened(notices_page.find(visit, pk), at=timezone.now(), by=visit.user)
    return _notice(request, company=company, pk=pk)


@reading
def notice_pdf(visit: Visit, request: HttpRequest, pk: int, language: str) -> HttpResponse:
    return pdf_file(request, Document.Kind.NOTICE, wallet_page.own(visit, pk).pk, language)


@page("portal/notifications.html", "settings", "notifications")
def _notifications(visit: Visit, request: HttpRequest) -> notifications_page.NotificationsPage:
    return notifications_page.page(visit)


@acting(roles=Member.MAY_MANAGE)
def _save(visit: Visit, request: HttpRequest) -> str:
    said = notifications_page.save(visit, request.POST, request.POST.getlist("days"))
    messages.success(request, said, extra_tags="done")
    return visit.to("notifications")


def notifications(request: HttpRequest, company: str) -> HttpResponse:
    """The page of preferences, and with POST the saving of them."""
    return (_save if request.method == "POST" else _notifications)(request, company=company)


@require_POST
@acting(roles=Member.MAY_MANAGE)
def wecom(visit: Visit, request: HttpRequest) -> str:
    leave = "leave" in request.POST
    address = request.POST.get("address", "")
    said = notifications_page.leave_group(visit) if leave else notifications_page.use_group(visit, address)
    messages.success(request, said, extra_tags="done")
    return visit.to("notifications")
