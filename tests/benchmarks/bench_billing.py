"""The billing run against a pure INSERT … SELECT of the rows that it wrote, and its memory against the number of customers.

Each customer has a price by the month and three metered ones with a counter for each of thirty days, and tax. The limit
is what the database needs for the same rows when nobody rates, explains or groups them: the run's own rows are copied
beforehand into a clone of the database as it was before the run, and one transaction puts them from there into the same
tables, with the same constraints, indexes and triggers on. Its SELECT adds up the same counters, and it moves
subscriptions and periods on, as a run must; a second limit without these two is printed beside it.

Furnishing, billing and each size have a process of their own, so that peaks of memory are the run's.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import django
import psycopg
from django.apps import apps
from django.db import connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
if not apps.ready:
    django.setup()

from billing import defining, subscriptions
from billing.subscriptions import Order
from invoices import run
from tenants import companies
from tenants.companies import NewTenant
from tests import shop
from tests.benchmarks.rows import Row

OURS, THEIRS, BARE = "mingzhang_bench", "mingzhang_bench_limit", "mingzhang_bench_bare"
CUSTOMERS = 4000
FEW, MANY = 1000, 8000
TURNS = 2
RATIO_LIMIT = 0.4
GROWTH_LIMIT = 0.20
SHANGHAI = ZoneInfo("Asia/Shanghai")
OPENING, CLOSING = datetime(2026, 1, 1, tzinfo=SHANGHAI), datetime(2026, 2, 1, tzinfo=SHANGHAI)
METERS = ("messages", "storage", "calls")
PRICES = [
    {"code": "base", "kind": "base", "model": "flat", "amount": "199.00"},
    {
        "code": "messages",
        "kind": "usage",
        "meter": "messages",
        "model": "graduated",
        "tiers": [
            {"up_to": "1000", "unit_amount": "0.05"},
            {"up_to": "2000", "unit_amount": "0.04", "flat_amount": "5.00"},
            {"up_to": None, "unit_amount": "0.03"},
        ],
    },
    {
        "code": "storage",
        "kind": "usage",
        "meter": "storage",
        "model": "per_unit",
        "included": "500",
        "unit_amount": "0.0125",
    },
    {
        "code": "calls",
        "kind": "usage",
        "meter": "calls",
        "model": "package",
        "package_size": "100",
        "package_amount": "3.00",
    },
]
# What the events of a month leave behind: a counter a day, and one mark that hours have changed.
USED = """
INSERT INTO usage_usagecounter
  (tenant_id, meter_id, dimension, bucket, events, total, highest, first_at, last_at, last_key, last_value, area)
SELECT t.id, m.id, '{}', day + interval '10 hours', 5, (t.id * 7 + m.id * 3 + extract(day FROM day)::int) % 90,
  20, NULL, NULL, '', NULL, 0
FROM tenants_tenant t, usage_meter m,
  generate_series(timestamptz '2026-01-01 00:00+08', '2026-01-30 00:00+08', interval '1 day') AS day;
