"""The API's frame: who calls, what they may do, how fast, and in pages (how a refusal looks: config.refusals)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from tenants import keys
from tenants.models import ApiKey

if TYPE_CHECKING:
    # rest_framework.views imports this module while it is loading.
    from rest_framework.views import APIView


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer mz_….…`; `request.auth` is then the ApiKey."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return _Program(), keys.verify(text.strip(), at=timezone.now())

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class _Program:
    """The caller of an API request: a program, not a person."""

    is_authenticated = True
    is_active = True
    pk = None


class HasScope(BasePermission):
    """The key has the scope that the view names in `scope` (default: `read` for safe methods, else `write`)."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, ApiKey):
            raise exceptions.NotAuthenticated(_("Send an API key: Authorization: Bearer …"))
        safe = request.method in ("GET", "HEAD", "OPTIONS")
        scope = getattr(view, "scope", None) or ("read" if safe else "write")
        self.message = _("This API key lacks the scope “%(scope)s”.") % {"scope": scope}
        return scope in request.auth.scopes


class JsonBody(JSONParser):
    """JSON; what is nested so deeply that reading it gives up is refused like any other malformed body."""

    def parse(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().parse(*arguments, **options)
        except RecursionError as error:
            raise exceptions.ParseError(_("This JSON is nested too deeply.")) from error


class KeyThrottle(SimpleRateThrottle):
    """So many requests a minute for each key."""

    scope = "key"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return f"throttle:{request.auth.pk}" if isinstance(request.auth, ApiKey) else None


class Pages(CursorPagination):
    """Newest first, by cursor: stable while rows are added."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-id"

    def decode_cursor(self, request: Request) -> Any:
        cursor = super().decode_cursor(request)
        # Only our own cursors hold an id; what somebody made up must not reach the database.
        if (
            cursor is not None
            and cursor.position is not None
            and not re.fullmatch(r"[0-9]{1,18}", str(cursor.position))
        ):
            raise exceptions.NotFound(self.invalid_cursor_message)
        return cursor
