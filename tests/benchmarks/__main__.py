"""Print every benchmark's rows as one table; exit 1 when a row misses its limit.

    .venv/bin/python -m tests.benchmarks            # all
    .venv/bin/python -m tests.benchmarks pdf run    # bench_pdf and bench_run alone

A benchmark is a module `bench_<name>.py` in this folder with `measure() -> list[Row]`.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import django
from rich.console import Console
from rich.table import Table

from tests.benchmarks.rows import Row

NAMES = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def main(chosen: list[str]) -> int:
    if unknown := set(chosen) - set(NAMES):
        sys.stderr.write(f"No benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}.\n")
        return 2
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    console = Console()
    rows: list[Row] = []
    for name in chosen or NAMES:
        with console.status(f"measuring {name}"):
            rows += importlib.import_module(f"tests.benchmarks.bench_{name}").measure()
    console.print(table(rows))
    return 0 if all(row.ok for row in rows) else 1


def table(rows: list[Row]) -> Table:
    grid = Table()
    for title in ("what", "measured", "limit", ""):
        grid.add_column(title)
    for row in rows:
        grid.add_row(row.name, row.value, row.limit, "ok" if row.ok else "MISSED")
    return grid


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
