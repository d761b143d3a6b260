"""Return what was deducted after its authorisation was withdrawn: all of it, by itself, and the customer is told.

A debit that was on its way when the customer withdrew may still succeed at the provider. The money is there, so it is booked;
and it goes back. The moment that counts is the provider's own (`received_at`), as in `check_books`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import translation
from django.utils.translation import gettext as _

from invoices import refunding
from invoices.models import Payment
from tenants.bulk import among
from tenants.errors import DomainError

log = structlog.get_logger(__name__)


def undo(*, at: datetime, tenants: Sequence[int] | None = None) -> int:
    """Return each such debit once (of these customers only, if named); say of how many. One that is refused is logged and
    tried again with the next tick."""
    late = Payment.objects.filter(
        basis=Payment.Basis.AUTOMATIC,
        status=Payment.Status.SUCCEEDED,
        method__in=[Payment.Method.ALIPAY, Payment.Method.WECHAT],
        authorisation__withdrawn_at__lte=F("received_at"),
        refunds=None,
    )
    if tenants is not None:
        late = late.filter(among("tenant", tenants))
    return sum(_undo(pk, at) for pk in list(late.order_by("pk").values_list("pk", flat=True)))


def _undo(pk: int, at: datetime) -> bool:
    try:
        with transaction.atomic():
            payment = Payment.objects.select_related("tenant").get(pk=pk)
            with translation.override(payment.tenant.language):
                reason = _("Deducted after the authorisation was withdrawn")
            return bool(refunding.return_payment(payment, reason=reason, at=at))
    except DomainError as refusal:
        log.error("a debit after a withdrawal was not returned", payment=pk, why=refusal.message)
        return False
