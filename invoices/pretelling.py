"""Tell WeChat Pay of debits before they are made, as it demands itself (预扣费通知): one day it is told, it waits the next, and
debits from the third on for seven days, at most what it was told, each day from seven to twenty-two.

This stands beside our own notice (CONTRACTS rule 17), never instead of it. An announced deduction is told so early that it
can be debited on its day; a bill that a member confirmed, or that is tried again, as soon as it is seen. Providers that
ask for nothing (Alipay, a rehearsal) are told nothing, or answer without a window.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from billing.models import Subscription
from invoices import allowing, debit_rules, debit_windows, mandates, paying
from invoices.allowing import Held
from invoices.models import ChargeNotice, Invoice, Mandate, MandateNotice
from invoices.providers import gateways
from invoices.providers.port import Debit, NoAnswer, Refused
from tenants.bulk import among

Provider = Mandate.Provider
# What WeChat did not take, or did not answer, is told again after this.
AGAIN = timedelta(hours=1)
NO_ANSWER = "no_answer"

log = structlog.get_logger(__name__)


def tell(*, at: datetime) -> int:
    """Tell WeChat of what is debited within days; return of how many it has accepted. Only within WeChat's hours.

    Calls the provider, so it runs outside of any transaction. Running it twice tells nothing twice.
    """
    paying.outside_of_transactions()
    if not debit_windows.in_wechat_hours(at):
        return 0
    told = sum(_tell_of_notice(notice, at) for notice in to_tell(at))
    return told + tell_of(debit_rules.to_debit(at).values_list("pk", flat=True), at=at)


def tell_of(bills: Iterable[int], *, at: datetime, again: bool = False) -> int:
    """Tell WeChat of bills (by id) that may be debited and of which it does not know; return of how many it has accepted.

    `again` tells of bills too that were tried in vain: on the days of dunning, not each time that a window is over.
    """
    if not debit_windows.in_wechat_hours(at):
        return 0
    rows = Invoice.objects.filter(among("pk", list(bills))).select_related("tenant", "seller")
    return sum(_tell_of_bill(bill, at, again=again) for bill in rows.order_by("due_on", "pk"))


def to_tell(at: datetime) -> QuerySet[ChargeNotice]:
    """Return the announced deductions in force that come within days, of payers whose agreement is with WeChat, and of which
    WeChat does not know."""
    side = {"tenant": OuterRef("tenant"), "seller": OuterRef("seller"), "currency": OuterRef("currency")}
    coming = ChargeNotice.objects.filter(
        pays=Subscription.Pays.MANDATE,
        total_minor__gt=0,
        charge_at__gt=at,
        charge_at__lte=at + debit_windows.TOLD_AHEAD,
    )
    newer = ChargeNotice.objects.filter(
        **side, pays=OuterRef("pays"), due_on=OuterRef("due_on"), of=OuterRef("of"), version__gt=OuterRef("version")
    )
    with_wechat = Mandate.objects.filter(**side, status=Mandate.Status.ACTIVE, provider=Provider.WECHAT)
    known = MandateNotice.objects.filter(
        notice=OuterRef("pk"), mandate__status=Mandate.Status.ACTIVE, accepted_at__isnull=False
    )
    return coming.filter(Exists(with_wechat)).exclude(Exists(newer)).exclude(Exists(known)).order_by("charge_at", "pk")


def _tell_of_notice(notice: ChargeNotice, at: datetime) -> bool:
    mandate = mandates.in_force(notice.tenant_id, notice.seller_id, notice.currency)
    if mandate is None:
        return False
    row = _claimed(mandate, min(notice.total_minor, mandate.single_minor), at, notice=notice)
    return row is not None and _told(row, at)


def _tell_of_bill(bill: Invoice, at: datetime, *, again: bool) -> bool:
    mandate = mandates.in_force(bill.tenant_id, bill.seller_id, bill.currency)
    if mandate is None or mandate.provider != Provider.WECHAT or debit_rules.is_fresh(mandate, at):
        return False
    right = allowing.right(bill, at=at)
    if isinstance(right, Held) or bill.claimable_minor > mandate.single_minor:
        return False
    if any(debit_rules.still_serves(one, at) for one in debit_rules.told(bill, mandate, right)):
        return False
    if not again and debit_rules.was_tried(bill, mandate, right, at=at, passing=False):
        return False
    row = _claimed(mandate, bill.claimable_minor, at, invoice=bill)
    return row is not None and _told(row, at)


@transaction.atomic
def _claimed(
    mandate: Mandate, amount_minor: int, at: datetime, **about: ChargeNotice | Invoice
) -> MandateNotice | None:
    """Keep that WeChat is told now, so that nobody else tells it; None where it was told a moment ago."""
    locked = Mandate.objects.select_for_update(no_key=True).get(pk=mandate.pk)
    if locked.status != Mandate.Status.ACTIVE:
        return None
    known = MandateNotice.objects.filter(mandate=mandate, **about).select_for_update(no_key=True).first()
    if known is None:
        known = MandateNotice(mandate=mandate, tenant_id=mandate.tenant_id, amount_minor=amount_minor, **about)
    elif known.tried_at > at - AGAIN:
        return None
    known.tried_at = at
    known.save()
    return known


def _told(row: MandateNotice, at: datetime) -> bool:
    debit = Debit(
        reference=f"N{row.notice_id}" if row.notice_id else f"B{row.invoice_id}",
        contract=row.mandate.provider_number,
        amount_minor=row.amount_minor,
        subject=row.mandate.seller.brand,
    )
    try:
        window = gateways.gateway_for(row.mandate.seller, row.mandate.provider).tell_of_debit(debit)
    except (NoAnswer, gateways.NoProvider):
        return _not_taken(row, NO_ANSWER)
    except Refused as refusal:
        return _not_taken(row, refusal.code)
    opens, closes = window or (None, None)
    told = {"accepted_at": at, "debit_from": opens, "debit_until": closes, "failure": ""}
    MandateNotice.objects.filter(pk=row.pk).update(**told)
    return True


def _not_taken(row: MandateNotice, why: str) -> bool:
    log.warning("a provider was not told of a debit", mandate=row.mandate_id, notice=row.pk, why=why)
    MandateNotice.objects.filter(pk=row.pk).update(failure=why)
    return False
