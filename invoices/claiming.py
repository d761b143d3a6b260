"""A customer tells us of a transfer that we have not found yet: with the bank's receipt, to be matched or declined."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from billing.money import Money
from invoices.models import TransferClaim
from tenants import audit, files
from tenants.errors import Invalid, NotFound, WrongState
from tenants.models import Seller, Tenant, User
from usage.periods import local_day

MOST_BYTES = 5 * 1024 * 1024
OLDEST = timedelta(days=400)
# By the first bytes of a file, never by its name.
TYPES = ((b"%PDF-", "application/pdf"), (b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


@dataclass(frozen=True, slots=True)
class Receipt:
    """A file that the customer sent: its name, and what is in it."""

    name: str
    content: bytes


def claim(
    tenant: Tenant,
    *,
    seller: Seller,
    amount: Money,
    paid_on: date,
    payer_name: str,
    key: str,
    at: datetime,
    by: User | None,
    last_digits: str = "",
    remark: str = "",
    receipt: Receipt | None = None,
) -> TransferClaim:
    """Record a customer's word that he has transferred `amount`; sent again under the same key it is the same claim.

    Of the account only the last four digits are taken. A receipt is a PDF, JPEG or PNG of at most 5 MiB. Raises Invalid.
    """
    if amount.minor <= 0:
        raise Invalid(_("The amount must be above zero."), field="amount")
    if not payer_name.strip():
        raise Invalid(_("Write the name of the account that paid."), field="payer_name")
    today = local_day(at, tenant.timezone)
    if not today - OLDEST <= paid_on <= today:
        raise Invalid(_("The day of the transfer lies in the future or too long ago."), field="paid_on")
    if last_digits and not re.fullmatch(r"[0-9]{4}", last_digits):
        raise Invalid(_("Write the last four digits of the account, nothing more."), field="last_digits")
    told = {
        "seller": seller,
        "currency": amount.currency,
        "amount_minor": amount.minor,
        "paid_on": paid_on,
        "payer_name": payer_name.strip()[:200],
        "last_digits": last_digits,
        "remark": remark.strip()[:300],
        "made_at": at,
        "made_by": by,
    }
    return _record(tenant, key, told | _kept(receipt))


@transaction.atomic
def _record(tenant: Tenant, key: str, told: dict[str, object]) -> TransferClaim:
    made, fresh = TransferClaim.objects.get_or_create(tenant=tenant, key=key, defaults=told)
    if fresh:
        audit.record(
            "transfer.claimed",
            tenant=tenant,
            target=f"transfer_claim:{made.pk}",
            at=made.made_at,
            by=made.made_by,
            amount=str(Money(made.amount_minor, made.currency).amount),
        )
    return made


def _kept(receipt: Receipt | None) -> dict[str, str]:
    """Keep the receipt and return what the claim says of it."""
    if receipt is None:
        return {}
    if len(receipt.content) > MOST_BYTES:
        raise Invalid(_("The receipt is larger than 5 MiB; send a smaller picture."), field="receipt")
    kind = next((kind for start, kind in TYPES if receipt.content.startswith(start)), "")
    if not kind:
        raise Invalid(_("Send the receipt as PDF, JPEG or PNG."), field="receipt")
    name = re.sub(r"[^\w.()（） -]", "_", receipt.name)[-200:] or "receipt"
    return {"receipt_name": name, "receipt_type": kind, "receipt_sha256": files.keep(receipt.content)}


@transaction.atomic
def decline(claim: TransferClaim, *, reason: str, at: datetime, by: User | None) -> TransferClaim:
    """Answer a claim that no money was found for it, with the reason that the customer reads. Raises Invalid, WrongState."""
    if not reason.strip():
        raise Invalid(_("Say why; the customer reads it."), field="reason")
    claim = TransferClaim.objects.select_for_update(no_key=True, of=("self",)).get(pk=claim.pk)
    if claim.state != TransferClaim.State.OPEN:
        raise WrongState(_("This claim was answered before."))
    claim.state, claim.reason = TransferClaim.State.DECLINED, reason.strip()[:300]
    claim.settled_at, claim.settled_by = at, by
    claim.save(update_fields=["state", "reason", "settled_at", "settled_by"])
    audit.record(
        "transfer.declined", tenant=claim.tenant, target=f"transfer_claim:{claim.pk}", at=at, by=by, reason=claim.reason
    )
    return claim


def receipt_of(claim: TransferClaim) -> bytes:
    """Return the receipt that came with a claim; raise NotFound where none did."""
    if not claim.receipt_sha256:
        raise NotFound(_("No receipt came with this claim."))
    return files.fetch(claim.receipt_sha256)
