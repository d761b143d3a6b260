"""manage.py rehearse: play stories on a moveable clock and print what comes of each; nothing is kept (CONTRACTS §2)."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from invoices import rehearsal


class Command(BaseCommand):
    """Print one JSON object for each story. A story that cannot be read says so in its place; the exit code is then 1."""

    help = (
        "Play stories (YAML or JSON; a list in a file is several) through the real verbs in a transaction that is rolled "
        "back, and print one JSON object a line for each. Nothing survives: no row, no number, no mail."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="stories; - is standard input")
        parser.add_argument("--language", choices=("zh", "en"), default="zh", help="language of texts (zh)")

    def handle(self, *args: Any, **options: Any) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")
        texts = [_read(name) for name in options["files"]]
        unread = 0
        with translation.override("zh-hans" if options["language"] == "zh" else "en"):
            for text in texts:
                for told in rehearsal.rehearse_text(text):
                    unread += "error" in told
                    self.stdout.write(json.dumps(told, ensure_ascii=False))
                    self.stdout.flush()
        if unread:
            sys.exit(1)


def _read(name: str) -> str:
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as wrong:
        raise CommandError(f"{name}: {wrong.strerror}") from None
    return content.decode("utf-8", "replace")
