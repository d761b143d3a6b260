"""manage.py take_bounces: take in mails that came back, from a maildir, an mbox file, or one mail on standard input."""

import mailbox
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from invoices import coming_back


class Command(BaseCommand):
    help = (
        "Take in delivery status notifications (RFC 3464): a maildir, a folder of .eml files, an mbox file, or one mail on"
        " standard input (-). A mail that is not about one of ours changes nothing; taking one twice neither."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", nargs="?", default="-", help="maildir, folder, mbox file, or - (default)")

    def handle(self, *args: Any, source: str, **options: Any) -> None:
        count = coming_back.take(mails(source), at=timezone.now())
        self.stdout.write(f"{count} deliveries came back.")


def mails(source: str) -> Iterator[bytes]:
    """Yield the mails of a place, whole; raise CommandError where there is none."""
    path = Path(source)
    if source == "-":
        yield sys.stdin.buffer.read()
    elif (path / "new").is_dir():
        yield from (mail.as_bytes() for mail in mailbox.Maildir(path, create=False))
    elif path.is_dir():
        yield from (file.read_bytes() for file in sorted(path.glob("*.eml")))
    elif path.is_file():
        yield from (mail.as_bytes() for mail in mailbox.mbox(path, create=False))
    else:
        raise CommandError(f"There is no maildir, folder or mbox file at {source}.")
