"""How many bills of the past would have been held at given thresholds, and why: to choose them, and to know false alarms."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Q

from billing.formatting import money
from invoices import allowing, examining
from invoices.models import Invoice
from invoices.usual import Limits


class Command(BaseCommand):
    """Judge every periodic bill by those before it; nothing is written."""

    help = "How many issued bills would have been held at these thresholds, and why. Nothing is written."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--factor", type=Decimal, default=Decimal(5), help="Spreads above the usual (5).")
        parser.add_argument("--least", type=int, default=50_000, help="Minor units above the usual, at least (50000).")
        parser.add_argument("--times", type=int, default=1, help="As if all usage had cost so many times as much (1).")
        parser.add_argument("--seller", default="", help="Only this seller's bills (its code).")

    def handle(self, *args: Any, **options: Any) -> None:
        limits = Limits(options["factor"], options["least"])
        periodic = Q(origin="") | Q(origin__startswith=allowing.ANNOUNCED)
        bills = Invoice.objects.issued().filter(periodic).select_related("tenant").order_by("pk")
        if options["seller"]:
            bills = bills.filter(seller__code=options["seller"])
        whys: Counter[str] = Counter()
        total = judged = held = 0
        for bill in bills.iterator(chunk_size=500):
            total += 1
            judged += examining.is_judged(bill)
            found = examining.judged_at(bill, limits, times=options["times"])
            if not found:
                continue
            held += 1
            whys[found[0].why] += 1
            for far in found:
                self.stdout.write(
                    f"{bill.number} {bill.tenant.code} {far.key.partition(':')[2] or 'the whole bill'}: {far.why},"
                    f" {money(far.amount_minor, bill.currency)}, usual {money(far.usual_minor, bill.currency)},"
                    f" spread {money(far.spread_minor, bill.currency)}, {far.spreads} spreads, {far.periods} periods"
                )
        share = Decimal(held * 1000 // max(total, 1)) / 10
        self.stdout.write(
            f"{held} of {total} bills ({share} %), of which {judged} had a history to be judged by: "
            + (", ".join(f"{n} {why}" for why, n in whys.items()) or "none")
        )
