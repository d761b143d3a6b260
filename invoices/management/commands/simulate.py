"""manage.py simulate: play random customers against the verbs, and check every invariant after every step."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from invoices.rehearsal.simulating import simulate

EVERY = 20.0


class Command(BaseCommand):
    """Print a line of progress now and then, and each failure with its story; the exit code is 1 when there is one."""

    help = (
        "Play invented stories, one for each seed, through the real verbs in transactions that are rolled back, and check "
        "after everything that happens in them what must always be true. A seed that fails is printed with its story as "
        "YAML, ready for `manage.py rehearse`. The same seed is the same story for ever."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seeds", type=int, default=100, help="how many (100)")
        parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
        parser.add_argument("--steps", type=int, help="how many steps a story has (10 to 25)")

    def handle(self, *args: Any, **options: Any) -> None:
        seeds = range(options["first"], options["first"] + options["seeds"])
        began = told = time.monotonic()
        failed: list[int] = []
        for count, (seed, failure) in enumerate(simulate(seeds, steps=options["steps"]), 1):
            if failure:
                failed.append(seed)
                self.stdout.write(f"seed {seed}: {failure.what}\n{failure.as_yaml()}")
            now = time.monotonic()
            if now - told > EVERY or count == len(seeds):
                told = now
                self.stdout.write(f"{count} of {len(seeds)} seeds, {len(failed)} failed, {now - began:.0f} s")
                self.stdout.flush()
        if failed:
            self.stdout.write(f"failed: {' '.join(map(str, failed))}")
            sys.exit(1)
