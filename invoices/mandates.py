"""Deduction agreements at Alipay and WeChat Pay, from the signature to the end (`offer` and `sign` are in `signing`).

A member consents to a text here (the authorisation) and signs a contract at the provider (the mandate); only both together
let anything be debited. What the provider says of a contract arrives by callback and by asking, in any order and any number
of times, and ends in `settle_contract`. Who ends it here is free at once; the provider is told until it has confirmed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from billing.models import Subscription
from invoices import contracting
from invoices.models import Mandate
from invoices.providers import gateways
from invoices.providers.port import NoAnswer, Refused, Signed, State
from invoices.signing import SIGN_WITHIN, NotOffered, offer, record_signed, sign
from tenants import audit
from tenants.errors import WrongState
from tenants.models import Member, Seller, User

__all__ = [
    "NotOffered",
    "ask",
    "ask_one",
    "end",
    "in_force",
    "named",
    "offer",
    "record_signed",
    "settle_contract",
    "sign",
]
Status, Ended, Pays = Mandate.Status, Mandate.Ended, Subscription.Pays
# A contract in force is asked for once a day: a customer may have ended it in his wallet, and the callback was lost.
DAILY = timedelta(days=1)
# What a provider says of a contract that can be used no more.
GONE = frozenset({State.CLOSED, State.FAILED, State.MISSING})

log = structlog.get_logger(__name__)


def in_force(tenant_id: int, seller_id: int, currency: str) -> Mandate | None:
    """Return a payer's contract that is in force; there is at most one."""
    mine = contracting.of_side(tenant_id, seller_id).filter(status=Status.ACTIVE, currency=currency)
    return mine.select_related("authorisation", "seller", "tenant").first()


def named(provider: str, report: Signed, *, seller: Seller | None = None) -> Mandate | None:
    """Return the contract that a provider speaks of, by our number or by its own; of this seller only, if named."""
    mine = Mandate.objects.filter(provider=provider)
    if seller is not None:
        mine = mine.filter(seller=seller)
    theirs = Q(provider_number=report.provider_number) if report.provider_number else Q(pk=None)
    return mine.filter(Q(number=report.reference) | theirs).order_by("pk").first()


@transaction.atomic
def settle_contract(mandate_id: int, report: Signed, *, at: datetime) -> Mandate:
    """Write what a provider says of a contract: signed, ended, or being signed yet. Any number of times, in any order.

    What was ended here stays ended: when the provider calls such a contract signed, it is told again. A contract newly in
    force takes the place of an earlier one of the same payer.
    """
    mandate = contracting.locked(mandate_id)
    if mandate.status == Status.ENDED:
        _of_ended(mandate, report, at)
    elif report.state == State.SUCCEEDED:
        _of_signed(mandate, report, at)
    elif mandate.status == Status.ACTIVE:
        if report.state in GONE:
            contracting.close(mandate, Ended.AT_PROVIDER, at=at, by=None)
    elif report.state in (State.CLOSED, State.FAILED) or at >= mandate.created_at + SIGN_WITHIN:
        contracting.close(mandate, Ended.NEVER_SIGNED, at=at, by=None)
    else:
        contracting.ask_later(mandate, at)
    return mandate


@transaction.atomic
def end(mandate: Mandate, *, at: datetime, by: User | None, reason: str = "") -> Mandate:
    """End a contract and its authorisation: from this moment nothing is debited. The provider is told by the next tick.

    `reason` is for the audit log. Raises WrongState when it was ended before.
    """
    locked = contracting.locked(mandate.pk)
    if locked.status == Status.ENDED:
        raise WrongState(_("This deduction agreement was ended before; nothing is deducted under it."))
    ours = by is not None and not Member.objects.filter(tenant=locked.tenant_id, user=by).exists()
    how = Ended.BY_US if ours else Ended.BY_CUSTOMER
    contracting.close(locked, how, at=at, by=by, tell_provider=True, reason=reason)
    return locked


