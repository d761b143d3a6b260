"""The page of a line: everything behind it, and the same computed again before the customer's eyes."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import portal, shop
from usage import ingest

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(time_machine, story):
    time_machine.move_to(portal.NOON, tick=False)
    return story


@pytest.fixture
def alice(told, client):
    client.force_login(told.alice)
    return client


def line_of(told, code, bill=-1):
    return told.bills[bill].lines.get(code=code)


def address(row, tail="/"):
    return f"/c/acme/bills/{row.invoice_id}/lines/{row.pk}{tail}"


def read(client, url, language="en"):
    answer = client.get(url, headers={"accept-language": language})
    assert answer.status_code == 200, url
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("code", ["base", "seat", "analytics", "messages"])
def test_it_opens_for_every_line(told, alice, code, language):
    assert address(line_of(told, code)) in read(alice, f"/c/acme/bills/{told.bills[-1].pk}/", language)
    read(alice, address(line_of(told, code)), language)


def test_it_shows_price_days_and_events(told, alice):
    text = read(alice, address(line_of(told, "messages")))
    # 700 + 400 + 100 in September, 1,000 included: 200 at 0.05.
    for wanted in ("¥10.00", "1,200", "version 1 of", "2026-09-03", "messages-2026-09-17 10:00-400", "3 records"):
        assert wanted in text
    assert "counts" in text


def test_it_shows_one_day(told, alice):
    text = read(alice, address(line_of(told, "messages"), "/?day=2026-09-17"))
    assert "messages-2026-09-17 10:00-400" in text
    assert "messages-2026-09-03" not in text


def test_it_says_of_late_and_voided_events_why_they_do_not_count(told, alice):
    shop.use(told.acme, "50", "2026-09-29 10:00", key="late")
    late = {"key": "late-2", "meter": "messages", "quantity": "5", "occurred_at": "2026-09-30T10:00:00+08:00"}
    ingest.accept(told.acme, [late], at=shop.at("2026-10-02 10:00"))
    ingest.accept(told.acme, [{"key": "back", "void": "late"}], at=shop.at("2026-10-02 11:00"))
    text = read(alice, address(line_of(told, "messages")))
    assert "told after this bill, charged on a later one" in text
    csv = alice.get(address(line_of(told, "messages"), ".csv")).content.decode()
    assert "late-2" in csv
    assert len(csv.splitlines()) == 6


def test_it_counts_the_events_again(told, alice):
    row = line_of(told, "messages")
    text = alice.post(address(row, "/again/"), headers={"accept-language": "en"}).content.decode()
    assert "from 3 records: ¥10.00, the same as charged" in text


def test_it_sees_a_counter_that_lies(told, alice):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE usage_usagecounter SET events = events + 1 WHERE tenant_id = %s", [told.acme.pk])
    text = alice.post(address(line_of(told, "messages"), "/again/"), headers={"accept-language": "en"}).content.decode()
    assert "our counter says" in text


@pytest.mark.parametrize("code", ["base", "seat"])
def test_it_computes_advance_lines_again(told, alice, code):
    text = alice.post(address(line_of(told, code), "/again/"), headers={"accept-language": "en"}).content.decode()
    assert "from price, quantity and days" in text


def test_it_reads_as_many_rows_for_many_events(told, alice):
    row = line_of(told, "messages")
    with CaptureQueriesContext(connection) as few:
        read(alice, address(row))
    many = [
        {"key": f"n{n}", "meter": "messages", "quantity": "0", "occurred_at": "2026-09-20T10:00:00+08:00"}
        for n in range(300)
    ]
    ingest.accept(told.acme, many, at=shop.at("2026-10-02 10:00"))
    with CaptureQueriesContext(connection) as more:
        text = read(alice, address(row, "/?page=2"))
    assert len(more) <= len(few)
    assert "n299" not in read(alice, address(row))
    assert text.count("told after this bill") == 100


def test_it_says_what_changed_since_last_time(told, alice):
    text = read(alice, f"/c/acme/bills/{told.bills[-1].pk}/")
    # October has September's messages, September's bill none.
    assert "Against last time" in text
    assert "+¥10.00 against the September bill: Messages +¥10.00" in text
