"""What a change of a contract means in one sentence, and the message that tells the customer of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from billing import formatting
from billing.models import Change, FormerTerms, Plan, Price
from invoices.models import CreditNote, Invoice, InvoiceLine
from tenants import notices
from tenants.models import User
from tenants.models.companies import Language
from usage.periods import local_day

Kind = Change.Kind
MOMENT, DAY = timedelta(microseconds=1), timedelta(days=1)


def effect(change: Change, language: str) -> str:
    """Return what a change does, in one sentence without its stop, in the active language (`language` names things)."""
    return SENTENCES[Kind(change.kind)](change, language)


def tell(change: Change, invoices: Sequence[int], credit_notes: Sequence[int], *, by: User | None) -> None:
    """Announce a confirmed change to its customer, with what it costs or gives back."""
    tenant = change.subscription.tenant
    with translation.override(tenant.language):
        said = effect(change, tenant.language)
    notices.announce(
        tenant,
        kind="subscription_changed",
        key=f"change:{change.pk}",
        payload={
            "tenant": tenant.name_in(tenant.language),
            "path": f"/c/{tenant.code}/subscription/",
            "effect": said,
            "by_name": by.get_full_name() if by else "",
            **_money(change, invoices, credit_notes, english=tenant.language == Language.ENGLISH),
        },
        at=change.at,
        seller=change.subscription.seller,
    )


def _money(change: Change, invoices: Sequence[int], credit_notes: Sequence[int], *, english: bool) -> dict[str, Any]:
    bills = Invoice.objects.filter(pk__in=invoices)
    lines = InvoiceLine.objects.filter(invoice__in=invoices).exclude(gross_minor=0).order_by("invoice", "position")
    return {
        "currency": change.subscription.currency,
        "total_minor": sum(bills.values_list("total_minor", flat=True)),
        "credited_minor": sum(CreditNote.objects.filter(pk__in=credit_notes).values_list("total_minor", flat=True)),
        "lines": [
            {
                "name": (line.name_en if english else "") or line.name,
                "amount_minor": line.gross_minor,
                "first": str(line.service_start_on),
                "last": str(line.service_end_on - DAY),
            }
            for line in lines
        ],
    }


def _plan(change: Change, language: str) -> str:
    assert change.version is not None
    new, old = change.version.plan, plan_before(change)
    said = {"new": new.name_in(language), "old": old.name_in(language), "day": _day(change, language)}
    if change.migration_id:
        return _("From %(day)s on “%(new)s” has new prices") % said
    return _("From %(day)s on the plan is “%(new)s” in place of “%(old)s”") % said


def plan_before(change: Change) -> Plan:
    """Return the plan that a change of plan leaves."""
    former = FormerTerms.objects.filter(change=change).select_related("version__plan").first()
    return former.version.plan if former else change.subscription.plan


def _quantity(change: Change, language: str) -> str:
    price = change.price
    assert price is not None
    said = {"name": price.name_in(language), "plan": _name(change, language), "day": _day(change, language)}
    if price.optional and change.after is None:
        return _("From %(day)s on “%(name)s” is no longer part of “%(plan)s”") % said
    if price.optional and change.before is None:
        return _("From %(day)s on “%(name)s” is part of “%(plan)s”") % said
    figures = {"before": _count(change.before, price, language), "after": _count(change.after, price, language)}
    return _("From %(day)s on “%(name)s” is %(after)s in place of %(before)s") % (said | figures)


def _count(quantity: Decimal | None, price: Price, language: str) -> str:
    return formatting.quantity(quantity or Decimal(0), price.unit_in(language))


def _cancel(change: Change, language: str) -> str:
    last = local_day(change.effective_at - MOMENT, change.subscription.zone)
    said = {"plan": _name(change, language), "day": formatting.day(last, language, "weekday")}
    return _("“%(plan)s” ends after %(day)s") % said


def _keep(change: Change, language: str) -> str:
    return _("“%(plan)s” goes on; what was cancelled or planned is taken back") % {"plan": _name(change, language)}


def _pause(change: Change, language: str) -> str:
    said = {"plan": _name(change, language), "day": _day(change, language)}
    return _("“%(plan)s” pauses from %(day)s on") % said


def _resume(change: Change, language: str) -> str:
    said = {"plan": _name(change, language), "day": _day(change, language)}
    return _("“%(plan)s” is in use again from %(day)s on") % said


def _undo(change: Change, language: str) -> str:
    said = {"plan": _name(change, language)}
    if change.undoes is not None:
        return _("Taken back: %(what)s") % {"what": effect(change.undoes, language)}
    if change.undoes_what == Change.Undoes.RENEWAL:
        return _("Taken back: the renewal of “%(plan)s”") % said
    return _("Taken back: the purchase of “%(plan)s”") % said


SENTENCES: Mapping[Kind, Callable[[Change, str], str]] = {
    Kind.PLAN: _plan,
    Kind.QUANTITY: _quantity,
    Kind.CANCEL: _cancel,
    Kind.KEEP: _keep,
    Kind.PAUSE: _pause,
    Kind.RESUME: _resume,
    Kind.UNDO: _undo,
}


def effective_on(change: Change) -> date:
    """Return the local day from which a change counts."""
    return local_day(change.effective_at, change.subscription.zone)


def _day(change: Change, language: str) -> str:
    return formatting.day(effective_on(change), language, "weekday")


def _name(change: Change, language: str) -> str:
    return change.subscription.plan.name_in(language)
