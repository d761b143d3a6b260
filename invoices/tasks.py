"""Ticks: each takes what is on its shelf and may run twice, late, or beside another."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from invoices import (
    advising,
    alerting,
    announcing,
    asking,
    charge_reminders,
    checking,
    debiting,
    disputing,
    doubled,
    dunning,
    earning,
    holding,
    mailbox,
    mandates,
    matching,
    pdf,
    peering,
    pretelling,
    purchasing,
    quoting,
    reconciling,
    rendering,
    rendering_notices,
    returning,
    run,
    term_letters,
    undoing_debits,
)

log = structlog.get_logger(__name__)


@shared_task
def bill() -> None:
    """Bill all that is due now."""
    now = timezone.now()
    run.bill(at=now, clock=timezone.now)


@shared_task
def announce() -> None:
    """Announce the deductions that fall due in a week, see which announcements arrived, and remind of them."""
    announcing.announce(at=timezone.now())
    announcing.take_deliveries(at=timezone.now())
    charge_reminders.remind(at=timezone.now())


@shared_task
def render() -> None:
    """Make the documents that are missing, and owe the mails that carry them; notices of deductions first."""
    for notice in rendering_notices.waiting(100):
        rendering_notices.render(notice, pdf.render, at=timezone.now())
    rendering_notices.send_without(at=timezone.now())
    for paper in rendering.waiting(200):
        rendering.render(paper, pdf.render, at=timezone.now())


@shared_task
def ask_providers() -> None:
    """Ask providers for the outcome of payments that are under way."""
    asking.ask(at=timezone.now())


@shared_task
def tell_low_balances() -> int:
    """Tell whose balance is below their own line, or too low for what is announced."""
    return alerting.tell(at=timezone.now())


@shared_task
def tell_late_disputes() -> int:
    """Tell customers and operators of disputes that were not answered in time."""
    return disputing.tell_late(at=timezone.now())


@shared_task
def earn() -> int:
    """Post the revenue of months that are over."""
    return earning.catch_up(at=timezone.now()).lines


@shared_task
def check_books() -> None:
    """Prove the books and shout when something is wrong."""
    for fault in checking.faults():
        log.error("the books are wrong", where=fault.where, what=fault.what)


@shared_task
def expire_quotes() -> None:
    """Mark the quotes whose last day has passed."""
    quoting.expire(at=timezone.now())


@shared_task
def expire_purchases() -> int:
    """End the purchases that nobody approved in time, and tell who asked."""
    return purchasing.expire(at=timezone.now())


@shared_task
def dun() -> None:
    """Do the steps of dunning whose moment has come."""
    dunning.dun(at=timezone.now())


@shared_task
def send_refunds() -> None:
    """Return what was deducted after a withdrawal, send refunds that are due, and ask for those under way."""
    undoing_debits.undo(at=timezone.now())
    returning.send(at=timezone.now())


@shared_task
def debit() -> None:
    """Debit what has come to be debited under agreements with providers."""
    debiting.debit(at=timezone.now())


@shared_task
def pretell() -> None:
    """Tell WeChat Pay of the deductions that come."""
    pretelling.tell(at=timezone.now())


@shared_task
def ask_contracts() -> None:
    """Ask providers for deduction agreements, and end there what was ended here."""
    mandates.ask(at=timezone.now())


@shared_task
def match_transfers() -> None:
    """Look again at what came in at the bank and is nobody's yet."""
    matching.match_waiting(at=timezone.now())


@shared_task
def reconcile() -> None:
    """Fetch providers' statements and hold them against payments and book."""
    reconciling.reconcile(at=timezone.now())


@shared_task
def find_doubles() -> None:
    """Flag what was bought, paid or told twice."""
    doubled.sweep(at=timezone.now())


@shared_task
def watch_holds() -> None:
    """Alarm about bills that are held for too long, and end holds of which nothing is left."""
    holding.alarm(at=timezone.now())
    holding.tidy(at=timezone.now())


@shared_task
def advise() -> None:
    """Reckon figures of like customers, and for every customer what the plans on sale would have cost."""
    peering.reckon(at=timezone.now())
    advising.advise_all(at=timezone.now())


@shared_task
def tell_of_terms() -> int:
    """Tell of terms that renew and trials that end soon."""
    return term_letters.tell(at=timezone.now())


@shared_task
def take_bounces() -> int:
    """Read which mails came back, where a mailbox for them is set up."""
    return mailbox.take(settings.BOUNCES_URL, at=timezone.now()) if settings.BOUNCES_URL else 0
