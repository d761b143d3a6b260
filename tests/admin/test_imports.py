"""Customers from a file, on the page: checked first, with every bad cell; nothing half imported."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from invoices.models import CustomerImport
from tenants.models import Tenant
from tests.admin.conftest import NOW
from usage.models import UsageEvent

MAPPING = b"customer:\n  code: {column: ID}\n  name: {column: Name}\n"
GOOD = "ID,Name\nc1,第一家\nc2,第二家\n".encode()
BAD = "ID,Name\nc1,第一家\nbad code!,第二家\n".encode()


def send(desk, content: bytes, how: str, mapping: bytes = MAPPING):
    files = {"file": SimpleUploadedFile("c.csv", content), "mapping": SimpleUploadedFile("m.yaml", mapping), "how": how}
    return desk.post(
        reverse("admin:invoices_customerimport_import_customers"), files, headers={"accept-language": "en"}
    )


def test_it_only_checks_when_asked_to(desk):
    assert send(desk, GOOD, "check").status_code == 302
    assert CustomerImport.objects.get().status == "checked"
    assert not Tenant.objects.exists()


def test_it_imports_all_rows(desk):
    send(desk, GOOD, "all")
    assert (CustomerImport.objects.get().status, Tenant.objects.count()) == ("imported", 2)


@pytest.mark.parametrize(("how", "count"), [("all", 0), ("skip", 1)])
def test_it_imports_nothing_or_the_good_rows_when_one_is_bad(desk, how, count):
    send(desk, BAD, how)
    assert Tenant.objects.count() == count
    (mistake,) = CustomerImport.objects.get().errors
    assert (mistake["line"], mistake["column"]) == (3, "ID")
    page = desk.get(reverse("admin:invoices_customerimport_change", args=[CustomerImport.objects.get().pk]))
    assert "<td>3</td><td>ID</td>" in page.content.decode()


def test_it_gives_the_bad_rows_back_as_a_file(desk):
    answer = send(desk, BAD, "bad")
    assert "bad code!,第二家,3" in answer.content.decode("utf-8-sig")
    assert not CustomerImport.objects.exists()


def test_it_says_what_is_wrong_with_the_mapping(desk):
    answer = send(desk, GOOD, "check", b"customer:\n  code: {column: Code}\n  name: {column: Name}\n")
    assert "The file has no column “Code”" in answer.content.decode()


EVENTS = (
    "meter,quantity,key,occurred_at\nmessages,5,k1,2026-02-12T09:00:00+08:00\nmessages,7,k2,2026-02-12T10:00:00+08:00\n"
)


def usage(desk, text: str, how: str):
    form = {"file": SimpleUploadedFile("use.csv", text.encode()), "tenant": "acme", "how": how}
    return desk.post(reverse("admin:usage_usageimport_import_usage"), form, headers={"accept-language": "en"})


@pytest.mark.parametrize(("how", "count"), [("check", 0), ("all", 2)])
def test_it_reads_usage_from_a_file(world, desk, time_machine, how, count):
    time_machine.move_to(NOW)
    before = UsageEvent.objects.count()
    assert usage(desk, EVENTS, how).status_code == 302
    assert UsageEvent.objects.count() == before + count


def test_it_names_the_bad_lines_of_usage_and_takes_none(world, desk, time_machine):
    time_machine.move_to(NOW)
    before = UsageEvent.objects.count()
    text = usage(desk, EVENTS + "nothing,1,k3,2026-02-12T10:00:00+08:00\n", "all").content.decode()
    assert "line 4 meter: There is no meter “nothing”" in text
    assert UsageEvent.objects.count() == before
