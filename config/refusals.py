"""How the API says no: every refusal in one shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError as FormError
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from tenants.errors import DomainError, Mistakes, NotFound

# Refusals of the framework, by status; a domain error brings its own code.
CODES = {
    400: "invalid",
    401: "not_authenticated",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    415: "unsupported_media_type",
    429: "too_many_requests",
}


def explain(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer every refusal in one shape: `{"error": {"code", "path", "message"}}` (and `errors` when there are several)."""
    if isinstance(error, DomainError):
        mistakes = error.mistakes if isinstance(error, Mistakes) else (error,)
        return _answer([mistake.as_dict() for mistake in mistakes], mistakes[0].status)
    if isinstance(error, FormError):
        error = exceptions.ValidationError(error.message_dict if hasattr(error, "error_dict") else error.messages)
    response = exception_handler(error, context)
    if response is None:
        return None
    code = CODES.get(response.status_code, "refused")
    found = [{"code": code, "path": path, "message": message} for path, message in _flat(response.data, "")]
    return _answer(found, response.status_code, response.headers)


def not_found(request: HttpRequest, **_path: str) -> JsonResponse:
    """Answer an address of the API that does not exist in the one shape."""
    refusal = NotFound(gettext("There is nothing at this address; see /api/docs."))
    return JsonResponse({"error": refusal.as_dict()}, status=refusal.status)


def _answer(errors: Sequence[dict[str, str]], status: int, headers: Mapping[str, str] | None = None) -> Response:
    data = {"error": errors[0]} | ({"errors": list(errors)} if len(errors) > 1 else {})
    kept = {
        name: value for name, value in (headers or {}).items() if name in ("WWW-Authenticate", "Retry-After", "Allow")
    }
    return Response(data, status=status, headers=kept)


def _flat(data: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield (path, message) of DRF's nested error data."""
    if isinstance(data, dict):
        for key, value in data.items():
            name = "" if key in ("detail", "non_field_errors") else str(key)
            yield from _flat(value, ".".join(p for p in (path, name) if p))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _flat(value, path if isinstance(value, str) else f"{path}[{number}]")
    else:
        yield path, str(data)
