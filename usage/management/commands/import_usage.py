"""`manage.py import_usage FILE.csv`: usage from a file, all of it or nothing, exactly once."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tenants.errors import DomainError
from tenants.models import Tenant
from usage import importing, reading
from usage.importing import Problem, Step

SHOWN = 50


class Command(BaseCommand):
    """Check the whole file, then import it; with a bad line nothing is imported unless --skip-bad."""

    help = (
        "Import usage events from a CSV file with the columns tenant, meter, quantity, key, occurred_at, void, properties "
        "(JSON) or properties.NAME. The whole file is checked first; one bad line and nothing is imported, unless "
        "--skip-bad. Run it again after an interruption: keys make every event count once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--tenant", metavar="CODE", help="the customer of every line (else the column tenant)")
        parser.add_argument("--skip-bad", action="store_true", help="leave bad lines out and import the others")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._import(options["file"], self._tenant(options["tenant"]), skip_bad=options["skip_bad"])
        except OSError as wrong:
            raise CommandError(f"{options['file']}: {wrong.strerror}") from wrong
        except DomainError as wrong:
            raise CommandError(f"{options['file']}: {wrong.message}") from wrong

    def _import(self, path: Path, tenant: Tenant | None, *, skip_bad: bool) -> None:
        at = timezone.now()
        shape = reading.look(path)
        checked = self._follow(_("Checking"), importing.check(path, shape, tenant=tenant, at=at))
        self._complain(checked.problems)
        if checked.problems and not skip_bad:
            raise CommandError(
                _("%(count)d lines are bad: nothing was imported. Correct them, or leave them out with --skip-bad.")
                % {"count": len({problem.line for problem in checked.problems})}
            )
        taken = self._follow(_("Importing"), importing.take(path, shape, tenant=tenant, at=at), checked.rows)
        importing.finish(shape.sha256, at=timezone.now())
        told = {"rows": taken.rows, "new": taken.accepted, "known": taken.duplicate, "bad": len(taken.problems)}
        self.stdout.write(_("%(rows)d lines: %(new)d imported, %(known)d known already, %(bad)d refused.") % told)
        if len(taken.problems) > len(checked.problems):
            self._complain(taken.problems)
            raise CommandError(_("Some lines contradict others of the file and were not imported."))

    def _follow(self, name: str, steps: Iterable[Step], total: int | None = None) -> Step:
        """Return the sum of all steps, showing how far it got."""
        rows = accepted = duplicate = 0
        problems: list[Problem] = []
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task(name, total=total)
            for step in steps:
                progress.update(bar, advance=step.rows)
                rows += step.rows
                accepted += step.accepted
                duplicate += step.duplicate
                problems += step.problems
        return Step(rows, accepted, duplicate, tuple(problems))

    def _complain(self, problems: tuple[Problem, ...]) -> None:
        for problem in sorted(problems, key=lambda one: one.line)[:SHOWN]:
            place = _("line %(line)d") % {"line": problem.line} + (f", {problem.column}" if problem.column else "")
            self.stderr.write(f"{place}: {problem.message}")
        if len(problems) > SHOWN:
            self.stderr.write(_("… and %(count)d more.") % {"count": len(problems) - SHOWN})

    def _tenant(self, code: str | None) -> Tenant | None:
        if code is None:
            return None
        found = Tenant.objects.filter(code=code).first()
        if found is None:
            raise CommandError(_("There is no customer “%(code)s”.") % {"code": code})
        return found