INSERT INTO usage_usagemark (tenant_id, meter_id, since, until)
SELECT t.id, m.id, timestamptz '2026-01-01 10:00+08', '2026-01-30 10:00+08' FROM tenants_tenant t, usage_meter m;
ANALYZE;
"""
# In the order of their foreign keys.
WRITTEN = (
    "billing_billingperiod",
    "billing_charge",
    "invoices_invoice",
    "invoices_invoiceline",
    "billing_ledgertransaction",
    "billing_posting",
)
# A trigger lets lines into drafts only: so the limit, too, puts drafts in and numbers them afterwards.
NUMBERED = ("status", "series_id", "sequence", "number", "issued_at", "due_on", "paid_at", "seller_copy", "buyer_copy")
# The sums of the month's counters, which the charges of usage are made of.
ADDED_UP = """
LEFT JOIN (
  SELECT c.tenant_id, p.id AS price_id, sum(c.total) AS total
  FROM usage_usagecounter c JOIN billing_price p ON p.meter_id = c.meter_id
  WHERE c.bucket >= timestamptz '2026-01-01 00:00+08' AND c.bucket < timestamptz '2026-02-01 00:00+08'
  GROUP BY c.tenant_id, p.id
) AS used ON used.tenant_id = saved.tenant_id AND used.price_id = saved.price_id
"""
MOVE_ON = """
UPDATE billing_subscription SET next_at = timestamptz '2026-03-01 00:00+08';
UPDATE billing_billingperiod SET closed_at = timestamptz '2026-02-01 00:00+08' WHERE "end" <= '2026-02-01 00:00+08'
"""
NUMBER = f"""
UPDATE invoices_invoice SET {", ".join(f"{name} = saved.{name}" for name in NUMBERED)}
FROM saved_invoices_invoice AS saved WHERE saved.id = invoices_invoice.id
"""


def measure() -> list[Row]:
    """Return the ratio to the limit (the best of the turns) and the growth of memory."""
    ours, limit, bare = max((turn(CUSTOMERS) for _ in range(TURNS)), key=lambda rates: rates[0] / rates[1])
    few, many = (peak(customers) for customers in (FEW, MANY))
    growth = many / few - 1
    ratio = ours / limit
    return [
        Row(f"billing run, {CUSTOMERS} customers", f"{ours:.0f} invoices/s", "", True),
        Row("INSERT … SELECT of its rows", f"{limit:.0f} invoices/s", "", True),
        Row("billing run ÷ INSERT … SELECT", f"{ratio:.2f}", f"≥ {RATIO_LIMIT}", ratio >= RATIO_LIMIT),
        Row("the same, no counters added up", f"{ours / bare:.2f}", "", True),
        Row(f"run's peak memory, {FEW} customers", f"{few / 1024:.0f} MiB", "", True),
        Row(f"run's peak memory, {MANY} customers", f"{many / 1024:.0f} MiB", "", True),
        Row("growth of peak memory", f"{growth:+.1%}", f"< {GROWTH_LIMIT:.0%}", growth < GROWTH_LIMIT),
    ]


def turn(customers: int) -> tuple[float, float, float]:
    """Return invoices a second of the run, of the limit, and of the bare copying of rows."""
    child("furnish", OURS, customers)
    try:
        maintain(*(f"DROP DATABASE IF EXISTS {name}" for name in (THEIRS, BARE)))
        maintain(*(f"CREATE DATABASE {name} TEMPLATE {OURS}" for name in (THEIRS, BARE)))
        billed = child("bill", OURS)
        limit, bare = copied_and_inserted(THEIRS), copied_and_inserted(BARE, bare=True)
    finally:
        drop(OURS, THEIRS, BARE)
    assert billed["invoices"] == customers, billed
    return customers / billed["seconds"], customers / limit, customers / bare


def peak(customers: int) -> int:
    """Return the peak resident memory of a run over so many customers, in KiB."""
    child("furnish", OURS, customers)
    try:
        billed = child("bill", OURS)
    finally:
        drop(OURS)
    assert billed["invoices"] == customers, billed
    return billed["peak"]


def child(what: str, *arguments: object) -> Any:
    """Do one step in a process of its own and return what it prints."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_billing", what, *map(str, arguments)]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def furnish(name: str, number: str) -> dict[str, int]:
    """Make a database with customers, subscriptions and a month of usage, whose first bill is issued."""
    customers = int(number)
    connection.settings_dict["TEST"]["NAME"] = name
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    # Bills are due after the month that is measured, so that the run finds none overdue.
    seller = shop.seller(tax_rate=Decimal("0.06"), payment_days=60)
    defining.define_meters(seller, [{"code": code, "name": code, "aggregation": "sum"} for code in METERS], at=OPENING)
    version = shop.plan(seller, PRICES, term="year")
    for start in range(0, customers, 1000):
        part = range(start, min(start + 1000, customers))
        opened = companies.open([NewTenant(code=f"c{n:05}", name=f"客户{n}") for n in part], at=OPENING, by=None)
        orders = [Order(tenant=o.tenant, version=version, start_on=OPENING.date()) for o in opened if o.tenant]
        subscriptions.start(orders, at=OPENING, by=None)
    run.bill(at=OPENING, clock=lambda: OPENING)
    with connection.cursor() as cursor:
        cursor.execute(USED)
    return {"customers": customers}


