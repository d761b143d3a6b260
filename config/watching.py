"""For those who watch the service: is it healthy, and what does it measure."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django_prometheus.exports import ExportToDjangoView
from health_check.views import HealthCheckView

from tenants import keys
from tenants.errors import DomainError

LOOPBACK = ("127.0.0.1", "::1")


class Health(HealthCheckView):
    """200 and “OK” while the database answers, else 500; plain text, or JSON by ?format=json."""

    checks = ("health_check.checks.Database",)

    def render_to_response(self, context: dict[str, Any], **answer: Any) -> HttpResponse:
        # Nobody looks at this page: what a browser is shown is what a program is told.
        return self.render_to_response_text(answer.get("status", 200))


def metrics(request: HttpRequest) -> HttpResponse:
    """The counters for Prometheus: for this machine itself, or with an operator's API key that may read."""
    if not (is_here(request) or has_key(request)):
        message = "Ask from this machine, or with an operator's API key of scope read."
        return JsonResponse({"error": {"code": "not_allowed", "path": "", "message": message}}, status=403)
    return ExportToDjangoView(request)


def is_here(request: HttpRequest) -> bool:
    """Return whether the request comes from this machine and was not passed on by a proxy on it."""
    passed_on = {"X-Forwarded-For", "Forwarded", "X-Real-Ip"} & set(request.headers)
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not passed_on


def has_key(request: HttpRequest) -> bool:
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    try:
        key = keys.verify(text.strip(), at=timezone.now())
    except DomainError:
        return False
    return key.tenant_id is None and "read" in key.scopes
