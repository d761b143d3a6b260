"""How many rows a list shows, and the address that shows more: the filters always stay in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode


def address(base: str, filters: Mapping[str, object], **changed: object) -> str:
    """Return `base` with the filters that are set and some of them changed."""
    query = {name: value for name, value in {**filters, **changed}.items() if value not in ("", None)}
    return f"{base}?{urlencode(query)}" if query else base


def whole(text: str | None, default: int, highest: int) -> int:
    """Read a count from an address; nonsense is the default."""
    return min(int(text), highest) if text and text.isdecimal() else default