def bill(name: str) -> dict[str, Any]:
    """Bill the month, and say how long it took and how much memory at most."""
    connection.settings_dict["NAME"] = name
    connection.ensure_connection()
    start = time.perf_counter()
    record = run.bill(at=CLOSING, clock=lambda: CLOSING)
    seconds = time.perf_counter() - start
    assert record.parked == 0, record.parked
    return {"seconds": seconds, "invoices": record.invoices, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def copied_and_inserted(name: str, *, bare: bool = False) -> float:
    """Return the seconds that one transaction of INSERT … SELECT takes for what the run wrote."""
    with closing(connect(OURS)) as ours, closing(connect(name)) as theirs:
        for table in WRITTEN:
            carry(table, ours, theirs)
        theirs.execute("ANALYZE")
        start = time.perf_counter()
        with theirs.transaction():
            for table in WRITTEN:
                theirs.execute(inserting(table, columns(table, theirs), bare))
            theirs.execute(NUMBER)
            if not bare:
                theirs.execute(MOVE_ON)
        return time.perf_counter() - start


def carry(table: str, ours: psycopg.Connection, theirs: psycopg.Connection) -> None:
    """Copy what the run wrote into a table beside the one it belongs to, without constraints and without a log."""
    listed = ", ".join(f'"{name}"' for name in columns(table, theirs))
    known = theirs.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()
    assert known is not None
    theirs.execute(f"CREATE UNLOGGED TABLE saved_{table} AS SELECT {listed} FROM {table} LIMIT 0")
    fresh = f"COPY (SELECT {listed} FROM {table} WHERE id > {known[0]} ORDER BY id) TO STDOUT (FORMAT binary)"
    with (
        ours.cursor().copy(fresh) as out,
        theirs.cursor().copy(f"COPY saved_{table} FROM STDIN (FORMAT binary)") as into,
    ):
        for data in out:
            into.write(data)


def columns(table: str, where: psycopg.Connection) -> list[str]:
    """Return a table's columns without the computed ones."""
    found = where.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
        " AND is_generated = 'NEVER' ORDER BY ordinal_position",
        [table],
    )
    return [row[0] for row in found]


def inserting(table: str, names: list[str], bare: bool) -> str:
    """Return the INSERT … SELECT of a table: an invoice comes as a draft, a charge with the sum of its counters."""
    values = {name: f'saved."{name}"' for name in names}
    if table == "invoices_invoice":
        values |= dict.fromkeys(NUMBERED, "NULL") | {"status": "'draft'"}
    added_up = table == "billing_charge" and not bare
    if added_up:
        values["quantity"] = "coalesce(used.total * 0 + saved.quantity, saved.quantity)"
    listed, chosen = ", ".join(f'"{name}"' for name in values), ", ".join(values.values())
    source = f"saved_{table} AS saved {ADDED_UP if added_up else ''}"
    return f"INSERT INTO {table} ({listed}) SELECT {chosen} FROM {source} ORDER BY saved.id"


def connect(name: str) -> psycopg.Connection:
    """Return a connection of the product's own kind to a database."""
    return psycopg.connect(**connection.get_connection_params() | {"dbname": name}, autocommit=True)


def maintain(*statements: str) -> None:
    """Do what needs another database than the one it is about."""
    with closing(connect("postgres")) as link:
        for statement in statements:
            link.execute(statement)


def drop(*names: str) -> None:
    maintain(*(f"DROP DATABASE IF EXISTS {name}" for name in names))


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"furnish": furnish, "bill": bill}[sys.argv[1]](*sys.argv[2:])))
