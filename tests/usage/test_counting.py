"""Counters are proven against events, and repaired from them."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from tests.usage.conftest import AT
from usage import counting, ingest, measuring
from usage.models import UsageCounter, UsageMark, UsageMember

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def _rows(tenant, other_tenant, meters):
    events = [
        {"key": "a", "meter": "messages", "quantity": "3", "properties": {"region": "cn"}},
        {"key": "b", "meter": "load", "quantity": "5"},
        {"key": "c", "meter": "people", "properties": {"person": "alice"}},
        {"key": "d", "meter": "people", "properties": {"person": "bob"}},
        {"key": "v", "void": "d"},
    ]
    for one in (tenant, other_tenant):
        ingest.accept(one, events, at=AT)
    measuring.take_marks([tenant.pk, other_tenant.pk], AT + timedelta(days=1))


def found(**how):
    return {(one.tenant_id, one.column, one.counted, one.expected) for one in counting.recount(**how)}


def test_it_finds_nothing_where_counters_equal_events(tenant):
    assert counting.recount() == counting.recount([tenant]) == counting.recount([tenant.pk]) == []


@pytest.mark.parametrize(
    ("code", "column", "wrong", "expected"),
    [
        ("messages", "events", 7, "1"),
        ("messages", "total", 7, "3"),
        ("load", "highest", 7, "5"),
        ("load", "last_key", "x", "b"),
        ("load", "last_value", 7, "5"),
        ("load", "area", 7, "18000"),  # 5 for an hour
    ],
)
def test_it_finds_a_wrong_counter(tenant, meters, code, column, wrong, expected):
    UsageCounter.objects.filter(tenant=tenant, meter=meters[code]).update(**{column: wrong})
    assert found() == {(tenant.pk, column, str(wrong), expected)}


def test_it_finds_a_missing_counter(tenant, meters):
    UsageCounter.objects.filter(tenant=tenant, meter=meters["messages"]).delete()
    assert found() == {(tenant.pk, "events", "0", "1"), (tenant.pk, "total", "0", "3")}


def test_it_finds_a_counter_without_events(tenant, meters):
    UsageCounter.objects.create(tenant=tenant, meter=meters["messages"], bucket=AT, events=1, total=2)
    assert found() == {(tenant.pk, "events", "1", "0"), (tenant.pk, "total", "2", "0")}


def test_it_finds_a_wrong_member(tenant):
    UsageMember.objects.filter(tenant=tenant, member="bob").update(events=2)
    assert found() == {(tenant.pk, "member bob", "2", "0")}


def test_it_looks_at_the_tenants_it_is_given(tenant, other_tenant):
    UsageCounter.objects.filter(tenant=tenant).update(total=99)
    assert found(tenants=[other_tenant]) == set()
    assert found(tenants=[]) == set()
    assert found(tenants=[tenant]) != set()


def test_it_repairs_and_marks_what_was_wrong(tenant, meters):
    UsageCounter.objects.filter(tenant=tenant, meter=meters["messages"]).delete()
    UsageCounter.objects.filter(tenant=tenant, meter=meters["load"]).update(area=1, highest=None)
    UsageMember.objects.filter(tenant=tenant).update(events=9)
    assert found(repair=True) != set()
    assert found() == set()
    assert set(UsageMark.objects.exclude(since=None).values_list("tenant", "meter__code")) == {
        (tenant.pk, "messages"), (tenant.pk, "load"), (tenant.pk, "people")
    }  # fmt: skip


def test_a_repair_follows_a_change_of_zone(tenant):
    tenant.timezone = "Asia/Kolkata"
    tenant.save()
    assert found(tenants=[tenant], repair=True) != set()
    assert found() == set()
    assert {
        bucket.minute
        for bucket in UsageCounter.objects.filter(tenant=tenant, events__gt=0).values_list("bucket", flat=True)
    } == {30}


def command(*arguments):
    out = StringIO()
    call_command("recount_usage", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_that_all_is_well():
    with translation.override("en"):
        assert command() == command("--tenant", "acme") == "Every counter equals its events.\n"


def test_the_command_stops_with_1_and_names_the_hour(tenant, capsys):
    UsageCounter.objects.filter(tenant=tenant).update(total=99)
    with pytest.raises(SystemExit) as stopped:
        call_command("recount_usage", "--repair")
    assert stopped.value.code == 1
    assert "2026-03-10 04:00 UTC total: counted 99, events say 3" in capsys.readouterr().out
    assert command()


def test_the_command_refuses_an_unknown_customer():
    with pytest.raises(CommandError, match="nobody"):
        command("--tenant", "nobody")
