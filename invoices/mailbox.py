"""Read the mailbox to which undeliverable mails come back, by IMAP: each mail once, and none is lost on the way."""

from __future__ import annotations

import imaplib
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import SplitResult, unquote, urlsplit

import structlog

from invoices import coming_back
from tenants.bouncing import MOST_BYTES

SECONDS = 20
PLAIN, ENCRYPTED = 143, 993
MOST = 200

log = structlog.get_logger(__name__)


def take(address: str, *, at: datetime) -> int:
    """Take the unread mails of a mailbox (`imaps://user:password@host:993/folder`); return how many deliveries came back.

    A mail is marked as read when it was taken, so a broken connection reads it again, which changes nothing. What the
    mailbox's server does is logged, without its address, and tried again by the next tick.
    """
    place = urlsplit(address)
    try:
        with _opened(place) as box:
            box.login(unquote(place.username or ""), unquote(place.password or ""))
            box.select(unquote(place.path.strip("/")) or "INBOX")
            return sum(_take(box, number, at) for number in _unread(box))
    except (imaplib.IMAP4.error, OSError) as wrong:
        log.error("the mailbox of returned mails was not read", kind=type(wrong).__name__)
        return 0


def _opened(place: SplitResult) -> imaplib.IMAP4:
    """Return a connection: encrypted, or plain where the address says so by `imap`."""
    if place.scheme == "imap":
        return imaplib.IMAP4(place.hostname or "", place.port or PLAIN, timeout=SECONDS)
    return imaplib.IMAP4_SSL(place.hostname or "", place.port or ENCRYPTED, timeout=SECONDS)


def _unread(box: imaplib.IMAP4) -> Iterator[str]:
    _state, found = box.search(None, "UNSEEN")
    yield from found[0].decode().split()[:MOST]


def _take(box: imaplib.IMAP4, number: str, at: datetime) -> int:
    _state, parts = box.fetch(number, f"(BODY.PEEK[]<0.{MOST_BYTES}>)")
    raw = next((part[1] for part in parts if isinstance(part, tuple)), b"")
    count = coming_back.take([raw], at=at)
    box.store(number, "+FLAGS", "\\Seen")
    return count
