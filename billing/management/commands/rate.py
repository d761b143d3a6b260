"""`manage.py rate`: price one quantity a line, from standard input to standard output (CONTRACTS §1)."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from io import TextIOWrapper
from typing import Any

from django.core.management.base import BaseCommand

from billing.rating.answer import answer


class Command(BaseCommand):
    """Read JSON lines, write one JSON line each, in order. Needs no database."""

    help = (
        'Price quantities: reads JSON lines such as {"price": {...}, "quantity": "1200", "currency": "CNY"} on '
        "standard input and writes one answer a line. A bad line answers with an error and the next one goes on."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--language", choices=("zh", "en"), default="zh", help="language of the steps (zh)")

    def handle(self, *args: Any, **options: Any) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")
        for line in _lines():
            written = json.dumps(answer(line, options["language"]), ensure_ascii=False)
            self.stdout.write(written.encode("utf-8", "backslashreplace").decode("utf-8"))
            self.stdout.flush()


def _lines() -> Iterable[str]:
    """Read UTF-8 whatever the locale; what is none becomes a question mark and is refused as JSON or by name."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        return sys.stdin
    return (line.decode("utf-8", "replace") for line in stream)