def ask(*, at: datetime, limit: int = 200) -> int:
    """Ask providers for the contracts whose time has come, and end there what was ended here; return how many answered.

    Outside of any transaction. A customer who withdrew the authorisation alone has ended its contract too.
    """
    for orphan in Mandate.objects.filter(status=Status.ACTIVE, authorisation__withdrawn_at__lte=at).order_by("pk"):
        _end_orphan(orphan.pk, at=at)
    due = Mandate.objects.filter(ask_at__lte=at).select_related("seller").order_by("ask_at", "pk")[:limit]
    return sum(ask_one(mandate, at=at) is not None for mandate in due)


def ask_one(mandate: Mandate, *, at: datetime) -> Mandate | None:
    """Ask the provider for one contract and write the answer; return None when it did not answer.

    One that was ended here and is in force there is ended there now.
    """
    try:
        gateway = gateways.gateway_of(mandate.seller, mandate.provider)
        said = gateway.ask_contract(mandate.number, mandate.provider_number)
        if mandate.status == Status.ENDED and said.state == State.SUCCEEDED:
            said = gateway.end_contract(mandate.number, said.provider_number or mandate.provider_number)
    except (NoAnswer, Refused, gateways.NoProvider) as refusal:
        log.warning("contract not answered for", mandate=mandate.pk, why=str(refusal))
        _unanswered(mandate.pk, at=at)
        return None
    return settle_contract(mandate.pk, said, at=at)


@transaction.atomic
def _unanswered(mandate_id: int, *, at: datetime) -> None:
    contracting.unanswered(mandate_id, at=at)


@transaction.atomic
def _end_orphan(mandate_id: int, *, at: datetime) -> None:
    mandate = contracting.locked(mandate_id)
    if mandate.status == Status.ACTIVE and mandate.authorisation.withdrawn_at is not None:
        contracting.close(mandate, Ended.BY_CUSTOMER, at=at, by=None, tell_provider=True)


def _of_signed(mandate: Mandate, report: Signed, at: datetime) -> None:
    """Put a contract in force, or see that it still is; one without the provider's number cannot be debited under yet."""
    if mandate.status == Status.SIGNING and not report.provider_number:
        contracting.ask_later(mandate, at)
        return
    mandate.ask_at, mandate.asks = at + DAILY, 0
    if mandate.status == Status.ACTIVE:
        mandate.save(update_fields=["ask_at", "asks"])
        return
    if mandate.authorisation.withdrawn_at is not None:
        contracting.close(mandate, Ended.BY_CUSTOMER, at=at, by=None, tell_provider=True)
        return
    earlier = contracting.of_side(mandate.tenant_id, mandate.seller_id).filter(
        status=Status.ACTIVE, currency=mandate.currency
    )
    for one in earlier.select_for_update(no_key=True).order_by("pk"):
        contracting.close(one, Ended.BY_CUSTOMER, at=at, by=None, tell_provider=True, silent=True)
    mandate.status, mandate.signed_at = Status.ACTIVE, report.at or at
    mandate.provider_number, mandate.payer_masked = report.provider_number, report.payer
    mandate.save(update_fields=["status", "signed_at", "provider_number", "payer_masked", "ask_at", "asks"])
    target, by = f"mandate:{mandate.pk}", mandate.authorisation.given_by
    audit.record("mandate.signed", tenant=mandate.tenant_id, target=target, at=at, by=by)
    contracting.change_way(mandate, Pays.MANUAL, Pays.MANDATE, at=at, by=by)


def _of_ended(mandate: Mandate, report: Signed, at: datetime) -> None:
    """See that the provider has ended what was ended here; one that may yet be signed there is asked for until it cannot."""
    if report.state == State.SUCCEEDED:
        mandate.provider_number = mandate.provider_number or report.provider_number
        mandate.save(update_fields=["provider_number"])
        contracting.ask_later(mandate, at)
    elif report.state == State.WAITING and at < mandate.created_at + SIGN_WITHIN:
        contracting.ask_later(mandate, at)
    else:
        mandate.ask_at, mandate.asks = None, 0
        mandate.save(update_fields=["ask_at", "asks"])
