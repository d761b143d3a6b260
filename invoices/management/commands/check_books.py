"""manage.py check_books: prove the books, or say exactly where they fail."""

from typing import Any

from django.core.management.base import BaseCommand

from invoices import checking


class Command(BaseCommand):
    help = "Prove balance, agreement of every invoice, credit note and payment with the book, and gapless numbers."

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(checking.faults())
        for fault in found:
            self.stdout.write(self.style.ERROR(f"{fault.where}: {fault.what}"))
        if found:
            raise SystemExit(1)
        self.stdout.write("The books are right: every transaction balances and agrees with its document.")
