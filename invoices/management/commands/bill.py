"""manage.py bill: one billing run, with progress."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from invoices import pdf, rendering, run
from invoices.models import BillingRun
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Close, draft and issue all that is due. Running it twice, or two at once, changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--at", help="bill what is due at this instant, as 2026-12-01T00:00:00 (default: now)")
        parser.add_argument("--tenant", action="append", help="only this customer (code); may be given several times")
        parser.add_argument(
            "--render", action="store_true", help="make the documents too, instead of leaving them to the worker"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        at = instant(options["at"])
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), disable=not self.stderr.isatty()) as bar:
            task = bar.add_task("billing", total=None)

            def show(record: BillingRun) -> None:
                bar.update(task, total=record.due, completed=record.done + record.parked)

            record = run.bill(at=at, clock=timezone.now, tenants=_tenants(options["tenant"]), progress=show)
        if options["render"]:
            for paper in rendering.waiting(1_000_000):
                rendering.render(paper, pdf.render, at=timezone.now())
        self._report(record)

    def _report(self, record: BillingRun) -> None:
        assert record.finished_at is not None
        seconds = (record.finished_at - record.started_at).total_seconds()
        rate = record.invoices / seconds if seconds else 0
        self.stdout.write(
            f"Run {record.pk}: {record.due} subscriptions due, {record.charges} charges, {record.invoices} invoices, "
            f"{record.parked} parked, {seconds:.1f} s, {rate:.0f} invoices/s."
        )
        if record.status == BillingRun.Status.STOPPED:
            raise CommandError("Stopped: too many customers had to be parked. See the queue of parked customers.")


def instant(text: str | None) -> datetime:
    """Read an instant; one without a zone is in the site's own."""
    if not text:
        return timezone.now()
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--at: “{text}” is no instant; write 2026-12-01T00:00:00.") from None
    return read if read.tzinfo else read.replace(tzinfo=ZoneInfo(settings.TIME_ZONE))


def _tenants(codes: list[str] | None) -> list[int] | None:
    if not codes:
        return None
    found = dict(Tenant.objects.filter(code__in=codes).values_list("code", "pk"))
    if missing := sorted(set(codes) - found.keys()):
        raise CommandError(f"--tenant: there is no customer {', '.join(missing)}.")
    return list(found.values())
