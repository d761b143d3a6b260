"""manage.py earn: post the revenue that was earned in a month."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.money import Money
from invoices import earning
from tenants.errors import DomainError


class Command(BaseCommand):
    help = (
        "Post what every line has earned by the end of a month. Running it twice changes nothing; months may be late."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--month", help="a month that is over, as 2026-03 (default: all that are over)")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            done = earning.earn(_month(options["month"]), at=now) if options["month"] else earning.catch_up(at=now)
        except DomainError as refusal:
            raise CommandError(refusal.message) from None
        sums = ", ".join(f"{currency} {Money(minor, currency)}" for currency, minor in sorted(done.sums.items()))
        self.stdout.write(f"{done.lines} lines earned {sums or 'nothing'}.")


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise CommandError(f"--month: “{text}” is no month; write 2026-03.") from None
