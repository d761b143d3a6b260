"""Every rule of the tables of `usage` is held by the database itself; events are sealed; a customer sees its own rows."""

import pytest
from django.db import IntegrityError, connection, transaction

from tenants import access
from tests.rows import Break, below_zero, broken
from tests.usage.conftest import AT
from usage import ingest
from usage.models import Meter, UsageCounter, UsageEvent, UsageMark, UsageMember

pytestmark = [pytest.mark.django_db, pytest.mark.database]

BREAKS: list[Break] = [
    ("meter_code_once_per_seller", "usage_meter", {}),
    ("meter_aggregation_known", "usage_meter", {"code": "'x'", "aggregation": "'median'"}),
    ("meter_unique_names_its_property", "usage_meter", {"code": "'x'", "aggregation": "'unique'"}),
    ("event_once_per_key", "usage_usageevent", {}),
    ("event_kind_known", "usage_usageevent", {"key": "'x'", "kind": "'gift'"}),
    ("event_void_names_its_event", "usage_usageevent", {"key": "'x'", "kind": "'void'"}),
    ("event_quantity_not_negative", "usage_usageevent", {"key": "'x'", "quantity": "-1"}),
    (
        "usage_usageevent_voids_id_key",
        "usage_usageevent",
        {"key": "'x'", "kind": "'void'", "voids_id": "(SELECT voids_id FROM usage_usageevent WHERE kind = 'void')"},
    ),
    ("counter_once_per_hour", "usage_usagecounter", {}),
    ("counter_level_is_whole", "usage_usagecounter", {"bucket": "bucket + interval '1 day'", "last_at": "now()"}),
    ("member_once_per_hour", "usage_usagemember", {}),
    ("mark_once_per_meter", "usage_usagemark", {}),
    ("mark_is_a_range", "usage_usagemark", {"meter_id": "meter_id + 1", "until": "NULL"}),
    *below_zero("usage_usagecounter", "events"),
    *below_zero("usage_usagemember", "events"),
    *below_zero("usage_usageimport", "rows", "accepted", "duplicate", "refused"),
]
TABLES = [UsageEvent, UsageCounter, UsageMember, UsageMark]


@pytest.fixture
def _rows(tenant, meters):
    events = [
        {"key": "a", "meter": "messages"},
        {"key": "b", "void": "a"},
        {"key": "c", "meter": "people", "properties": {"person": "alice"}},
    ]
    ingest.accept(tenant, events, at=AT)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_usageimport (file_name, sha256, started_at, rows, accepted, duplicate, refused)"
            " VALUES ('x.csv', '-', now(), 1, 1, 0, 0)"
        )


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize(("name", "table", "changes"), BREAKS, ids=[name for name, _table, _changes in BREAKS])
def test_the_database_refuses(name, table, changes):
    assert broken(table, changes) == name


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE usage_usageevent SET quantity = quantity + 1",
        "UPDATE usage_usageevent SET tenant_id = tenant_id, key = key || 'x'",
        "DELETE FROM usage_usageevent",
    ],
)
def test_an_event_is_never_changed(change):
    with pytest.raises(IntegrityError, match="sealed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


@pytest.mark.usefixtures("_rows")
def test_a_meter_counts_as_it_did_once_there_are_events():
    words = Meter.objects.filter(code="messages")
    assert words.update(name="消息数", active=False) == 1
    for change in ({"aggregation": "max"}, {"value_property": "size"}, {"dimensions": ["planet"]}):
        with pytest.raises(IntegrityError, match="sealed"), transaction.atomic():
            words.update(**change)
    assert Meter.objects.exclude(pk__in=UsageEvent.objects.values("meter")).update(recurring=True) > 0


@pytest.mark.usefixtures("_rows")
def test_a_customer_reads_its_own_rows(tenant, other_tenant):
    ingest.accept(other_tenant, [{"key": "t", "meter": "people", "properties": {"person": "bob"}}], at=AT)
    with access.as_tenant(tenant):
        found = {model.__name__: set(model.objects.values_list("tenant_id", flat=True)) for model in TABLES[:3]}
    assert set(map(frozenset, found.values())) == {frozenset([tenant.pk])}


@pytest.mark.usefixtures("_rows")
def test_a_customer_reads_every_meter(tenant):
    with access.as_tenant(tenant):
        assert Meter.objects.count() == 7
