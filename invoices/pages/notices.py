"""What the company was told: every notice with when, to whom, whether it arrived, was opened or came back, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from billing import formatting
from invoices import alerting, composing_notices, states
from invoices.models import ChargeNotice, Document
from invoices.pages import wording
from invoices.pages.tables import address, whole
from invoices.pages.visit import Visit
from tenants import letters
from tenants.errors import NotFound
from tenants.models import Delivery, Notice, Seller
from tenants.telling import KINDS, WECOM
from usage.periods import local_day

SHOWN, MORE, MOST = 30, 100, 3000
Status = Notice.Status


@dataclass(frozen=True)
class Reader:
    """One who was told: where, when, and what became of it."""

    where: str
    at: datetime
    state: str
    tone: str


@dataclass(frozen=True)
class NoticeRow:
    """One notice in the list."""

    address: str
    at: datetime
    name: str
    subject: str
    to: str
    state: states.State
    opened: datetime | None
    file: str


@dataclass(frozen=True)
class NoticesPage:
    """The page /notices/."""

    rows: tuple[NoticeRow, ...]
    more: str
    choose: str


@dataclass(frozen=True)
class NoticePage:
    """One notice: what it said, and what became of it."""

    row: NoticeRow
    text: str
    readers: tuple[Reader, ...]
    page: str


def page(visit: Visit, query: Mapping[str, str]) -> NoticesPage:
    """Return the notices of this company, newest first, so many of them as the address asks for."""
    shown = whole(query.get("shown"), SHOWN, MOST)
    found = list(_mine(visit)[: shown + 1])
    more = address(visit.to("notices"), {}, shown=shown + MORE) if len(found) > shown else ""
    files = _files(visit, found)
    rows = tuple(_row(visit, notice, files) for notice in found[:shown])
    return NoticesPage(rows, more, visit.to("notifications"))


def one(visit: Visit, pk: int) -> NoticePage:
    """Return one notice; raise NotFound for another company's."""
    notice = find(visit, pk)
    row = _row(visit, notice, _files(visit, [notice]))
    seller = _seller(notice)
    letter = letters.compose(notice.kind, notice.payload, notice.language, seller) if seller else None
    text = letter.text.partition("\n--\n")[0] if letter else ""
    return NoticePage(row, text, tuple(_readers(notice)), notice.payload.get("path", ""))


def find(visit: Visit, pk: int) -> Notice:
    """Return a notice of this company; raise NotFound for any other."""
    found = _mine(visit).filter(pk=pk).first()
    if found is None:
        raise NotFound(_("There is no such notice."))
    return found


def promise(visit: Visit) -> str:
    """Return how it stands with the next announced deduction, for the foot of every page."""
    rows = ChargeNotice.objects.filter(tenant=visit.tenant, due_at__gt=visit.at - alerting.BEHIND)
    coming = alerting.in_force(rows, at=visit.at)
    if not coming:
        return _("nothing is announced, nothing is deducted")
    first = min(coming, key=lambda row: row.charge_at or row.due_at)
    if first.delivered_at is None:
        return _("the next one is not delivered, so nothing is deducted")
    day = formatting.day(local_day(first.delivered_at, visit.tenant.timezone), visit.language, "sentence")
    return _("the next one was delivered %(day)s") % {"day": day}


def charge_file(visit: Visit, notice: ChargeNotice) -> str:
    """Return the address of the file of a notice of a deduction; '' where there is none (yet)."""
    made = Document.objects.filter(kind=Document.Kind.NOTICE, source_id=notice.pk, tenant=visit.tenant).exists()
    return visit.to("notice_pdf", notice.pk, visit.language) if made else ""


def came_back(notice: ChargeNotice) -> bool:
    """Return whether a mail with this notice came back."""
    letter = Notice.objects.filter(tenant=notice.tenant_id, key=notice.key, deliveries__bounce__isnull=False)
    return letter.exists()


def code_of(notice: ChargeNotice) -> str:
    """Return the code by which a printed notice is compared with ours."""
    return composing_notices.verification_code(notice)


def _mine(visit: Visit) -> QuerySet[Notice]:
    sent = Delivery.objects.select_related("bounce").order_by("at", "pk")
    rows = Notice.objects.filter(tenant=visit.tenant).select_related("seller")
    return rows.prefetch_related(Prefetch("deliveries", sent), "openings").order_by("-created_at", "-pk")


def _row(visit: Visit, notice: Notice, files: Mapping[str, str]) -> NoticeRow:
    seller = _seller(notice)
    opened = min((one.at for one in notice.openings.all()), default=None)
    return NoticeRow(
        address=visit.to("notice", notice.pk),
        at=notice.created_at,
        name=str(KINDS[notice.kind].name) if notice.kind in KINDS else notice.kind,
        subject=letters.subject(notice.kind, notice.payload, notice.language, seller) if seller else "",
        to=wording.joined([*notice.recipients, *([_("WeCom")] if WECOM in notice.channels else [])]),
        state=states.NOTICE[_state(notice)],
        opened=opened,
        file=files.get(notice.key, ""),
    )


def _state(notice: Notice) -> str:
    if notice.status == Status.OFF:
        return "off"
    if notice.delivered_at is not None:
        return "delivered"
    back = any(getattr(one, "bounce", None) for one in notice.deliveries.all())
    return "came_back" if back else "failed" if notice.status == Status.FAILED else "pending"


def _readers(notice: Notice) -> list[Reader]:
    found = []
    for one in notice.deliveries.all():
        bounce = getattr(one, "bounce", None)
        where = _("WeCom") if one.channel == WECOM else one.address
        if bounce is not None:
            found.append(Reader(where, bounce.at, _("came back: %(why)s") % {"why": bounce.status}, "danger"))
        elif one.ok:
            found.append(Reader(where, one.at, _("Delivered"), "done"))
        else:
            found.append(Reader(where, one.at, _("not taken, tried again"), "attention"))
    found += [Reader(one.by_name, one.at, _("opened on the page"), "done") for one in notice.openings.all()]
    return sorted(found, key=lambda reader: reader.at)


def _seller(notice: Notice) -> Seller | None:
    return notice.seller or Seller.objects.order_by("id").first()


def _files(visit: Visit, found: list[Notice]) -> dict[str, str]:
    """Return the address of the file of each notice of a deduction among these, by its key."""
    numbers = {one.key.rpartition(":")[2]: one.key for one in found if one.kind == "charge_announced"}
    made = Document.objects.filter(kind=Document.Kind.NOTICE, source_id__in=[int(number) for number in numbers])
    return {
        numbers[str(pk)]: visit.to("notice_pdf", pk, visit.language)
        for pk in made.filter(tenant=visit.tenant).values_list("source_id", flat=True)
    }
