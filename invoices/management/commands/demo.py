"""manage.py demo: fill an empty database with two sellers, the published cases and a year of customers, and serve it."""

import json
import shutil
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from billing import formatting
from invoices.demo import judging, making, printing, reading, sandboxing, visitors
from invoices.demo.judging import Verdict
from invoices.demo.living import ZONE
from invoices.demo.sandboxing import Sandbox
from invoices.demo.visitors import Visitors
from invoices.management import serving
from invoices.models import CreditNote, Document, Invoice
from tenants.models import Notice, Tenant
from usage.models import UsageEvent


class Command(BaseCommand):
    help = "Make the demo's data where it is missing (twice changes nothing), then serve the site with its worker."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="end after the data and the table of the cases")
        parser.add_argument(
            "--port", type=int, default=8000, help="where to serve (default 8000, or the next free one)"
        )
        parser.add_argument("--fresh", action="store_true", help="drop the embedded database's demo and make it anew")
        parser.add_argument("--tenants", type=int, default=40, help="customers beside the six cases (default 40)")
        parser.add_argument("--months", type=int, default=12, help="months of history (default 12)")
        parser.add_argument("--jobs", type=int, default=printing.cores(), help="processes that typeset and mail")

    def handle(self, *args: Any, **options: Any) -> None:
        size = making.Size(options["tenants"], options["months"], options["jobs"])
        sandbox = self._make(size, fresh=options["fresh"])
        folder = Path(settings.VAR_DIR) / "demo"
        made_at = making.made_at()
        assert made_at is not None
        day = made_at.astimezone(ZONE).date()
        verdicts = judging.judge(reading.cases(day, months=options["months"]))
        self._report(verdicts, folder)
        guests = visitors.admit(folder, at=timezone.now())
        if any(not verdict.right for verdict in verdicts):
            raise CommandError("A published case is not right to the fen; see the table.")
        if options["no_serve"]:
            self._tell_guests(guests)
        else:
            self._serve(options["port"], guests, sandbox)

    def _make(self, size: making.Size, *, fresh: bool) -> Sandbox:
        if fresh or making.cut_short():
            if not _is_embedded():
                raise CommandError(
                    "Only the embedded database is dropped. DATABASE_URL is set: empty that one yourself."
                )
            self.stdout.write("Beginning anew." if fresh else "An earlier demo was cut short; beginning anew.")
            _wipe()
        made = making.made_at()
        if not made and making.begun():
            raise CommandError("This database has customers of its own. The demo needs an empty one.")
        sandbox = sandboxing.ready(Path(settings.VAR_DIR) / "sandbox", serving.free_port)
        with sandboxing.let_in(sandbox.gateways):
            if made:
                sandboxing.open_accounts(sandbox.keys, at=timezone.now())
                self.stdout.write(f"The demo was made on {made.astimezone(ZONE):%Y-%m-%d %H:%M}; nothing is changed.")
            else:
                self._make_anew(size, sandbox)
        return sandbox

    def _make_anew(self, size: making.Size, sandbox: Sandbox) -> None:
        started = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), disable=not self.stderr.isatty()) as bar:
            task = bar.add_task("demo", total=None)
            making.make(size, now=timezone.now(), sandbox=sandbox, progress=lambda *said: _show(bar, task, *said))
        self.stdout.write(f"Made in {time.monotonic() - started:.0f} s: {_counts()}.")

    def _report(self, verdicts: Sequence[Verdict], folder: Path) -> None:
        table = Table(box=box.SIMPLE, title="The published cases", title_justify="left")
        for name, side in (("case", "left"), ("tenant", "left"), ("lines", "left"), ("total", "right"),
                           ("expected", "right"), ("ok", "left")):  # fmt: skip
            table.add_column(name, justify=side, overflow="fold")  # type: ignore[arg-type]
        for one in verdicts:
            lines = "\n".join(f"{x['price']} × {formatting.quantity(x['quantity'])} = {x['amount']}" for x in one.lines)
            table.add_row(one.case, one.name, lines, one.total, one.expected, "ok" if one.right else "WRONG")
        drawn = StringIO()
        Console(file=drawn, width=140).print(table)
        self.stdout.write(drawn.getvalue().rstrip())
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "cases.json"
        text = json.dumps([one.to_json() for one in verdicts], ensure_ascii=False, indent=1)
        path.write_text(text + "\n", encoding="utf-8")
        self.stdout.write(f"Written: {path}")

    def _tell_guests(self, guests: Visitors) -> None:
        self.stdout.write("Log-ins:")
        for email, password in guests.passwords.items():
            self.stdout.write(f"  {email:32} {password}")
        self.stdout.write(f"  API key of {visitors.LIVELY:21} {guests.key}")

    def _serve(self, wanted: int, guests: Visitors, sandbox: Sandbox) -> None:
        port = serving.free_port(wanted)
        site = f"http://127.0.0.1:{port}"
        for what, where in (
            ("Customer pages", f"{site}/"),
            ("Operators", f"{site}/admin/"),
            ("API", f"{site}/api/docs"),
            ("Mails", str(settings.OUTBOX_DIR)),
            ("Payment sandbox", "  ".join(sandbox.pages)),
        ):
            self.stdout.write(f"{what:16} {where}")
        self._tell_guests(guests)
        self.stdout.write("Ctrl-C ends it.")
        self.stdout.flush()
        raise SystemExit(serving.serve(port, sandbox.gateways))


def _show(bar: Progress, task: TaskID, what: str, done: int, whole: int) -> None:
    bar.update(task, description=what, completed=done, total=whole or None)


def _is_embedded() -> bool:
    return not settings.DATABASE_URL


def _wipe() -> None:
    """Drop every table of the embedded database and what the demo wrote beside it, and make empty tables."""
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
        # As a new database has it; the role of customers' pages reads through it.
        cursor.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
    connection.close()
    for folder in (
        settings.OUTBOX_DIR,
        settings.DOCUMENTS_DIR,
        *(Path(settings.VAR_DIR) / name for name in ("demo", "sandbox")),
    ):
        shutil.rmtree(folder, ignore_errors=True)
    call_command("migrate", interactive=False, verbosity=0)


def _counts() -> str:
    found = (
        (Tenant, "customers"),
        (UsageEvent, "usage events"),
        (Invoice, "bills"),
        (CreditNote, "credit notes"),
        (Document, "documents"),
        (Notice, "notices"),
    )
    return ", ".join(f"{model._default_manager.count():,} {name}" for model, name in found)
