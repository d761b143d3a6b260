"""How the API says no: every refusal in one shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError as FormError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from tenants.errors import DomainError


def explain(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer every refusal in one shape: `{"error": {"code", "path", "message"}}` (and `errors` when there are several)."""
    if isinstance(error, DomainError):
        return Response({"error": error.as_dict()}, status=error.status)
    if isinstance(error, FormError):
        error = exceptions.ValidationError(error.message_dict if hasattr(error, "error_dict") else error.messages)
    response = exception_handler(error, context)
    if response is None:
        return None
    found = list(_flat(response.data, ""))
    code = "invalid" if response.status_code == 400 else getattr(error, "default_code", "refused")
    errors = [{"code": code, "path": path, "message": message} for path, message in found]
    response.data = {"error": errors[0]} | ({"errors": errors} if len(errors) > 1 else {})
    return response


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
