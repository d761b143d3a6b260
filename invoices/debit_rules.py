"""What a deduction agreement lets be debited now: its limit, the provider's days and hours, and what was tried before.

Rules 16–18 are asked first, as for the balance (`allowing`). What is missing is a `Held` with a reason of `allowing`'s, or:
outside_hours, tried, under_way, above_single_limit, outside_window, once_a_period, once_a_day, provider_not_told,
too_soon_for_provider. Limits and windows are the providers' (research: china.md §1.1 and §1.3).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.models import Subscription
from invoices import allowing, debit_windows, working_hours
from invoices.allowing import Held
from invoices.models import Invoice, Mandate, MandateNotice, Payment, PaymentPart
from invoices.models.documents import InvoiceQuerySet
from invoices.providers.port import Failure
from invoices.taking import Basis, Right
from usage.periods import local_day, local_midnight

Provider, Status, Product = Mandate.Provider, Payment.Status, Payment.Product
# It took nothing for a reason that passes by itself; it is tried again on another day.
PASSING = (Failure.NOT_TOLD, Failure.WRONG_DAY, Failure.CLOSED)


def to_debit(at: datetime) -> InvoiceQuerySet:
    """Return the open bills that are debited under an agreement, whose day has come, and those that were confirmed and could
    not be paid; none of which a payment is under way."""
    vain = Payment.objects.filter(invoice=OuterRef("pk"), basis=Basis.CONFIRMED, status=Status.FAILED)
    live = PaymentPart.objects.filter(invoice=OuterRef("pk"), live=True)
    mine = Invoice.objects.open().filter(pays=Subscription.Pays.MANDATE, due_minor__gt=0)
    return mine.filter(Q(charge_at__lte=at) | Exists(vain)).exclude(Exists(live))


def allowed(
    bill: Invoice, mandate: Mandate, *, at: datetime, again: bool = False, any_hour: bool = False, hold: bool = False
) -> Right | Held:
    """Return by what right all of a bill that nobody disputes may be debited now, or what is missing.

    `again` tries what was tried before; `any_hour` is for rehearsals, which deduct at the very instant of rule 17.
    """
    right = allowing.right(bill, at=at, hold=hold)
    if isinstance(right, Held):
        return right
    if not any_hour and not working_hours.within(at):
        return Held("outside_hours")
    if not again and was_tried(bill, mandate, right, at=at):
        return Held("tried")
    reason = hindrance(bill, mandate, right, at=at)
    return Held(reason) if reason else right


def hindrance(bill: Invoice, mandate: Mandate, right: Right, *, at: datetime) -> str:
    """Return what of the provider's rules stands against debiting a bill's due now; empty for nothing."""
    if bill.claimable_minor > mandate.single_minor:
        return "above_single_limit"
    if mandate.provider == Provider.ALIPAY:
        return _of_alipay(mandate, at)
    return _of_wechat(bill, mandate, right, at)


def was_tried(bill: Invoice, mandate: Mandate, right: Right, *, at: datetime, passing: bool = True) -> bool:
    """Return whether this agreement took nothing for the bill, however much of it, since WeChat was last told of it.

    A part that was paid in another way changes nothing of how it failed (rule 20). What failed for a reason that passes is
    tried again on another day of Beijing; without `passing` it does not count.
    """
    vain = PaymentPart.objects.filter(invoice=bill, payment__mandate=mandate, payment__status=Status.FAILED)
    last_told = told(bill, mandate, right).filter(invoice__isnull=False).first()
    if last_told is not None and last_told.accepted_at is not None:
        vain = vain.filter(payment__recorded_at__gte=last_told.accepted_at)
    lasting = vain.exclude(payment__failure__in=PASSING)
    today = vain.filter(payment__recorded_at__gte=_midnight(at))
    return lasting.exists() or (passing and today.exists())


def told(bill: Invoice, mandate: Mandate, right: Right) -> QuerySet[MandateNotice]:
    """Return what WeChat has accepted for this bill: told of it by itself, or of the deduction that announced it."""
    about = Q(invoice=bill) | Q(notice=right.notice) if right.notice else Q(invoice=bill)
    accepted = MandateNotice.objects.filter(about, mandate=mandate, accepted_at__isnull=False)
    return accepted.filter(amount_minor__gte=bill.claimable_minor).order_by("-accepted_at", "-pk")


def still_serves(one: MandateNotice, at: datetime) -> bool:
    """Return whether a debit can be made under what WeChat was told, now or later: it makes one, within its days."""
    over = one.debit_until is not None and one.debit_until <= at
    return not over and not (one.notice_id and _taken(one.mandate).filter(notice=one.notice_id).exists())


def is_fresh(mandate: Mandate, at: datetime) -> bool:
    """Return whether WeChat asks for no notice yet: so soon after the signature."""
    return mandate.signed_at is not None and at < mandate.signed_at + debit_windows.FRESH


def _of_alipay(mandate: Mandate, at: datetime) -> str:
    if mandate.execute_on is None:
        return ""
    window = debit_windows.of_alipay(mandate.execute_on, mandate.every_months or 1, at)
    if not window.holds(at):
        return "outside_window"
    done = _taken(mandate).filter(received_at__gte=window.opens, received_at__lt=window.closes)
    return "once_a_period" if done.exists() else _under_way(mandate)


def _of_wechat(bill: Invoice, mandate: Mandate, right: Right, at: datetime) -> str:
    today = _midnight(at)
    if _taken(mandate).filter(received_at__gte=today, received_at__lt=today + timedelta(days=1)).exists():
        return "once_a_day"
    if is_fresh(mandate, at):
        return _under_way(mandate)
    served = [one for one in told(bill, mandate, right) if still_serves(one, at)]
    if not served:
        return "provider_not_told"
    if not any(one.debit_from is None or one.debit_from <= at for one in served):
        return "too_soon_for_provider"
    return _under_way(mandate) if debit_windows.in_wechat_hours(at) else "outside_hours"


def _midnight(at: datetime) -> datetime:
    return local_midnight(local_day(at, debit_windows.BEIJING), debit_windows.BEIJING)


def _taken(mandate: Mandate) -> QuerySet[Payment]:
    return mandate.payments.filter(product=Product.DEBIT, status__in=(Status.SUCCEEDED, Status.REFUNDED))


def _under_way(mandate: Mandate) -> str:
    """One success is all that there is, so another attempt waits until the outcome of the last one is known."""
    live = mandate.payments.filter(product=Product.DEBIT, status__in=(Status.INTENDED, Status.UNKNOWN))
    return "under_way" if live.exists() else ""
