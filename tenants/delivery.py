"""Delivering the outbox: claim, send, write down. At least once; see tenants.notices for the promise.

A notice goes by mail to each address, and where the company has a group in WeCom, there too. It is delivered with the
first of them that accepted it, as long as that did not come back.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime, formataddr, parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import override

from tenants import files, letters, receivers, wecom
from tenants.models import Delivery, Notice, Seller, WeComBot
from tenants.reaching import reached, standing
from tenants.telling import MAIL, WECOM

# A way and an address on it.
Where = tuple[str, str]

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# How long after a failed try comes the next one; after the last the notice is given up and operators see it.
PAUSES = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR)
# A notice that was claimed by a process that then died is free again after this.
LEASE = 10 * MINUTE
CHUNK = 20


class Undeliverable(Exception):
    """Trying again would not help; a person must see to it."""


@dataclass
class Result:
    """How one try went: the answer of each address ('' is accepted), or why nothing could be sent at all.

    `later`: something has to wait for its turn and was not tried.
    """

    answers: dict[Where, str] = field(default_factory=dict)
    final: bool = False
    later: bool = False


def deliver(*, at: datetime, limit: int = 500) -> int:
    """Try to deliver up to `limit` notices that are due at `at`, oldest first; return how many were delivered.

    Any number of processes may do this at once. Must not run in a transaction of the caller: each notice is claimed
    and written down in its own.
    """
    delivered = tried = 0
    while tried < limit and (claimed := _claim(at, min(CHUNK, limit - tried))):
        tried += len(claimed)
        mailer = get_connection()
        for notice in claimed:
            delivered += _write_down(notice, _try(notice, mailer, at), at)
        _hang_up(mailer)
    return delivered


@transaction.atomic
def retry(notices: Iterable[Notice], *, at: datetime) -> int:
    """Put given-up notices back into the outbox, as if new; return how many."""
    ids = [notice.pk for notice in notices]
    failed = Notice.objects.filter(pk__in=ids, status=Notice.Status.FAILED)
    return failed.update(status=Notice.Status.PENDING, next_try_at=at)


@transaction.atomic
def _claim(at: datetime, count: int) -> list[Notice]:
    """Take due notices that nobody else is taking, and put their next try off, in case this process dies."""
    rows = Notice.objects.due(at).select_for_update(skip_locked=True, no_key=True, of=("self",))
    claimed = list(rows.select_related("tenant", "seller")[:count])
    for notice in claimed:
        notice.tries += 1
        notice.next_try_at = at + LEASE
    Notice.objects.bulk_update(claimed, ["tries", "next_try_at"])
    return claimed


def _try(notice: Notice, mailer: BaseEmailBackend, at: datetime) -> Result:
    """Send to every address that has not accepted the notice before, and to the group in WeCom."""
    accepted = set(standing(notice).values_list("channel", "address"))
    bot = _group(notice)
    by_mail = receivers.addresses(notice) if MAIL in notice.channels or bot is None else []
    waiting = [address for address in by_mail if (MAIL, address) not in accepted]
    try:
        with override(notice.language):
            mails = [_mail(notice, address, at) for address in waiting]
            if not by_mail and bot is None:
                raise Undeliverable(_("Nobody receives this customer's bills: add a contact with an e-mail address."))
    except Undeliverable as reason:
        return Result({(MAIL, ""): str(reason)}, final=True)
    except Exception as error:
        # A letter that cannot be written is a mistake of ours: it waits for the mending, and the rest go on.
        return Result({(MAIL, ""): f"{type(error).__name__}: {error}"})
    sent = Result({(MAIL, address): _send(mailer, mail) for address, mail in zip(waiting, mails, strict=True)})
    if bot is not None and (WECOM, str(bot)) not in accepted:
        _post(notice, bot, sent, at)
    return sent


def _group(notice: Notice) -> WeComBot | None:
    """Return the group in WeCom that this notice goes to, as long as WeCom knows its robot."""
    if WECOM not in notice.channels:
        return None
    return WeComBot.objects.filter(tenant=notice.tenant_id, broken_at=None).first()


def _post(notice: Notice, bot: WeComBot, sent: Result, at: datetime) -> None:
    """Tell the group in WeCom when it is its turn; one whose robot is gone is not asked again."""
    if not wecom.take_turn(bot, at=at):
        sent.later = True
        return
    with override(notice.language):
        letter = letters.compose(notice.kind, notice.payload, notice.language, _seller(notice))
        answer = wecom.send(bot, wecom.message(letter, settings.SITE_URL + notice.payload["path"]))
    sent.answers[WECOM, str(bot)] = answer.refusal
    if answer.gone:
        WeComBot.objects.filter(pk=bot.pk, fingerprint=bot.fingerprint).update(broken_at=at)


def _send(mailer: BaseEmailBackend, mail: EmailMultiAlternatives) -> str:
    """Hand one mail over; return '' when it was accepted, else why not.

    The connection stays open for the next mail; after a failure the next one begins with a fresh connection.
    """
    try:
        mailer.open()
        return "" if mailer.send_messages([mail]) else _("The mail server took nothing.")
    except Exception as error:  # what a mail server or its library may raise is not to be listed
        _hang_up(mailer)
        return f"{type(error).__name__}: {error}"[:2000]


def _hang_up(mailer: BaseEmailBackend) -> None:
    """Close the connection; one that is broken already is no matter."""
    with suppress(Exception):
        mailer.close()


def _mail(notice: Notice, address: str, at: datetime) -> EmailMultiAlternatives:
    seller = _seller(notice)
    letter = letters.compose(notice.kind, notice.payload, notice.language, seller)
    mail = EmailMultiAlternatives(
        subject=letter.subject,
        body=letter.text,
        from_email=formataddr((seller.brand_in(notice.language), parseaddr(settings.DEFAULT_FROM_EMAIL)[1])),
        to=[address],
        reply_to=[seller.email] if seller.email else [],
        headers={
            "Message-ID": message_id(notice, address),
            "Date": format_datetime(at),
            "X-Notice-Key": notice.key,
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(letter.html, "text/html")
    for attachment in notice.attachments:
        mail.attach(attachment["name"], _content(attachment), attachment["type"])
    return mail


def message_id(notice: Notice, address: str) -> str:
    """Return the Message-ID of this notice to this address: always the same, so that doubles fold.

    Nobody but its readers can know it, so that nobody else can claim that it came back (tenants.bouncing).
    """
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "localhost"
    mark = salted_hmac("tenants.delivery", f"{notice.pk}:{address}", algorithm="sha256").hexdigest()[:24]
    return f"<notice-{notice.pk}-{mark}@{domain}>"


def _seller(notice: Notice) -> Seller:
    """Return whose letter it is: the notice's seller, or where it is about none, our first one."""
    seller = notice.seller or Seller.objects.order_by("id").first()
    if seller is None:
        raise Undeliverable(_("There is no seller in whose name to write."))
    return seller


