"""Make the demo, once: the whole year, its papers and mails, and the mark that says it is complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from invoices.demo import closing, opening, paying, printing, promising, reading, sandboxing
from invoices.demo.living import ZONE, World, live
from invoices.demo.sandboxing import Sandbox
from invoices.providers import gateways
from tenants import audit, chaining
from tenants.errors import WrongState
from tenants.models import AuditEntry, Seller, Tenant, User

MADE = "demo.made"
OPERATOR = "operator@mingzhang.example"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is made: customers beside the cases, months of history, processes at once."""

    customers: int = 40
    months: int = 12
    jobs: int = 1


def made_at() -> datetime | None:
    """Return when the demo was completed in this database, or None."""
    return AuditEntry.objects.filter(verb=MADE).values_list("at", flat=True).first()


def begun() -> bool:
    """Whether this database holds anything that a demo, or a real site, has put there."""
    return Seller.objects.exists() or Tenant.objects.exists()


def cut_short() -> bool:
    """Whether a demo was begun in this database and never completed."""
    return made_at() is None and User.objects.filter(email=OPERATOR).exists()


def make(size: Size, *, now: datetime, sandbox: Sandbox, progress: Progress) -> None:
    """Make everything up to `now`; raise WrongState in a database that is in use."""
    if begun():
        raise WrongState("This database is in use; the demo needs an empty one.")
    printing.hurry()
    today = now.astimezone(ZONE).date()
    first = reading.months_before(today, size.months)
    opened = datetime(first.year, first.month, first.day, tzinfo=ZONE)
    operator = User.objects.create(
        email=OPERATOR, name="运营 小周", is_staff=True, is_superuser=True, date_joined=opened, password="!"
    )
    opening.open_shop(at=opened, by=operator)
    people = [
        *reading.cases(today, months=size.months),
        *reading.customers(today, count=size.customers, months=size.months),
    ]
    sandboxing.open_accounts(sandbox.keys, at=opened)
    till = paying.Till(now=now, by=operator, moment=opened)
    world = World(customers=people, now=now, by=operator, till=till)
    with printing.meanwhile(size.jobs), gateways.using(till.simulation):
        printing.hurry()
        live(world, first=first, progress=lambda day, done, whole: progress(f"history, {day}", done, whole))
        closing.close_days(till)
    sandboxing.remember(sandbox)
    progress("documents", 0, 0)
    printing.share(printing.print_all, size.jobs)
    progress("mails", 0, 0)
    printing.hurry()
    printing.send_all(now)
    progress("evidence and advice", 0, 0)
    promising.finish(now)
    with transaction.atomic():
        audit.record(MADE, tenant=None, at=now, by=operator, customers=len(people))
    chaining.seal(at=now)
