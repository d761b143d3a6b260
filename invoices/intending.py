"""Write down that money will be asked for at a provider, before anybody calls it: what for, how much, under which number."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from billing.formatting import money
from invoices import attributing, payments
from invoices.attributing import Use
from invoices.models import ChargeNotice, Invoice, Mandate, Payment, PaymentPart
from invoices.providers import gateways
from tenants import agreements, audit
from tenants.bulk import among
from tenants.errors import Invalid, WrongState
from tenants.models import Authorisation, Seller, Tenant, User
from usage.periods import local_day

Product, Purpose, Status = Payment.Product, Payment.Purpose, Payment.Status
# Both providers let a code be scanned for two hours.
GOOD_FOR = timedelta(hours=2)
FIRST_ASK = timedelta(seconds=30)
# Their clocks are Beijing's, and so is the day in a number.
ZONE = "Asia/Shanghai"


class Withdrawn(WrongState):
    """The authorisation was withdrawn, or its days are over: nothing may be deducted under it."""

    code = "authorisation_withdrawn"


@transaction.atomic
def intend(
    tenant: Tenant,
    *,
    seller: Seller,
    currency: str,
    method: str,
    product: str,
    at: datetime,
    by: User | None,
    bills: Mapping[int, int | None] | None = None,
    top_up_minor: int | None = None,
    basis: str = Payment.Basis.BY_HAND,
    mandate: Mandate | None = None,
    authorisation: Authorisation | None = None,
    notice: ChargeNotice | None = None,
    uses: Iterable[Use] = (),
) -> Payment:
    """Intend a payment of these bills (by id: minor units, or None for all that is due), of a top-up, or of both.

    `paying.begin` asks the provider, after this is committed. Raises UnderWay, which names the other payment, when one is
    under way for any of the bills; WrongState for a bill that is not open; Invalid for an amount above what is due, a
    currency that the providers do not take, or nothing to pay; NoProvider without an account there; Withdrawn of consent.
    """
    _check_way(seller, currency, method, product, mandate)
    _check_right(tenant, seller, method, basis, mandate, authorisation, notice)
    parts = _parts(tenant, seller, currency, bills or {})
    if (top_up_minor is not None and top_up_minor <= 0) or (not parts and not top_up_minor):
        raise Invalid(_("The amount must be above zero."), field="amount")
    if authorisation is not None:
        share(authorisation, at=at)
    payment = Payment.objects.create(
        tenant=tenant,
        seller=seller,
        currency=currency,
        amount_minor=sum(part for _bill, part in parts) + (top_up_minor or 0),
        purpose=Purpose.BILLS if parts else Purpose.TOP_UP,
        basis=basis,
        invoice=parts[0][0] if len(parts) == 1 else None,
        mandate=mandate,
        authorisation=authorisation,
        notice=notice,
        recorded_by=by,
        **_unasked(method, product, at),
    )
    attributing.write(payment, uses)
    PaymentPart.objects.bulk_create(
        PaymentPart(tenant=tenant, payment=payment, invoice=bill, amount_minor=part) for bill, part in parts
    )
    _record(payment, [bill.pk for bill, _part in parts])
    return payment


def _unasked(method: str, product: str, at: datetime) -> dict[str, Any]:
    """Return the way, the state, the number and the times of a payment that nobody has been asked for yet."""
    return {
        "method": method,
        "provider": method,
        "product": product,
        "reference": number(at),
        "status": Status.INTENDED,
        "expires_at": None if product == Product.DEBIT else at + GOOD_FOR,
        "ask_at": at + FIRST_ASK,
        "received_at": at,
        "recorded_at": at,
    }


def _record(payment: Payment, bills: list[int]) -> None:
    audit.record(
        "payment.intended",
        tenant=payment.tenant,
        target=f"payment:{payment.pk}",
        at=payment.recorded_at,
        by=payment.recorded_by,
        reference=payment.reference,
        amount_minor=payment.amount_minor,
        bills=bills,
    )


def number(at: datetime) -> str:
    """Return a fresh number of ours: WeChat takes 32 characters and Alipay 64, letters and digits please both."""
    return f"MZ{local_day(at, ZONE):%Y%m%d}{secrets.token_hex(10)}"


def share(authorisation: Authorisation, *, at: datetime) -> None:
    """Hold an authorisation as it is until the transaction ends; raise Withdrawn when it is not in force at `at`."""
    held = Authorisation.objects.select_for_update(no_key=True).get(pk=authorisation.pk)
    if held.withdrawn_at is not None:
        raise Withdrawn(_("The authorisation was withdrawn; nothing is deducted under it."))
    if not agreements.is_in_force(held, at):
        raise Withdrawn(_("The authorisation is not valid on this day; nothing is deducted under it."))


def _check_way(seller: Seller, currency: str, method: str, product: str, mandate: Mandate | None) -> None:
    if method not in gateways.offered(seller):
        raise gateways.NoProvider(_("This way of payment is not available now; choose another one."), field="method")
    if currency != "CNY":
        raise Invalid(_("Alipay and WeChat Pay take yuan only; pay by bank transfer."), field="currency")
    if (product == Product.DEBIT) != (mandate is not None):
        raise Invalid(_("A deduction names its agreement, and nothing else has one."), field="product")


def _check_right(
    tenant: Tenant,
    seller: Seller,
    method: str,
    basis: str,
    mandate: Mandate | None,
    authorisation: Authorisation | None,
    notice: ChargeNotice | None,
) -> None:
    """Refuse to deduct by another's right, and under an agreement what was neither confirmed nor announced."""
    rights = [one for one in (mandate, authorisation, notice) if one is not None]
    if any((one.tenant_id, one.seller_id) != (tenant.pk, seller.pk) for one in rights):
        raise Invalid(_("Agreement, authorisation and notice have to be of this customer and seller."), field="mandate")
    if mandate is not None and (mandate.provider != method or basis == Payment.Basis.BY_HAND):
        raise Invalid(
            _("Under an agreement its own provider deducts what was confirmed or announced, and nothing else."),
            field="mandate",
        )


def _parts(
    tenant: Tenant, seller: Seller, currency: str, wanted: Mapping[int, int | None]
) -> list[tuple[Invoice, int]]:
    """Lock the bills and return how much is to be paid of each."""
    if not wanted:
        return []
    mine = Invoice.objects.owed().filter(among("pk", list(wanted)), tenant=tenant, seller=seller, currency=currency)
    locked = list(mine.select_for_update(no_key=True).order_by("pk"))
    if len(locked) < len(wanted):
        raise WrongState(_("Only an issued bill that is not settled can be paid."))
    payments.refuse_under_way(wanted)
    parts = []
    for bill in locked:
        asked = wanted[bill.pk]
        part = bill.due_minor if asked is None else asked
        if not 0 < part <= bill.due_minor:
            raise Invalid(
                _("Of this bill %(due)s can be paid.") % {"due": money(bill.due_minor, bill.currency)}, field="amount"
            )
        parts.append((bill, part))
    return parts
