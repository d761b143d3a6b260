"""manage.py reconcile: fetch a day's statements, hold them against payments and book, and say what differs."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from billing import formatting
from invoices import differing, reconciling, statements
from invoices.models import ProviderAccount, ReconciledDay, StatementFile, StatementRow
from tenants.models import Seller


class Command(BaseCommand):
    help = "Fetch and compare a day's statements of all providers and banks; ends with 1 when something differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--day", type=date.fromisoformat, help="the day, as 2026-11-20; default: all that is due")
        parser.add_argument("--seller", default="", help="only this seller's, by code")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["day"] is None:
            reconciling.reconcile(at=now)
            days = list(ReconciledDay.objects.filter(state=ReconciledDay.State.OPEN).order_by("day", "pk"))
        else:
            days = [one for seller in self.sellers(options["seller"]) for one in compared(seller, options["day"])]
        for day in days:
            self.tell(day)
        if any(day.state == ReconciledDay.State.OPEN for day in days):
            raise SystemExit(1)
        self.stdout.write("Everything that was compared agrees.")

    def sellers(self, code: str) -> list[Seller]:
        found = Seller.objects.order_by("pk")
        return list(found.filter(code=code) if code else found)

    def tell(self, day: ReconciledDay) -> None:
        """Write a day's sums and its open differences with their causes."""
        sums = (day.statement_minor, day.payments_minor, day.ledger_minor)
        told = " / ".join(formatting.money(minor, day.currency) for minor in sums)
        self.stdout.write(f"{day.seller.code} {day.provider} {day.day} {day.state}: {told}")
        rows = StatementRow.objects.filter(file__in=files_of(day), state__in=reconciling.OPEN)
        for row in rows.select_related("file__seller", "payment", "refunded").order_by("pk"):
            amount = formatting.money(row.amount_minor, day.currency)
            why = ", ".join(cause.code for cause in differing.causes(row))
            self.stdout.write(self.style.ERROR(f"  {row.state} {row.reference or row.provider_number} {amount}: {why}"))


def compared(seller: Seller, day: date) -> list[ReconciledDay]:
    """Fetch what can be had of a day and compare it; banks' days are compared when a file says something of them."""
    now = timezone.now()
    for account in ProviderAccount.objects.filter(seller=seller, active=True).order_by("pk"):
        statements.fetch(seller, account.provider, day, at=now)
    known = StatementFile.objects.filter(seller=seller, day=day).values_list("provider", "currency").distinct()
    return [reconciling.compare(seller, provider, day, currency, at=now) for provider, currency in sorted(known)]


def files_of(day: ReconciledDay) -> Any:
    return StatementFile.objects.filter(seller=day.seller_id, provider=day.provider, day=day.day, currency=day.currency)