def _content(attachment: dict[str, str]) -> bytes:
    try:
        return files.fetch(attachment["sha256"])
    except OSError as error:
        reason = _("The file “%(name)s” is missing or damaged (%(error)s); nothing was sent without it.")
        raise Undeliverable(reason % {"name": attachment["name"], "error": error}) from error


@transaction.atomic
def _write_down(notice: Notice, result: Result, at: datetime) -> bool:
    """Keep how the try went and decide what comes next; return whether the notice is delivered."""
    Delivery.objects.bulk_create(
        [
            Delivery(
                tenant_id=notice.tenant_id,
                notice=notice,
                number=notice.tries,
                channel=channel,
                address=address,
                at=at,
                ok=not answer,
                answer=answer,
            )
            for (channel, address), answer in result.answers.items()
        ],
        ignore_conflicts=True,
    )
    since = reached(notice)
    status = _next_status(notice, result, reached=since is not None)
    changes = {"status": status, "delivered_at": since}
    if status == Notice.Status.PENDING:
        changes["next_try_at"] = at + PAUSES[min(notice.tries, len(PAUSES)) - 1]
        if result.later:
            changes["next_try_at"] = at + MINUTE
    # Another process may have taken it over after the lease: then its word stands.
    Notice.objects.filter(pk=notice.pk, tries=notice.tries, status=Notice.Status.PENDING).update(**changes)
    return status == Notice.Status.DELIVERED


def _next_status(notice: Notice, result: Result, *, reached: bool) -> str:
    refused = any(result.answers.values())
    if not refused and not result.later:
        return Notice.Status.DELIVERED
    if result.later or not (result.final or notice.tries > len(PAUSES)):
        return Notice.Status.PENDING
    return Notice.Status.DELIVERED if reached else Notice.Status.FAILED
