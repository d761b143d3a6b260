"""Rows of evidence for `tests.rows.furnish`: a key that signs, and a pack on record."""

from __future__ import annotations

from datetime import datetime, timedelta

from invoices import models as invoices
from tenants.models import Seller, Tenant

HASH = "a" * 64


def proven(tenant: Tenant, at: datetime) -> None:
    """Write one row of each table of evidence."""
    invoices.SigningKey.objects.create(
        seller=Seller.objects.earliest("pk"), public_key="k", fingerprint=HASH, secret="-", made_at=at
    )
    invoices.EvidencePack.objects.create(
        tenant=tenant,
        start_on=at.date(),
        end_on=at.date() + timedelta(days=1),
        sha256=HASH,
        manifest_sha256=HASH,
        fingerprint=HASH,
        bytes=1,
        made_at=at,
    )
