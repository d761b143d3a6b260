"""Compose the printed notice of a deduction from its frozen rows: the notice itself and the message that goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from hashlib import sha256
from itertools import zip_longest
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from billing import formatting, wallets
from billing.models import Subscription
from invoices import issuing
from invoices.capitals import in_capitals
from invoices.composing import buyer_party, seller_party
from invoices.document import Period
from invoices.models import ChargeNotice, Mandate, Payment
from invoices.notice_document import Before, NoticeDocument, NoticeLine
from tenants import agreements
from tenants.models import Notice
from tenants.models.agreements import RENEWS

Pays = Subscription.Pays


def compose(notice: ChargeNotice, letter: Notice, language: str) -> NoticeDocument:
    """Return a notice as it is printed in `language` (`zh-hans` or `en`), as it stood when it was announced.

    Expects `tenant` and `seller` to be selected along. The day is the one that the message names.
    """
    chinese = formatting.is_chinese(language)
    zone = ZoneInfo(notice.tenant.timezone)
    charge_at = datetime.fromisoformat(letter.payload["charge_at"]).astimezone(zone)
    with translation.override(language):
        return NoticeDocument(
            language="zh-Hans" if chinese else "en",
            number=number_of(notice),
            sent_on=notice.announced_at.astimezone(zone).date(),
            seller=seller_party(issuing.seller_copy(notice.seller), chinese),
            email=notice.seller.email,
            buyer=buyer_party(issuing.buyer_copy(notice.tenant), chinese),
            currency=notice.currency,
            charge_at=charge_at,
            from_where=_from_where(notice),
            facts=tuple(_facts(notice, charge_at, language)),
            lines=tuple(_lines(notice, chinese)),
            total_minor=notice.total_minor,
            capitals=in_capitals(notice.total_minor, notice.currency) if chinese and notice.currency == "CNY" else "",
            tax_included=notice.seller.tax_inclusive,
            address=f"{settings.SITE_URL}/c/{notice.tenant.code}/deductions/{notice.pk}/",
            before=_before(notice),
            verification_code=verification_code(notice),
        )


def number_of(notice: ChargeNotice) -> str:
    """Return the number under which a notice is filed."""
    return f"TZ-{notice.announced_at:%Y}-{notice.pk:06d}"


def verification_code(notice: ChargeNotice) -> str:
    """Return a short code over day, amount and instant of a notice, by which a copy is compared with ours."""
    text = (
        f"{notice.pk}|{notice.announced_at:%Y-%m-%dT%H:%M:%S%z}|{notice.due_on}|{notice.currency}|{notice.total_minor}"
    )
    digest = sha256(text.encode()).hexdigest().upper()
    return "-".join((digest[:4], digest[4:8], digest[8:12]))


def _lines(notice: ChargeNotice, chinese: bool) -> Iterator[NoticeLine]:
    summed = 0
    for line in notice.lines:
        summed += line["amount_minor"]
        yield NoticeLine(
            name=line["name"] if chinese else line["name_en"] or line["name"],
            amount_minor=line["amount_minor"],
            fixed=True,
            period=Period(first=date.fromisoformat(line["first"]), last=date.fromisoformat(line["last"])),
        )
    if notice.of == ChargeNotice.Of.RENEWAL and notice.ceiling_minor:
        summed += notice.ceiling_minor
        yield NoticeLine(
            name=_("Usage of the period that ends, at most"), amount_minor=notice.ceiling_minor, fixed=False
        )
    if rest := notice.total_minor - summed:
        fixed = notice.of == ChargeNotice.Of.BILL or not notice.ceiling_minor
        yield NoticeLine(name=_("Tax") if rest > 0 else _("Discounts"), amount_minor=rest, fixed=fixed)


def _from_where(notice: ChargeNotice) -> str:
    if notice.pays == Pays.WALLET:
        return _("your balance")
    return _("your account with %(provider)s") % {"provider": _provider(notice)}


def _provider(notice: ChargeNotice) -> str:
    side = {"tenant": notice.tenant_id, "seller": notice.seller_id, "currency": notice.currency}
    mandate = Mandate.objects.filter(**side, status=Mandate.Status.ACTIVE).order_by("-pk").first()
    return str(mandate.get_provider_display()) if mandate else _("the provider of your agreement")


def _facts(notice: ChargeNotice, charge_at: datetime, language: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield the facts in two columns, each where there is something to say."""
    tenant = notice.tenant
    day = formatting.day(charge_at.date(), language, "long")
    left = [
        (_("Customer"), tenant.name_in(language)),
        (_("Tax number"), tenant.tax_number),
        (_("Authorisation"), _authorisation(notice, language)),
    ]
    right = [
        (_("Deducted"), _("%(day)s, from %(time)s on") % {"day": day, "time": f"{charge_at:%H:%M}"}),
        (_("Taken from"), _way(notice)),
        (
            _("Cost centre"),
            pgettext("between facts", ", ").join(filter(None, (tenant.cost_centre, tenant.purchase_order))),
        ),
    ]
    sides = ([row for row in side if row[1]] for side in (left, right))
    for one, other in zip_longest(*sides, fillvalue=("", "")):
        yield (*one, *other)


def _way(notice: ChargeNotice) -> str:
    if notice.pays != Pays.WALLET:
        return _provider(notice)
    held = wallets.balance(notice.tenant, notice.seller, notice.currency).total
    return _("Balance, %(held)s when this was made") % {"held": formatting.money(held, notice.currency)}


def _authorisation(notice: ChargeNotice, language: str) -> str:
    """Return by what right it is deducted: who allowed it, when, and up to how much; the newest that is in force."""
    found = agreements.in_force(notice.announced_at).filter(
        tenant=notice.tenant_id, seller=notice.seller_id, currency=notice.currency
    )
    given = found.exclude(scope=RENEWS).order_by("-given_at", "-pk").first()
    if given is None:
        return _("none is in force; without one nothing is deducted")
    zone = ZoneInfo(notice.tenant.timezone)
    said = [given.given_by_name, formatting.day(given.given_at.astimezone(zone).date(), language, "long")]
    if given.ceiling_minor is not None:
        amount = formatting.money(given.ceiling_minor, given.currency)
        said.append(_("at most %(amount)s at once") % {"amount": amount})
    return pgettext("between facts", ", ").join(filter(None, said))


def _before(notice: ChargeNotice) -> Before | None:
    """Return the last deduction from this payer before the notice was sent."""
    taken = Payment.objects.filter(
        tenant=notice.tenant_id,
        seller=notice.seller_id,
        currency=notice.currency,
        basis=Payment.Basis.AUTOMATIC,
        status=Payment.Status.SUCCEEDED,
        received_at__lte=notice.announced_at,
    )
    last = taken.order_by("-received_at", "-pk").first()
    if last is None:
        return None
    day = last.received_at.astimezone(ZoneInfo(notice.tenant.timezone)).date()
    return Before(day=day, taken_minor=last.amount_minor, more_minor=notice.total_minor - last.amount_minor)
