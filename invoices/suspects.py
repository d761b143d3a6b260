"""What a sweep suspects to be a double, before it is flagged. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from tenants.models import Tenant, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One possible double: whose, of what kind, what tells it from all others (`of`), and what it comes to in minor units.

    `meant`: it was confirmed knowingly when it was bought, by `meant_by`.
    """

    tenant: Tenant
    seller_id: int
    kind: str
    of: tuple[str | int, ...]
    currency: str
    amount_minor: int
    detail: Mapping[str, Any] = field(default_factory=dict)
    other: Tenant | None = None
    meant: bool = False
    meant_by: User | None = None

    @property
    def fingerprint(self) -> str:
        """The name under which it is flagged once."""
        return sha256("|".join(map(str, self.of)).encode()).hexdigest()
