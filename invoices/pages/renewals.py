"""Automatic renewal: stopped by one click, agreed to only with the whole text in sight (REQUIREMENTS B2, C1)."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing import formatting, subscriptions
from billing.models import Subscription
from invoices.pages import titles
from invoices.pages.subscription import SubscriptionCard, card
from invoices.pages.visit import Visit
from tenants import agreements
from tenants.errors import NotFound, WrongState
from tenants.models.agreements import RENEWS

TEXT_VERSION = "renewal-1"
CONSENT = gettext_noop(
    "%(company)s agrees with %(seller)s that the plan “%(plan)s” renews by itself.\n"
    "1. The running term ends with %(day)s. From the day after, and at the end of each later term, a new term of "
    "the same length begins.\n"
    "2. Prices are those of version %(version)s of the price list that the company accepted. Another price needs "
    "another acceptance.\n"
    "3. Each bill is sent on the day it is issued. As long as the subscription is paid by hand, nothing is deducted "
    "from any account.\n"
    "4. Should the company later choose automatic deduction, each one is announced at least five days before with "
    "its lines and its highest amount, and more than that is never taken.\n"
    "5. Renewal can be switched off at any time with one click, without a reason and without a fee. It then ends "
    "with the running term."
)


@dataclass(frozen=True)
class ConsentPage:
    """The page on which automatic renewal is agreed to: the whole text, nothing ticked beforehand."""

    card: SubscriptionCard
    text: str
    version: str
    confirm: str
    back: str


def find(visit: Visit, pk: int) -> Subscription:
    """Return a subscription of this company; raise NotFound for any other."""
    found = Subscription.objects.filter(tenant=visit.tenant, pk=pk)
    row = found.select_related("plan", "version", "acceptance", "seller", "renewal_consent").first()
    if row is None:
        raise NotFound(_("There is no such subscription."))
    return row


def text(visit: Visit, row: Subscription) -> str:
    """Return what is agreed to, in the reader's language: it is kept as it was shown."""
    last = titles.last_day(row.term_end_on)
    said = {
        "company": visit.tenant.name_in(visit.language),
        "seller": row.seller.legal_name,
        "plan": row.plan.name_in(visit.language),
        "version": row.version.number,
        "day": formatting.day(last, visit.language, "weekday"),
    }
    return _(CONSENT) % said


def consent(visit: Visit, pk: int) -> ConsentPage:
    """Return the consent page of one subscription."""
    row = find(visit, pk)
    return ConsentPage(
        card(visit, row), text(visit, row), TEXT_VERSION, visit.to("renewal", pk), visit.to("subscription")
    )


def agree(visit: Visit, pk: int, *, address: str | None) -> None:
    """Record the consent with the text that was shown, and switch renewal on."""
    row = find(visit, pk)
    given = agreements.authorise(
        visit.tenant,
        seller=row.seller,
        text=text(visit, row),
        text_version=TEXT_VERSION,
        at=visit.at,
        by=visit.user,
        scope=RENEWS,
        currency=row.currency,
        address=address,
    )
    subscriptions.renew_automatically(row, consent=given, at=visit.at, by=visit.user)


def stop(visit: Visit, pk: int) -> SubscriptionCard:
    """Switch renewal off at once; return the card as it stands now."""
    subscriptions.stop_renewing(find(visit, pk), at=visit.at, by=visit.user)
    return card(visit, find(visit, pk))


def restore(visit: Visit, pk: int) -> None:
    """Take a stop back under the consent that is still in force; without one, the consent page is the way."""
    row = find(visit, pk)
    if row.renewal_consent is None or row.renewal_consent.withdrawn_at:
        raise WrongState(_("The authorisation was withdrawn, so the renewal needs your consent again."))
    subscriptions.renew_automatically(row, consent=row.renewal_consent, at=visit.at, by=visit.user)
