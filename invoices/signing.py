"""Offer a deduction agreement and have it signed: the member's consent here, the contract at the provider.

As with a payment the intent is written first (`offer`), then the provider is called (`sign`), and what became of it arrives
by callback or by asking (`mandates.settle_contract`).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from billing.models import Subscription
from invoices import contracting, debit_windows
from invoices.models import Mandate
from invoices.pauses import pause
from invoices.providers import gateways
from invoices.providers.port import Contract, NoAnswer, Refused
from tenants import agreements
from tenants.errors import Invalid, WrongState
from tenants.models import Authorisation, Seller, Tenant, User
from usage.periods import Interval, local_day

Status, Provider = Mandate.Status, Mandate.Provider
# Providers debit yuan only.
CURRENCY = "CNY"
# So long the page of the provider on which a contract is signed can be used.
SIGN_WITHIN = timedelta(hours=24)
MONTHS = {Interval.QUARTER: 3, Interval.HALF_YEAR: 6, Interval.YEAR: 12}

log = structlog.get_logger(__name__)


class NotOffered(WrongState):
    """The provider did not open the page on which the contract is signed."""

    code = "mandate_not_offered"


@transaction.atomic
def offer(
    tenant: Tenant,
    *,
    seller: Seller,
    provider: str,
    text: str,
    text_version: str,
    single_minor: int,
    at: datetime,
    by: User | None,
    per_month_minor: int | None = None,
    execute_on: date | None = None,
    every_months: int | None = None,
    address: str | None = None,
) -> Mandate:
    """Keep a member's consent with the text that was shown, and the contract that he goes on to sign (`sign`).

    `single_minor` is the most of one debit, in fen. Alipay's first day of deduction and its rhythm follow the customer's
    next renewal unless they are named. A contract that was still being signed is given up; one in force stays until
    the new one is signed. Raises Invalid for a provider, a currency or a payer that cannot be.
    """
    _refuse(tenant, provider, single_minor)
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    for other in contracting.of_side(tenant.pk, seller.pk).filter(status=Status.SIGNING).order_by("pk"):
        # His page may still be open: should he sign there after all, it is ended at the provider too.
        contracting.close(other, Mandate.Ended.NEVER_SIGNED, at=at, by=by)
    rhythm = _rhythm(tenant, seller, execute_on, every_months, at) if provider == Provider.ALIPAY else (None, None)
    consent = agreements.authorise(
        tenant,
        seller=seller,
        text=text,
        text_version=text_version,
        at=at,
        by=by,
        ceiling_minor=single_minor,
        per_month_minor=per_month_minor,
        currency=CURRENCY,
        address=address,
    )
    first_question = at + pause(0)
    return contracting.write(consent, provider, single_minor, rhythm, at, status=Status.SIGNING, ask_at=first_question)


def sign(mandate: Mandate, *, at: datetime, return_to: str = "") -> Mandate:
    """Ask the provider where a contract is signed, outside of any transaction, and keep the address.

    A second time changes nothing. Raises WrongState for a contract that is not being signed, and NotOffered when the
    provider refuses or does not answer: then it may be tried again.
    """
    if mandate.status != Status.SIGNING or at >= mandate.created_at + SIGN_WITHIN:
        raise WrongState(_("This deduction agreement is no longer being signed; begin a new one."))
    if mandate.sign_address:
        return mandate
    wanted = Contract(
        reference=mandate.number,
        single_minor=mandate.single_minor,
        name=mandate.seller.brand,
        every_months=mandate.every_months or 1,
        execute_on=mandate.execute_on,
        return_to=return_to,
    )
    try:
        found = gateways.gateway_for(mandate.seller, mandate.provider).sign(wanted)
    except (NoAnswer, Refused) as refusal:
        log.warning("contract not offered", mandate=mandate.pk, why=str(refusal))
        raise NotOffered(_("The provider did not open its page. Nothing was agreed; please try again.")) from None
    Mandate.objects.filter(pk=mandate.pk, sign_address="").update(sign_address=found)
    mandate.refresh_from_db()
    return mandate


@transaction.atomic
def record_signed(
    authorisation: Authorisation,
    *,
    provider: str,
    single_minor: int,
    at: datetime,
    number: str = "",
    provider_number: str = "",
    execute_on: date | None = None,
    every_months: int | None = None,
) -> Mandate:
    """Keep a contract that is in force already: one brought along from elsewhere, or a rehearsal's.

    An authorisation of scope `renews` only holds the contract: what may be debited stands in the customer's others. One of
    Alipay without a day of deduction may debit on any day.
    """
    ours = number or contracting.number(at)
    return contracting.write(
        authorisation,
        provider,
        single_minor,
        (execute_on, every_months),
        at,
        number=ours,
        provider_number=provider_number or f"C{ours}",
        status=Status.ACTIVE,
        signed_at=at,
    )


def _refuse(tenant: Tenant, provider: str, single_minor: int) -> None:
    if provider not in Provider.values:
        raise Invalid(_("Choose Alipay or WeChat Pay."), field="provider")
    if tenant.parent_id is not None:
        raise Invalid(_("The bills of this company are paid by its parent company, which signs."), field="tenant")
    if tenant.currency != CURRENCY:
        raise Invalid(_("Alipay and WeChat Pay deduct yuan only."), field="currency")
    if single_minor <= 0:
        raise Invalid(_("The amount must be above zero."), field="single_minor")


def _rhythm(
    tenant: Tenant, seller: Seller, execute_on: date | None, every_months: int | None, at: datetime
) -> tuple[date, int]:
    """Return Alipay's first day of deduction and its months: of the renewal that comes next, where they are not named."""
    mine = Subscription.objects.live().filter(payer=tenant, seller=seller, next_at__gt=at)
    found = mine.select_related("version").order_by("next_at").first()
    interval = Interval(found.version.interval) if found else Interval.MONTH
    due_on = local_day(found.next_at, found.zone) if found and found.next_at else local_day(at, tenant.timezone)
    day = execute_on or debit_windows.first_execution(due_on)
    if day.day > debit_windows.LAST_DAY:
        raise Invalid(_("Alipay's day of deduction is the 1st to the 28th of a month."), field="execute_on")
    return day, every_months or MONTHS.get(interval, 1)
