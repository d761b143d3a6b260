"""Announce deductions before they happen, and keep when the customer knew (CONTRACTS rules 16–18).

A notice has one payer and due day. The message goes through the outbox; when a mail server took it, or the customer opened
it on the page, it is delivered, and five days later at the earliest its bill may be deducted. What comes back is undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from billing.models import Price, Subscription
from invoices import allowing, charge_letters
from invoices.forthcoming import AUTOMATIC, Coming, Side, coming, of_payers
from invoices.models import ChargeNotice, Invoice
from invoices.models.notices import WAIT
from tenants import reaching
from tenants.bulk import among
from tenants.models import Notice, Tenant, User
from usage.periods import local_day, local_midnight

Of, Via = ChargeNotice.Of, ChargeNotice.Via
CHUNK = 200
# The outbox has given a message up long before.
GIVEN_UP = timedelta(days=30)


def lead() -> timedelta:
    """Return how long before it is due a renewal is announced: as set, never under five days."""
    return max(timedelta(days=settings.ANNOUNCE_DAYS), WAIT)


@transaction.atomic
def announce(*, at: datetime, tenants: Sequence[int] | None = None) -> int:
    """Announce the renewals that fall due within the lead, each once per payer and day (of these payers only, if named).

    Returns how many notices were written. Running it twice changes nothing; a payer that another process announces to is
    passed over.
    """
    written = 0
    for payers in _chunks(waiting_payers(at), tenants):
        free = Tenant.objects.filter(among("pk", payers)).select_for_update(no_key=True, skip_locked=True)
        ids = list(free.order_by("pk").values_list("pk", flat=True))
        found = coming(of_payers(ids, at + lead()), at=at, until=at + lead())
        known = _in_force({day.side for day in found}, found)
        fresh = [_row(day, 1, Via.NOTICE, at) for day in found if (day.side, day.due_on) not in known]
        ChargeNotice.objects.bulk_create(fresh)
        charge_letters.send([notice for notice in fresh if notice.total_minor], at=at)
        written += len(fresh)
    return written


def waiting_payers(at: datetime) -> Any:
    """Return the query of payers with something to announce at `at`.

    Of days and weeks, of the plan or of one of its prices, several renewals fall within the lead, and a part period may
    follow a trial: these are always looked at.
    """
    same = {"tenant": OuterRef("payer"), "seller": OuterRef("seller"), "currency": OuterRef("currency")}
    told = ChargeNotice.objects.filter(**same, pays=OuterRef("pays"), due_at=OuterRef("next_at"), of=Of.RENEWAL)
    due = Subscription.objects.live().due(at + lead()).filter(pays__in=AUTOMATIC, next_at__gt=at)
    own = Price.objects.filter(version=OuterRef("version"), interval__in=["day", "week"])
    often = Q(version__interval__in=["day", "week"]) | Q(Exists(own)) | Q(status=Subscription.Status.TRIALING)
    open_ = due.filter(often | ~Exists(told))
    return Tenant.objects.filter(Exists(open_.filter(payer=OuterRef("pk"))))


@transaction.atomic
def confirmed(subscription: Subscription, *, at: datetime) -> int:
    """Keep that a member confirmed a purchase or a change: his confirmation is the notice of the deductions that it raises.

    What was announced before keeps its day. What was not announced in time is announced by the confirmation, and is
    deducted five days later at the earliest. Returns how many notices were written.
    """
    payer = subscription.tenant.parent_id or subscription.tenant_id
    found = coming(of_payers([payer], at + lead()), at=at, until=at + lead())
    known = _in_force({day.side for day in found}, found)
    fresh = []
    for day in found:
        before = known.get((day.side, day.due_on))
        if before is None:
            fresh.append(_row(day, 1, Via.CONFIRMATION, at))
        elif day.renewal_minor > before.renewal_minor:
            fresh.append(_raised(day, before, at))
    ChargeNotice.objects.bulk_create(fresh)
    return len(fresh)


def announce_bills(draft_ids: Iterable[int], *, at: datetime) -> int:
    """Announce drafts that are to be deducted and were not announced, each for itself; return how many."""
    drafts = Invoice.objects.filter(
        among("pk", list(draft_ids)), status=Invoice.Status.DRAFT, origin__startswith=allowing.ANNOUNCED
    )
    fresh = [_of_bill(draft, at) for draft in drafts.prefetch_related("lines").order_by("pk")]
    ChargeNotice.objects.bulk_create(fresh)
    charge_letters.send(fresh, at=at)
    return len(fresh)


@transaction.atomic
def delivered(notice: ChargeNotice, *, at: datetime) -> ChargeNotice:
    """Keep that a notice arrived, or was opened, at `at`; the first time counts. From then on five days are counted."""
    charge_at = max(notice.due_at, at + WAIT)
    mine = ChargeNotice.objects.filter(pk=notice.pk, delivered_at=None)
    if mine.update(delivered_at=at, charge_at=charge_at):
        _put_off(notice, charge_at)
    notice.refresh_from_db()
    return notice


@transaction.atomic
def bounced(notice: ChargeNotice, *, at: datetime) -> ChargeNotice:
    """Keep that a notice came back at `at`: nothing is deducted under it until it is delivered again.

    What comes back only after the day of the deduction changes nothing any more (CONTRACTS rule 18).
    """
    mine = ChargeNotice.objects.filter(pk=notice.pk, charge_at__gt=at, via=Via.NOTICE)
    mine.update(delivered_at=None, charge_at=None)
    notice.refresh_from_db()
    return notice


@transaction.atomic
def opened(notice: ChargeNotice, *, at: datetime, by: User) -> ChargeNotice:
    """Keep that somebody opened a notice on its page: for a member of the payer it is delivered with that, for nobody else."""
    letter = Notice.objects.filter(tenant=notice.tenant_id, key=notice.key).first()
    if letter is not None and reaching.opened(letter, at=at, by=by):
        return delivered(notice, at=at)
    return notice


@transaction.atomic
def came_back(letter: Notice, *, at: datetime) -> None:
    """Take a delivery back of which the mail came back: the notice counts from what is left, or from nothing yet."""
    notice = ChargeNotice.objects.filter(tenant=letter.tenant_id, pk=_number(letter)).first()
    since = reaching.reached(letter)
    if notice is None or notice.delivered_at is None or (since is not None and since <= notice.delivered_at):
        return
    if bounced(notice, at=at).delivered_at is None and since is not None:
        delivered(notice, at=since)


def _number(letter: Notice) -> int:
    """Return which notice a message announces; 0 for another message."""
    kind, _colon, number = letter.key.partition(":")
    return int(number) if letter.kind == "charge_announced" and kind == "charge-announced" else 0


def take_deliveries(*, at: datetime) -> int:
    """Look up which announcements the mail servers have accepted by `at`; return how many arrived."""
    sent = ChargeNotice.objects.filter(delivered_at=None, total_minor__gt=0, announced_at__lte=at)
    waiting = {notice.key: notice for notice in sent.filter(announced_at__gt=at - GIVEN_UP)}
    accepted = Notice.objects.filter(key__in=waiting, delivered_at__lte=at).values_list(
        "tenant_id", "key", "delivered_at"
    )
    done = 0
    for tenant_id, key, when in accepted:
        if when is not None and waiting[key].tenant_id == tenant_id:
            delivered(waiting[key], at=when)
            done += 1
    return done


def _put_off(notice: ChargeNotice, charge_at: datetime) -> None:
    """Let the draft that is announced for itself wait as long as its notice says."""
    draft = Invoice.objects.filter(
        tenant=notice.tenant_id, status=Invoice.Status.DRAFT, origin=allowing.origin(notice.due_on, notice.version)
    ).first()
    if draft is not None:
        Invoice.objects.filter(pk=draft.pk).update(charge_at=charge_at, charge_on=local_day(charge_at, draft.zone))


def _chunks(query: Any, tenants: Sequence[int] | None) -> Iterable[list[int]]:
    if tenants is not None:
        query = query.filter(among("pk", tenants))
    ids = list(query.order_by("pk").values_list("pk", flat=True))
    return (ids[first : first + CHUNK] for first in range(0, len(ids), CHUNK))


def _in_force(sides: set[Side], found: Sequence[Coming]) -> dict[tuple[Side, Any], ChargeNotice]:
    """Return the notices in force of these payers and days."""
    rows = ChargeNotice.objects.filter(
        among("tenant", {side[0] for side in sides}), due_on__in={day.due_on for day in found}
    )
    return {
        ((row.tenant_id, row.seller_id, row.currency, row.pays), row.due_on): row
        for row in rows.filter(of=Of.RENEWAL).order_by("version")
    }


def _row(day: Coming, version: int, via: str, at: datetime) -> ChargeNotice:
    payer, seller, currency, pays = day.side
    known = at if via == Via.CONFIRMATION else None
    return ChargeNotice(
        tenant_id=payer,
        seller_id=seller,
        currency=currency,
        pays=pays,
        due_on=day.due_on,
        due_at=day.due_at,
        version=version,
        of=Of.RENEWAL,
        via=via,
        announced_at=at,
        delivered_at=known,
        charge_at=max(day.due_at, known + WAIT) if known else None,
        renewal_minor=max(0, day.renewal_minor),
        ceiling_minor=day.ceiling_minor,
        total_minor=day.total_minor,
        lines=day.lines,
    )


def _raised(day: Coming, before: ChargeNotice, at: datetime) -> ChargeNotice:
    """Return the next version of a notice, raised by a confirmation: its day and its ceiling stay."""
    row = _row(day, before.version + 1, Via.CONFIRMATION, at)
    if before.delivered_at is not None:
        row.delivered_at, row.charge_at = before.delivered_at, before.charge_at
    more = row.total_minor - row.renewal_minor - row.ceiling_minor
    row.ceiling_minor = max(before.ceiling_minor, row.ceiling_minor)
    row.total_minor = row.renewal_minor + row.ceiling_minor + more
    return row


def _of_bill(draft: Invoice, at: datetime) -> ChargeNotice:
    day, version = allowing.parsed(draft.origin)
    lines = [line for line in draft.lines.all() if line.amount_minor]
    return ChargeNotice(
        tenant_id=draft.tenant_id,
        seller_id=draft.seller_id,
        currency=draft.currency,
        pays=draft.pays,
        due_on=day,
        due_at=local_midnight(day, draft.zone),
        version=version,
        of=Of.BILL,
        via=Via.NOTICE,
        announced_at=at,
        renewal_minor=0,
        ceiling_minor=max(0, draft.subtotal_minor),
        total_minor=draft.total_minor,
        lines=[
            {
                "name": line.name,
                "name_en": line.name_en,
                "amount_minor": line.amount_minor,
                "first": str(line.service_start_on),
                "last": str(line.service_end_on - timedelta(days=1)),
            }
            for line in lines
        ],
    )
