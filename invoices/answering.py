"""The customer's answer to a quote: accept, decline; and the end of one that waits no more.

Accepting starts the contract in the same transaction, once: the quote's row is locked, its state is asked, and a
subscription belongs to one quote (a constraint). The answer keeps who, when, from where, and the text that was shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256

from django.db import transaction
from django.utils.translation import gettext as _

from billing import weighing
from billing.models import Subscription
from billing.orders import Order
from billing.weighing import Weight
from invoices import checkout, starting
from invoices.models import PurchaseRequest, Quote
from tenants import agreements, audit, notices
from tenants.errors import Conflict, Invalid, NotAllowed, WrongState
from tenants.models import Authorisation, Member, Tenant, User
from tenants.models.agreements import RENEWS
from usage.periods import local_day

Status = Quote.Status
# The consent to renew is part of the quote's text, and lets nothing be deducted.
RENEWAL_TEXT = "quote-1"


class QuoteExpired(WrongState):
    """The last day on which the quote could be accepted has passed."""

    code = "quote_expired"


class QuoteChanged(Conflict):
    """What the member saw is not what stands there now."""

    code = "quote_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Yes:
    """A member's yes: which quote as seen (its hash), the whole text as shown, whether it was confirmed, from where.

    `twice`: it is wanted though another account with the same tax number has the product.
    """

    seen: str
    text: str
    confirmed: bool
    address: str | None = None
    twice: bool = False


@transaction.atomic
def accept(quote: Quote, yes: Yes, *, by: User, at: datetime, approved: PurchaseRequest | None = None) -> Subscription:
    """Accept a quote for its customer and start its contract, once, in one transaction.

    `by` must be a member who may commit the company to pay. Raises NotAllowed, QuoteExpired, QuoteChanged (what was seen
    is not what stands there), WrongState (answered before), Invalid (not confirmed), or what the order is refused with;
    and AboveLimit where the company's own limit needs a second person, unless `approved` is the request being approved.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=quote.tenant_id)
    locked = locked_row(quote)
    _refuse_others(tenant, by)
    if locked.status != Status.SENT:
        raise answered(locked)
    if local_day(at, locked.zone) > locked.valid_until:
        raise QuoteExpired(_("This quote was valid until %(day)s. Ask for a new one.") % {"day": locked.valid_until})
    if yes.seen != locked.sha256:
        raise QuoteChanged(_("The quote has changed since you opened it. Nothing was accepted; please read it again."))
    if not yes.confirmed:
        raise Invalid(_("Please confirm that you have read the quote and may accept it."), field="confirmed")
    consent = _consent(locked, tenant, yes, at, by)
    begun = starting.start(
        locked, tenant, partial(_subscribe, twice=yes.twice, at=at, by=by), consent=consent, at=at, by=by
    )
    if approved is None or approved.quote_id != locked.pk:
        weighing.refuse(tenant.pk, locked.currency, _weight(locked, begun, at=at))
    _answer(locked, Status.ACCEPTED, at=at, by=by, address=yes.address, text=yes.text, subscription=begun)
    audit.record("quote.accepted", tenant=tenant, target=f"quote:{locked.pk}", at=at, by=by, sha256=locked.sha256)
    _tell_accepted(locked, begun, at)
    return begun


def _weight(quote: Quote, begun: Subscription, *, at: datetime) -> Weight:
    """Return what a quote weighs against the company's limit: its whole cost, and a year of the contract."""
    if weighing.limit_of(quote.tenant_id) is None:
        return Weight()
    return Weight((quote.estimate or {}).get("total_minor", 0), weighing.yearly(begun, at=at))


@transaction.atomic
def decline(quote: Quote, *, reason: str = "", at: datetime, by: User, address: str | None = None) -> Quote:
    """Say no to a quote for its customer. Raises NotAllowed for who may not commit the company, WrongState when answered."""
    locked = locked_row(quote)
    _refuse_others(locked.tenant, by)
    return close(locked, Status.DECLINED, reason, at=at, by=by, address=address)


