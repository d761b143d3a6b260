"""What a benchmark says: one row per number."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """`limit` is empty for a number that only informs."""

    name: str
    value: str
    limit: str
    ok: bool
