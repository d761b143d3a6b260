"""The course of a deduction agreement's row: written, asked for, closed. `signing` and `mandates` decide when."""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta

import structlog
from django.db.models import QuerySet

from billing import subscriptions
from billing.models import Subscription
from invoices import telling_debits
from invoices.models import Mandate
from invoices.pauses import pause
from tenants import agreements, audit
from tenants.models import Authorisation, Tenant, User

Status, Ended, Pays = Mandate.Status, Mandate.Ended, Subscription.Pays
# A contract that was ended here and not at the provider for so long is somebody's business.
ALARM = timedelta(days=1)

log = structlog.get_logger(__name__)


def number(at: datetime) -> str:
    """Return a new number of ours for a contract: letters and digits, at most 32 (WeChat's contract_code)."""
    return f"A{at:%Y%m%d}{secrets.token_hex(8).upper()}"


def write(
    consent: Authorisation,
    provider: str,
    single_minor: int,
    rhythm: tuple[date | None, int | None],
    at: datetime,
    **state: object,
) -> Mandate:
    """Write a contract under a member's consent; `rhythm` is Alipay's first day of deduction and its months."""
    facts: dict[str, object] = {"number": number(at), **state}
    written = Mandate.objects.create(
        tenant=consent.tenant,
        seller=consent.seller,
        currency=consent.currency,
        provider=provider,
        authorisation=consent,
        single_minor=single_minor,
        execute_on=rhythm[0],
        every_months=rhythm[1],
        created_at=at,
        **facts,
    )
    target = f"mandate:{written.pk}"
    audit.record(f"mandate.{written.status}", tenant=consent.tenant, target=target, at=at, by=consent.given_by)
    return written


def of_side(tenant_id: int, seller_id: int) -> QuerySet[Mandate]:
    """Return a payer's contracts with a seller."""
    return Mandate.objects.filter(tenant=tenant_id, seller=seller_id)


def locked(mandate_id: int) -> Mandate:
    """Lock the payer, then his contract: of two contracts of one payer one is settled at a time."""
    payer = Mandate.objects.values_list("tenant_id", flat=True).get(pk=mandate_id)
    Tenant.objects.select_for_update(no_key=True).get(pk=payer)
    rows = Mandate.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("tenant", "seller", "authorisation").get(pk=mandate_id)


def close(
    mandate: Mandate,
    how: str,
    *,
    at: datetime,
    by: User | None,
    tell_provider: bool = False,
    silent: bool = False,
    reason: str = "",
) -> None:
    """End a locked contract, and its authorisation with it; tell the customer which bills it leaves open.

    With `tell_provider` the provider is told by the next tick, and asked until it has confirmed. `silent` is a contract
    that gives way to a new one.
    """
    was_in_force = mandate.status == Status.ACTIVE
    mandate.status, mandate.ended_at, mandate.ended_by = Status.ENDED, at, how
    mandate.ask_at, mandate.asks = (at if tell_provider else None), 0
    mandate.save(update_fields=["status", "ended_at", "ended_by", "ask_at", "asks"])
    consent = Authorisation.objects.select_for_update(no_key=True).get(pk=mandate.authorisation_id)
    if consent.withdrawn_at is None:
        agreements.withdraw(consent, at=at, by=by)
    target = f"mandate:{mandate.pk}"
    detail = {"ended_by": how} | ({"reason": reason} if reason else {})
    audit.record("mandate.ended", tenant=mandate.tenant_id, target=target, at=at, by=by, **detail)
    if was_in_force and not silent:
        change_way(mandate, Pays.MANDATE, Pays.MANUAL, at=at, by=by)
        telling_debits.ended(mandate, at=at)


def change_way(mandate: Mandate, frm: str, to: str, *, at: datetime, by: User | None) -> None:
    """Let the payer's later bills be paid in another way: what was paid by hand is deducted under a contract in force, and is
    paid by hand again once it has ended."""
    subscriptions.change_way(mandate.tenant_id, mandate.seller_id, mandate.currency, frm=frm, to=to, at=at, by=by)


def ask_later(mandate: Mandate, at: datetime) -> None:
    """Let the provider be asked again after the next pause."""
    mandate.ask_at = at + pause(mandate.asks)
    mandate.asks += 1
    mandate.save(update_fields=["ask_at", "asks"])


def unanswered(mandate_id: int, *, at: datetime) -> None:
    """Keep that a provider did not answer for a contract; raise the alarm for one that was ended here long ago."""
    mandate = locked(mandate_id)
    ask_later(mandate, at)
    if mandate.ended_at is not None and at - mandate.ended_at >= ALARM:
        log.error("a contract was ended here and is not confirmed", mandate=mandate.pk, number=mandate.number)
