"""The demo: the published cases to the fen, a shop whose books are right, and nothing changed by a second start."""

import json
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import override_settings

from billing.models import Charge
from invoices import checking
from invoices.demo import reading
from invoices.demo.visitors import VIEWER
from invoices.models import CreditNote, Document, Invoice, Payment
from tenants.models import Member, Notice, Tenant, User
from tests import shop
from usage import counting

pytestmark = pytest.mark.django_db
NOW = shop.at("2026-11-21 16:00")
SMALL = ("--no-serve", "--tenants", "1", "--months", "2", "--jobs", "1")


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory):
    """Make a small demo once, in a transaction that is rolled back; return its folder."""
    folder = tmp_path_factory.mktemp("demo")
    places = {"VAR_DIR": folder, "OUTBOX_DIR": folder / "outbox", "DOCUMENTS_DIR": folder / "documents"}
    mails = {"EMAIL_BACKEND": "tenants.outbox.FileBackend"}
    hasher = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with django_db_blocker.unblock(), transaction.atomic():
        with override_settings(**places, **mails, PASSWORD_HASHERS=hasher):
            call_command("demo", *SMALL, stdout=StringIO())
        yield folder
        transaction.set_rollback(True)


def test_it_bills_the_six_published_cases_to_the_fen(made):
    found = {one["case"]: one for one in json.loads((made / "demo" / "cases.json").read_text())}
    assert {case: one["total"] for case, one in found.items()} == {
        "small company, by module": "8000.00",  # 5,000 + 3,000
        "medium company, by duration": "20000.00",
        "large company, by seats": "20000.00",  # 100 × 200
        "e-commerce, by turnover": "50000.00",  # 1 % of 5,000,000
        "over the allowance": "10.00",  # (1,200 − 1,000) × 0.05
        "extra storage": "20.00",  # 10 GB × 2.00
    }


def test_it_writes_the_lines_of_a_case(made):
    found = {one["case"]: one for one in json.loads((made / "demo" / "cases.json").read_text())}
    messages, international = found["over the allowance"]["lines"]
    assert (messages["price"], messages["quantity"], messages["amount"]) == ("messages", "200", "10.00")
    assert (international["quantity"], international["amount"]) == ("0", "0.00")
    assert sum(Decimal(step["amount"]) for step in messages["steps"]) == Decimal("10.00")


def test_it_changes_nothing_the_second_time(made, settings):
    settings.VAR_DIR = made
    before = [list(model.objects.order_by("pk").values()) for model in (Invoice, Payment, Notice, Charge, User)]
    said = StringIO()
    call_command("demo", *SMALL, stdout=said)
    assert "nothing is changed" in said.getvalue()
    assert [list(model.objects.order_by("pk").values()) for model in (Invoice, Payment, Notice, Charge, User)] == before


def test_it_leaves_books_and_counters_that_are_right(made):
    assert list(checking.faults()) == []
    assert counting.recount(Tenant.objects.values_list("pk", flat=True)) == []


def test_it_prints_every_bill_and_sends_every_notice(made):
    papers = Invoice.objects.issued().count() + CreditNote.objects.count()
    assert Document.objects.count() == papers > 6
    assert set(Notice.objects.values_list("status", flat=True)) == {"delivered"}
    assert len(list((made / "outbox").glob("*.eml"))) == Notice.objects.count()


def test_it_admits_an_operator_an_owner_and_a_viewer(made):
    known = json.loads((made / "demo" / "logins.json").read_text())
    assert (made / "demo" / "logins.json").stat().st_mode & 0o777 == 0o600
    assert all(User.objects.get(email=email).check_password(word) for email, word in known["passwords"].items())
    assert Member.objects.get(user__email=VIEWER).role == "viewer"


def test_it_says_when_a_case_is_wrong(made, settings, monkeypatch):
    settings.VAR_DIR = made
    monkeypatch.setitem(reading.read("cases")[4], "expected", "10.01")
    with pytest.raises(CommandError, match="not right to the fen"):
        call_command("demo", *SMALL, stdout=StringIO())
