from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import translation

from tests.usage.conftest import AT
from usage import importing, ingest, reading
from usage.models import UsageEvent, UsageImport

pytestmark = pytest.mark.django_db
GOOD = "tenant,meter,quantity,key,occurred_at,properties.region\nacme,messages,3,a,2026-03-10T09:00:00+08:00,cn\nbeta,calls,,b,,\n"


@pytest.fixture(autouse=True)
def _noon(meters, tenant, other_tenant):
    with time_machine.travel(AT, tick=False), translation.override("en"):
        yield


@pytest.fixture
def file(tmp_path):
    def make(text, encoding="utf-8"):
        path = tmp_path / "usage.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return make


def run(path, *arguments):
    out, err = StringIO(), StringIO()
    call_command("import_usage", str(path), *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def complaints(path, *arguments):
    err = StringIO()
    with pytest.raises(CommandError) as stopped:
        call_command("import_usage", str(path), *arguments, stdout=StringIO(), stderr=err)
    return err.getvalue() + str(stopped.value)


def test_it_imports_a_file(file):
    run(file(GOOD))
    found = UsageEvent.objects.values_list("tenant__code", "key", "quantity", "dimension").order_by("key")
    assert list(found) == [("acme", "a", 3, {"region": "cn"}), ("beta", "b", 1, {})]


def test_it_imports_a_file_once(file):
    path = file(GOOD)
    run(path)
    run(path)
    assert UsageEvent.objects.count() == 2
    runs = UsageImport.objects.order_by("id").values_list("rows", "accepted", "duplicate", "refused")
    assert list(runs) == [(2, 2, 0, 0), (2, 0, 2, 0)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_it_knows_the_encoding(file, encoding):
    run(file(GOOD.replace("cn", "中国"), encoding))
    assert UsageEvent.objects.get(key="a").dimension == {"region": "中国"}


def test_it_refuses_another_encoding(file):
    assert "file" in complaints(file(b"key,meter\n\xff\xff,x\n"), "--tenant", "acme")


def test_it_imports_nothing_of_a_file_with_a_bad_line(file):
    told = complaints(file(GOOD + "acme,messages,-1,c,,\nacme,faxes,1,d,,\n"))
    assert not UsageEvent.objects.exists()
    assert "4, quantity" in told
    assert "5, meter" in told


def test_it_leaves_bad_lines_out_when_asked(file):
    run(file(GOOD + "acme,messages,-1,c,,\n"), "--skip-bad")
    assert UsageEvent.objects.count() == 2
    assert UsageImport.objects.get().refused == 1


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("acme,messages,1,,,", "4, key"),
        ("acme,messages,1.5.2,c,,", "4, quantity"),
        ("acme,messages,1,c,2026-03-10 09:00,", "4, occurred_at"),
        ("acme,messages,1,c,yesterday,", "4, occurred_at"),
        ("acme,messages,1,c,2026-01-01T00:00:00Z,", "4, occurred_at"),
        ("nobody,messages,1,c,,", "4, tenant"),
        ("acme,messages,1,c", "4"),
        ("acme,messages,1,a,2026-03-10T09:00:00+08:00,us", "4, key"),
        ('acme,"messages"x,1,c,,', "4"),
    ],
)
def test_it_names_line_and_column(file, line, place):
    assert place in complaints(file(GOOD + line + "\n"))
    assert not UsageEvent.objects.exists()


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("key,quantity", "meter"),
        ("key,meter,colour", "colour"),
        ("key,meter,key", "key"),
        ("meter,quantity", "key"),
        ("", ""),
    ],
)
def test_it_names_a_column_that_is_wrong(file, heading, name):
    assert name in complaints(file(f"{heading}\n1,2\n" if heading else ""), "--tenant", "acme")


def test_it_needs_a_customer(file):
    assert "tenant" in complaints(file("key,meter\na,messages\n"))


def test_it_takes_the_customer_of_the_command(file):
    run(file("key,meter\na,messages\n"), "--tenant", "acme")
    assert UsageEvent.objects.get().tenant.code == "acme"


def test_it_does_not_give_a_line_to_another_customer(file):
    assert "tenant" in complaints(file(GOOD), "--tenant", "acme")


def test_it_reads_properties_as_an_object(file):
    run(file('key,meter,properties\na,messages,"{""region"": ""us"", ""n"": 1.50}"\n'), "--tenant", "acme")
    assert UsageEvent.objects.get().dimension == {"region": "us"}


def test_it_reads_voids(file):
    run(file("key,meter,void\na,messages,\nb,,a\n"), "--tenant", "acme")
    assert UsageEvent.objects.get(key="b").voids.key == "a"


def test_it_counts_lines_as_an_editor_does(file):
    told = complaints(file('key,meter,properties.note\na,messages,"one\ntwo"\n\nb,faxes,x\n'), "--tenant", "acme")
    assert "5, meter" in told


def test_it_keeps_lines_of_many_customers_in_order(file, monkeypatch, tenant):
    monkeypatch.setattr(importing, "BATCH", 2)
    monkeypatch.setattr(importing, "WAITING", 3)
    rows = [f"{('acme', 'beta')[n % 2]},messages,1,k{n}," for n in range(9)]
    run(file("\n".join(["tenant,meter,quantity,key,void", *rows, "acme,,,v,k0", "beta,,,w,k1"]) + "\n"))
    assert UsageEvent.objects.count() == 11


def test_it_goes_on_after_an_interruption(file):
    path = file("key,meter\n" + "".join(f"k{n},messages\n" for n in range(2500)))
    shape = reading.look(path)
    steps = importing.take(path, shape, tenant=_acme(), at=AT)
    next(steps)
    steps.close()
    assert UsageImport.objects.get().finished_at is None
    run(path, "--tenant", "acme")
    last = UsageImport.objects.order_by("id").last()
    assert (last.accepted, last.duplicate, last.finished_at) == (1500, 1000, AT)


def test_it_says_that_a_file_is_missing(tmp_path):
    assert "none.csv" in complaints(tmp_path / "none.csv", "--tenant", "acme")


def test_it_refuses_an_unknown_customer(file):
    assert "nobody" in complaints(file(GOOD), "--tenant", "nobody")


def test_it_finds_the_end_of_the_late_window_at_the_start_of_the_run(file):
    edge = (AT - timedelta(days=35)).isoformat()
    run(file(f"key,meter,occurred_at\na,messages,{edge}\n"), "--tenant", "acme")
    assert UsageEvent.objects.count() == 1


def _acme():
    return ingest.Tenant.objects.get(code="acme")


def test_it_reads_a_large_file_line_by_line(file):
    path = file("key,meter\n" + "".join(f"k{n},messages\n" for n in range(3)))
    lines = reading.lines(path, reading.look(path), needs_tenant=False)
    assert [next(lines).event["key"], next(lines).number] == ["k0", 3]