def _subscribe(order: Order, *, twice: bool, at: datetime, by: User) -> Subscription:
    """Start the contract as a confirmed purchase: what it costs at once is billed at once."""
    return checkout.subscribe(replace(order, twice=twice), at=at, by=by).subscription


def answered(quote: Quote) -> WrongState:
    """Return the refusal of a second answer, which says what the first one was."""
    if quote.status == Status.ACCEPTED:
        return WrongState(
            _("%(name)s accepted this quote on %(day)s.")
            % {"name": quote.answered_by_name, "day": quote.answered_at and local_day(quote.answered_at, quote.zone)}
        )
    if quote.status == Status.EXPIRED:
        return QuoteExpired(_("This quote was valid until %(day)s. Ask for a new one.") % {"day": quote.valid_until})
    return WrongState(_("This quote is no longer open: it was declined or withdrawn. Ask for a new one."))


def locked_row(quote: Quote) -> Quote:
    """Return a quote as it stands now, locked for the rest of the transaction."""
    rows = Quote.objects.select_related("tenant", "seller", "version__plan__seller", "series", "supersedes")
    return rows.select_for_update(of=("self",), no_key=True).get(pk=quote.pk)


def _refuse_others(tenant: Tenant, by: User) -> None:
    member = Member.objects.filter(tenant=tenant, user=by).first()
    if member is None or not member.may_pay:
        raise NotAllowed(_("Only the owner or a payer of the company may answer a quote."))


def _consent(quote: Quote, tenant: Tenant, yes: Yes, at: datetime, by: User) -> Authorisation | None:
    """Record the consent to renewal, where the quoted contract renews: its text is part of what was shown."""
    if not quote.renews:
        return None
    return agreements.authorise(
        tenant,
        seller=quote.seller,
        text=yes.text,
        text_version=RENEWAL_TEXT,
        at=at,
        by=by,
        scope=RENEWS,
        currency=quote.currency,
        address=yes.address,
    )


def close(
    locked: Quote, status: str, reason: str, *, at: datetime, by: User | None, address: str | None = None
) -> Quote:
    """End a locked quote that waits for its answer; raise what became of it otherwise."""
    if locked.status != Status.SENT:
        raise answered(locked)
    _answer(locked, status, at=at, by=by, address=address, reason=reason)
    audit.record(f"quote.{status}", tenant=locked.tenant_id, target=f"quote:{locked.pk}", at=at, by=by, reason=reason)
    return locked


def _answer(
    locked: Quote,
    status: str,
    *,
    at: datetime,
    by: User | None,
    address: str | None = None,
    reason: str = "",
    text: str = "",
    subscription: Subscription | None = None,
) -> None:
    locked.status, locked.answered_at, locked.answered_by = status, at, by
    locked.answered_by_name = by.get_full_name() if by else ""
    locked.answered_from, locked.reason = address, reason[:300]
    locked.shown_text, locked.shown_sha256 = text, sha256(text.encode()).hexdigest() if text else ""
    locked.subscription = subscription
    locked.save()


def _tell_accepted(quote: Quote, begun: Subscription, at: datetime) -> None:
    assert quote.estimate is not None
    notices.announce(
        quote.tenant,
        kind="quote_accepted",
        key=f"quote-accepted:{quote.pk}",
        payload={
            "tenant": quote.tenant.name_in(quote.language),
            "path": f"/c/{quote.tenant.code}/quotes/{quote.pk}/",
            "number": str(quote),
            "plan": quote.version.plan.name_in(quote.language),
            "by_name": quote.answered_by_name,
            "first_day": str(begun.start_on),
            "currency": quote.currency,
            "total_minor": quote.estimate["total_minor"],
        },
        language=quote.language,
        seller=quote.seller,
        at=at,
    )
