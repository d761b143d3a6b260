"""A mail backend that writes files: every mail as .eml, with its HTML and its PDFs beside it, to be opened by hand."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class FileBackend(BaseEmailBackend):
    """Writes each mail to OUTBOX_DIR as `<time>-<notice key>-<address>.eml`; a repeat replaces its own files."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for mail in email_messages:
            message = mail.message()
            for name, content in _files(message, mail.recipients()):
                _write(settings.OUTBOX_DIR / name, content)
        return len(email_messages)


def _files(message: Message, addresses: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield what is to be written: attachments and HTML first, the mail that speaks of them last."""
    stem = _stem(message, addresses)
    for part in message.walk():
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            continue
        if part.get_content_type() == "text/html":
            yield f"{stem}.html", content
        elif part.get_content_type() == "application/pdf":
            yield f"{stem}-{_plain(part.get_filename() or 'attachment.pdf')}", content
    yield f"{stem}.eml", message.as_bytes()


def _stem(message: Message, addresses: Sequence[str]) -> str:
    time = parsedate_to_datetime(str(message["Date"])).strftime("%Y%m%dT%H%M%S")
    what = message["X-Notice-Key"] or message["Message-ID"]
    return "-".join([time, _plain(str(what)), _plain(addresses[0] if addresses else "nobody")])


def _plain(text: str) -> str:
    """Return the text as a part of a file name: no separators, no spaces, not too long."""
    return re.sub(r"[^\w.@+-]+", "_", text).strip("._")[:80] or "_"


def _write(path: Path, content: bytes) -> None:
    """Write the whole file or none of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as fresh:
        fresh.write(content)
    os.chmod(fresh.name, 0o644)
    Path(fresh.name).replace(path)
