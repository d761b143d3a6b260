"""What the demo is made of, where it refuses to begin, and how it serves and ends."""

import os
import signal
import socket
import subprocess
import sys
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path
from random import Random

import pytest
from django.core.management import CommandError, call_command

from invoices.demo import judging, reading
from invoices.demo.happening import parts, uses
from invoices.management import serving
from tenants.models import Seller, Tenant
from tenants.validators import validate_tax_number
from tests import shop

pytestmark = pytest.mark.django_db
NOW = shop.at("2026-11-21 16:00")


def test_it_refuses_a_database_with_customers_of_its_own():
    shop.seller()
    shop.tenant("stranger")
    with pytest.raises(CommandError, match="customers of its own"):
        call_command("demo", "--no-serve", stdout=StringIO())
    assert [tenant.code for tenant in Tenant.objects.all()] == ["stranger"]


def test_it_never_drops_a_database_that_is_not_the_embedded_one(settings):
    settings.DATABASE_URL = "postgres://elsewhere"
    shop.seller()
    with pytest.raises(CommandError, match="Only the embedded database"):
        call_command("demo", "--fresh", "--no-serve", stdout=StringIO())
    assert Seller.objects.count() == 1


def test_it_sells_a_year_for_a_fifth_less_and_a_bundle_for_less_than_its_parts():
    plans = {plan["code"]: plan["prices"] for plan in reading.read("catalogue")["sellers"]["qingyu"]["plans"]}
    base = {code: Decimal(prices[0].get("amount", 0)) for code, prices in plans.items()}
    assert base["team-year"] == 4 * base["team-quarter"] * Decimal("0.8")
    days = {"day": 1, "week": 7, "month": 30, "quarter": 91, "half": 182, "year": 365}
    daily = [base[f"team-{term}"] / days[term] for term in days]
    assert daily == sorted(daily, reverse=True)
    alone = {price["code"]: Decimal(price["amount"]) for price in plans["modules-year"]}
    assert base["bundle-year"] == alone["basics"] + alone["analytics"] + alone["operations"] - 1800


def test_it_knows_forty_customers_with_right_tax_numbers():
    found = reading.customers(NOW.date(), count=40, months=12)
    assert len({customer.code for customer in found}) == 40
    for customer in found:
        validate_tax_number(customer.tax_number)
    assert {"喆", "镕", "堃", "𬭛", "㐱"} <= set("".join(customer.name for customer in found))


def test_it_tells_the_same_usage_at_every_making():
    (customer,) = reading.customers(NOW.date(), count=1, months=12)
    told = uses(customer, shop.at("2026-10-01 00:00").date(), NOW)
    assert told == uses(customer, shop.at("2026-10-01 00:00").date(), NOW)
    assert len({event["key"] for event in told}) == len(told)
    assert max(event["occurred_at"] for event in told) <= NOW


def test_it_cuts_a_quantity_into_parts_that_add_up():
    cut = parts(Decimal("5000000.00"), 600, Random("parts"))
    assert (sum(cut), len(cut), min(cut) > 0) == (Decimal("5000000.00"), 600, True)


def test_it_gives_no_verdict_of_right_without_a_bill():
    (case, *_rest) = reading.cases(NOW.date(), months=12)
    (verdict,) = judging.judge([case])
    assert (verdict.total, verdict.right) == ("", False)


def test_it_takes_the_next_port_when_one_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert serving.free_port(port) > port


def test_it_ends_its_children_when_it_is_asked_to():
    program = (
        "import sys; from invoices.management import serving\n"
        "serving.commands = lambda port: [['timeit', '-n1', '-r1', 'import time; time.sleep(60)']] * 2\n"
        "print('up', flush=True); sys.exit(serving.serve(1))"
    )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": "postgres://x@127.0.0.1:1/x",
    }
    whole = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment, cwd=Path.cwd())
    assert whole.stdout
    assert whole.stdout.readline() == b"up\n"
    while len(children := Path(f"/proc/{whole.pid}/task/{whole.pid}/children").read_text().split()) < 2:
        assert whole.poll() is None
    whole.send_signal(signal.SIGINT)
    assert whole.wait(20) == 0
    assert not any(Path(f"/proc/{child}").exists() for child in children)


@pytest.mark.parametrize(
    ("today", "year", "month"),
    [
        ("2026-11-21", "2026-01-01", "2026-10-01"),
        ("2027-01-01", "2026-01-01", "2026-12-01"),  # by the morning of New Year's Day nobody has bought anything yet
        ("2027-01-02", "2027-01-01", "2026-12-01"),
    ],
)
def test_it_begins_the_cases_with_the_year_or_last_month(today, year, month):
    starts = {case.code: str(case.start) for case in reading.cases(date.fromisoformat(today), months=12)}
    assert (starts["case-modules"], starts["case-messages"]) == (year, month)
