"""Real input: 7,043 customers of a telephone company, from the file to the month's bills, by the commands alone."""

import csv
import re
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum

from billing.models import Charge, NegotiatedPrice, Subscription, SubscriptionItem
from invoices import checking
from invoices.models import CustomerImport, Invoice
from tenants.models import Seller, Tenant

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "tests" / "data" / "telco_customers.csv"
MAP, CATALOGUE = (ROOT / "docs" / "examples" / name for name in ("telco.yaml", "telco-catalogue.yaml"))
SERVICES = [
    "PhoneService",
    "MultipleLines",
    "OnlineSecurity",
    "OnlineBackup",
    "DeviceProtection",
    "TechSupport",
    "StreamingTV",
    "StreamingMovies",
]


def rows(count: int | None = None) -> list[dict[str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))[:count]


def first(count: int, folder: Path) -> Path:
    """Write the first rows of the file into one of its own."""
    part = folder / "part.csv"
    part.write_text("".join(FILE.read_text(encoding="utf-8").splitlines(keepends=True)[: count + 1]), encoding="utf-8")
    return part


def do(file: Path, **more: object) -> str:
    told = StringIO()
    options = {"map": str(MAP), "catalogue": str(CATALOGUE), "at": "2026-01-01T09:00:00", "language": "en"} | more
    call_command("import_customers", str(file), stdout=told, stderr=told, **options)
    return told.getvalue()


def bill() -> str:
    told = StringIO()
    # Midnight in Chicago is 14:00 in Shanghai.
    call_command("bill", at="2026-01-01T14:00:00", stdout=told)
    with connection.cursor() as cursor:
        # As autovacuum does on a real site; it sees nothing of a transaction that is going to be rolled back.
        cursor.execute("ANALYZE")
    return told.getvalue()


def cents(data: list[dict[str, str]]) -> int:
    return int(sum(Decimal(row["MonthlyCharges"]) for row in data) * 100)


def billed() -> int:
    return Invoice.objects.issued().aggregate(sum=Sum("total_minor"))["sum"]


def test_500_customers_have_what_the_file_says(tmp_path):
    do(first(500, tmp_path))
    bill()
    data = rows(500)
    plans = dict(Subscription.objects.order_by("tenant__code").values_list("tenant__code", "plan__code"))
    terms = {"Month-to-month": "monthly", "One year": "one-year", "Two year": "two-year"}
    assert list(plans) == [f"TELCO-{number:05}" for number in range(1, 501)]
    assert list(plans.values()) == [terms[row["Contract"]] for row in data]
    taken = SubscriptionItem.objects.filter(price__kind="module").count()
    assert taken == sum(row[service] == "Yes" for row in data for service in SERVICES)
    agreed = NegotiatedPrice.objects.order_by("tenant__code").values_list("params__amount", flat=True)
    assert list(agreed) == [row["MonthlyCharges"] for row in data]
    bills = Invoice.objects.issued().order_by("tenant__code").values_list("total_minor", flat=True)
    assert list(bills) == [cents([row]) for row in data]
    assert Charge.objects.filter(kind="module").aggregate(sum=Sum("amount_minor"))["sum"] == 0
    assert set(Invoice.objects.values_list("currency", "language")) == {("USD", "en")}
    assert not list(checking.faults())


def test_the_second_time_imports_nothing(tmp_path):
    part = first(40, tmp_path)
    do(part)
    assert "40 rows, 0 to import, 40 exist already, 0 bad." in do(part)
    assert (Tenant.objects.count(), Subscription.objects.count(), Seller.objects.count()) == (40, 40, 1)
    assert list(CustomerImport.objects.order_by("at", "id").values_list("imported", flat=True)) == [40, 0]


def test_a_dry_run_writes_nothing(tmp_path):
    part = first(5, tmp_path)
    assert "5 rows, 5 to import, 0 exist already, 0 bad." in do(part, dry_run=True)
    assert (Seller.objects.count(), Tenant.objects.count()) == (0, 0)
    do(part)
    part = first(9, tmp_path)
    assert "9 rows, 4 to import, 5 exist already, 0 bad." in do(part, dry_run=True)
    assert (Tenant.objects.count(), CustomerImport.objects.count()) == (5, 1)


def test_a_bad_row_stops_all_of_it_or_goes_to_a_file(tmp_path):
    part, bad = first(5, tmp_path), tmp_path / "bad.csv"
    part.write_text(part.read_text(encoding="utf-8").replace(",One year,", ",Ten years,"), encoding="utf-8")
    with pytest.raises(CommandError, match="Nothing was imported"):
        do(part)
    assert not Tenant.objects.exists()
    told = do(part, skip_bad=True, bad_rows=str(bad))
    assert "line 3, Contract: “Ten years” is none of" in told
    assert Tenant.objects.count() == 3
    with bad.open(encoding="utf-8-sig", newline="") as file:
        aside = list(csv.DictReader(file))
    assert [row["line"] for row in aside] == ["3", "5"]
    assert aside[0]["reason"].startswith("Contract: “Ten years” is none of")


@pytest.mark.slow
def test_the_months_bills_of_all_7043_are_the_file_to_the_cent(tmp_path):
    # Eleven customers of the first month have paid nothing so far; other editions of the file leave that cell empty.
    text, empty = re.subn(r",0,(No|Yes)$", r",,\1", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    whole = tmp_path / "telco_customers.csv"
    whole.write_text(text, encoding="utf-8")
    data = rows()
    assert (len(data), empty) == (7043, 11)
    assert re.search(r"Imported 7043 customers, [\d.]+ s, \d+ customers/s\.", do(whole))
    assert re.search(r"7043 invoices, 0 parked, [\d.]+ s, \d+ invoices/s\.", bill())
    assert billed() == cents(data) == 456_116_60
    assert Invoice.objects.issued().count() == 7043
