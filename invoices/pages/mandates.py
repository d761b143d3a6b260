"""Deduction agreements: what is signed at Alipay or WeChat Pay, under which consent, up to how much; ended with one click."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.formatting import money
from billing.money import Money
from invoices import mandates, signing, states
from invoices.models import Mandate
from invoices.pages.codes import drawn
from invoices.pages.payers import who
from invoices.pages.paying import seller_of, typed
from invoices.pages.visit import Visit
from invoices.providers import gateways
from tenants.errors import Invalid, NotFound

Status, Provider = Mandate.Status, Mandate.Provider
TEXT_VERSION = "mandate-2026-12"
CONSENT = gettext_noop(
    "%(company)s allows %(seller)s to deduct from its account at %(provider)s.\n"
    "1. Only bills are deducted that come from prices which the company accepted.\n"
    "2. One deduction is at most %(single)s; in one calendar month at most %(month)s.\n"
    "3. Each deduction is announced at least five days before, with its lines, its highest amount and its day. More than that "
    "is never taken.\n"
    "4. The agreement is signed at %(provider)s in the next step; without that nothing is deducted. From then on the bills of "
    "what is paid by hand now are deducted.\n"
    "5. It ends with one click, here or at %(provider)s, without a reason and without a fee, and at once. Bills are then paid "
    "by hand."
)


@dataclass(frozen=True)
class Row:
    """One agreement and where it stands."""

    provider: str
    number: str
    single: Money
    payer: str
    state: states.State
    since: datetime
    ended_at: datetime | None
    address: str
    end: str


@dataclass(frozen=True)
class MandatesPage:
    """The page /controls/agreements/: those there are, and the form of a new one."""

    rows: tuple[Row, ...]
    offered: tuple[tuple[str, str], ...]
    may_pay: bool
    who: str


@dataclass(frozen=True)
class Offer:
    """The consent page: the whole text, nothing ticked; what is posted is what stands in it."""

    provider: str
    provider_name: str
    single: Money
    per_month: Money
    text: str
    version: str
    back: str


@dataclass(frozen=True)
class Signing:
    """The page of one agreement: the code to scan while it is signed, and what became of it."""

    row: Row
    sentence: str
    code: SafeString
    address: str
    turns: str
    back: str


def page(visit: Visit) -> MandatesPage:
    """Return all agreements of this company, newest first, and with whom a new one can be made."""
    seller = seller_of(visit)
    mine = Mandate.objects.filter(tenant=visit.tenant).order_by("-created_at", "-pk")
    named = tuple((code, str(Provider(code).label)) for code in gateways.offered(seller))
    return MandatesPage(tuple(row(visit, one) for one in mine[:20]), named, visit.member.may_pay, who(visit))


def offer(visit: Visit, provider: str, single: str, per_month: str) -> Offer:
    """Return the text of an agreement with these limits; raise Invalid for limits that are none."""
    if provider not in Provider.values:
        raise Invalid(_("Choose Alipay or WeChat Pay."), field="provider")
    one, month = typed(visit, single), typed(visit, per_month)
    if month < one:
        raise Invalid(_("The most of a month cannot be less than the most of one deduction."), field="per_month")
    said = {
        "company": visit.tenant.name_in(visit.language),
        "seller": seller_of(visit).legal_name,
        "provider": Provider(provider).label,
        "single": money(one.minor, one.currency),
        "month": money(month.minor, month.currency),
    }
    return Offer(provider, str(said["provider"]), one, month, _(CONSENT) % said, TEXT_VERSION, visit.to("mandates"))


def agree(visit: Visit, told: Offer, *, address: str | None, site: str) -> Mandate:
    """Keep the consent with the text that was shown, and ask the provider where it is signed."""
    begun = signing.offer(
        visit.tenant,
        seller=seller_of(visit),
        provider=told.provider,
        text=told.text,
        text_version=told.version,
        single_minor=told.single.minor,
        per_month_minor=told.per_month.minor,
        address=address,
        at=visit.at,
        by=visit.user,
    )
    return signing.sign(begun, at=visit.at, return_to=site + visit.to("mandate", begun.pk))


def one(visit: Visit, pk: int) -> Signing:
    """Return the page of one agreement of this company; raise NotFound for any other."""
    found = find(visit, pk)
    is_signing = found.status == Status.SIGNING
    return Signing(
        row=row(visit, found),
        sentence=_sentence(found),
        code=drawn(found.sign_address) if is_signing and found.sign_address else SafeString(""),
        address=found.sign_address if is_signing else "",
        turns=visit.to("mandate_state", found.pk) if is_signing else "",
        back=visit.to("mandates"),
    )


def end(visit: Visit, pk: int) -> None:
    """End an agreement at once."""
    mandates.end(find(visit, pk), at=visit.at, by=visit.user)


def find(visit: Visit, pk: int) -> Mandate:
    """Return an agreement of this company; raise NotFound for any other."""
    found = Mandate.objects.filter(tenant=visit.tenant, pk=pk).select_related("seller").first()
    if found is None:
        raise NotFound(_("There is no such deduction agreement."))
    return found


def row(visit: Visit, found: Mandate) -> Row:
    """Return one agreement as a row."""
    return Row(
        provider=str(found.get_provider_display()),
        number=found.number,
        single=Money(found.single_minor, found.currency),
        payer=found.payer_masked,
        state=states.MANDATE[found.status],
        since=found.signed_at or found.created_at,
        ended_at=found.ended_at,
        address=visit.to("mandate", found.pk),
        end=visit.to("mandate_end", found.pk) if found.status != Status.ENDED and visit.member.may_pay else "",
    )


def _sentence(found: Mandate) -> str:
    provider = {"provider": found.get_provider_display()}
    if found.status == Status.ACTIVE:
        return _("In force. Nothing is deducted that was not announced five days before.")
    if found.status == Status.ENDED:
        return _("Ended. Nothing is deducted under it; bills are paid by hand.")
    return _("Not in force yet: sign it at %(provider)s. Nothing is deducted for it.") % provider
