"""manage.py import_customers: customers with their subscriptions from a file, by a mapping."""

import time
from argparse import ArgumentParser
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import translation
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from billing import defining
from invoices import importing
from invoices.importing import Report
from invoices.management.commands.bill import instant
from invoices.models import CustomerImport
from tenants.errors import DomainError, Mistakes

SHOWN = 50


class Command(BaseCommand):
    help = (
        "Import customers with their subscriptions from CSV or XLSX. Every row is checked before anything is written; "
        "with a bad row nothing is imported. The same file may be imported again: what exists already stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="CSV (UTF-8 or GB18030) or XLSX")
        parser.add_argument("--map", required=True, metavar="MAP.yaml", help="which column is what (docs/import.md)")
        parser.add_argument("--catalogue", metavar="FILE.yaml", help="make the seller and plans of this file first")
        parser.add_argument("--dry-run", action="store_true", help="check and report, import nothing")
        parser.add_argument("--skip-bad", action="store_true", help="leave bad rows out and import the others")
        parser.add_argument("--bad-rows", metavar="OUT.csv", help="write bad rows with their reasons here")
        parser.add_argument("--at", help="as if it were this instant, as 2026-12-01T00:00:00 (default: now)")
        parser.add_argument("--language", choices=("zh-hans", "en"), help="language of the reasons (the site's)")

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override(options["language"] or settings.LANGUAGE_CODE):
            try:
                self._import(options)
            except Mistakes as refusal:
                raise CommandError("\n".join(_told(one) for one in refusal.mistakes)) from None
            except DomainError as refusal:
                raise CommandError(_told(refusal)) from None

    def _import(self, options: dict[str, Any]) -> None:
        at, started = instant(options["at"]), time.monotonic()
        report = self._read(options, at)
        self._tell(report)
        if report.mistakes and (options["skip_bad"] or options["bad_rows"]):
            self._set_aside(report, options["bad_rows"] or f"{options['file']}.bad.csv")
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was imported.")
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), disable=not self.stderr.isatty()) as bar:
            task = bar.add_task("importing", total=len(report.entries))

            def show(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            record = importing.run(report, at=at, by=None, skip_bad=options["skip_bad"], progress=show)
        self._close(record, timedelta(seconds=time.monotonic() - started))

    def _read(self, options: dict[str, Any], at: datetime) -> Report:
        """Check the file against the catalogue; a dry run makes the catalogue only to look, and takes it back."""
        with transaction.atomic():
            if options["catalogue"]:
                defining.define_catalogue(_catalogue(options["catalogue"]), at=at, by=None)
            report = importing.read(_content(options["file"]), Path(options["file"]).name, _text(options["map"]))
            transaction.set_rollback(options["dry_run"])
        return report

    def _tell(self, report: Report) -> None:
        """Write what the file holds, and the first bad cells."""
        for mistake in report.mistakes[:SHOWN]:
            column = f", {mistake.column}" if mistake.column else ""
            self.stderr.write(f"line {mistake.line}{column}: {mistake.message}")
        if len(report.mistakes) > SHOWN:
            self.stderr.write(f"… and {len(report.mistakes) - SHOWN} more.")
        self.stdout.write(
            f"{report.file_name}: {report.rows} rows, {len(report.entries)} to import, "
            f"{len(report.existing)} exist already, {len(report.bad_lines)} bad."
        )

    def _set_aside(self, report: Report, path: str) -> None:
        Path(path).write_text(importing.bad_rows(report), encoding="utf-8-sig", newline="")
        self.stdout.write(f"Bad rows with their reasons: {path}")

    def _close(self, record: CustomerImport, took: timedelta) -> None:
        if record.status == CustomerImport.Status.REFUSED:
            raise CommandError("Nothing was imported: mend the rows above, or leave them out with --skip-bad.")
        seconds = took.total_seconds()
        rate = record.imported / seconds if seconds else 0
        self.stdout.write(f"Imported {record.imported} customers, {seconds:.1f} s, {rate:.0f} customers/s.")


def _told(refusal: DomainError) -> str:
    return f"{refusal.field}: {refusal.message}" if refusal.field else refusal.message


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as wrong:
        raise CommandError(f"{path}: {wrong.strerror}.") from None


def _text(path: str) -> str:
    try:
        return _content(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CommandError(f"{path}: not UTF-8.") from None


def _catalogue(path: str) -> Any:
    try:
        return yaml.safe_load(_text(path))
    except yaml.YAMLError as wrong:
        raise CommandError(f"{path}: {wrong}") from None
