"""Batches of 1,000 events over HTTP against the least statement that inserts and counts them, in one run on one database.

The limit: two connections, each sending prepared batches to one statement that inserts events, drops repeated keys and adds to
the counters, on the product's own tables with all their constraints; nobody reads a request, checks an event or answers.
Over HTTP: gunicorn with two workers of two threads, four kept connections, everything on. The two take turns, two of a
hundred events repeat a key of the same batch, commits are synchronous.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import django
import psycopg
from django.apps import apps
from django.db import connection, connections, transaction

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
if not apps.ready:
    django.setup()

from gunicorn.app.base import BaseApplication

from config.wsgi import application
from tenants import keys
from tenants.models import Tenant
from tests import shop
from tests.benchmarks.rows import Row
from usage import counting, ingest
from usage.models import Meter

NAME = "mingzhang_bench_ingest"
EVENTS = 1000
BATCHES = 15
TURNS = 5
LIMIT_CONNECTIONS, HTTP_CONNECTIONS = 2, 4
RATIO_LIMIT = 0.5
METERS = ("messages", "storage", "calls")

LEAST = """
WITH given AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(k text, m bigint, t timestamptz, q numeric, p jsonb)
), added AS (
  INSERT INTO usage_usageevent
    (tenant_id, meter_id, key, kind, occurred_at, quantity, member, dimension, properties, received_at)
  SELECT %(tenant)s, m, k, 'use', t, q, '', '{}', p, now() FROM given ON CONFLICT (tenant_id, key) DO NOTHING
  RETURNING meter_id, occurred_at, quantity
), counted AS (
  INSERT INTO usage_usagecounter AS c (tenant_id, meter_id, dimension, bucket, events, total, last_key, area)
  SELECT %(tenant)s, meter_id, '{}', date_trunc('hour', occurred_at), count(*), sum(quantity), '', 0
  FROM added GROUP BY 2, 4 ORDER BY 2, 4
  ON CONFLICT (tenant_id, meter_id, dimension, bucket)
  DO UPDATE SET events = c.events + excluded.events, total = c.total + excluded.total
)
SELECT count(*) FROM added
"""


def measure() -> list[Row]:
    """Return both rates and their ratio (medians of the turns), and the rate of the verb alone."""
    with database(), served() as port:
        with transaction.atomic():
            secrets = [keys.issue(t, name="robot", scopes=["events"], at=now(), by=None)[1] for t in tenants()]
        drive(HTTP_CONNECTIONS, lambda n: post(port, secrets[n]), batches=4)
        turns = [turn(port, secrets) for _ in range(TURNS)]
        check()
    limit, verb, http_rate = (statistics.median(rates) for rates in zip(*turns, strict=True))
    ratio = statistics.median(rates[2] / rates[0] for rates in turns)
    return [
        Row("one least statement, 2 connections", f"{limit:,.0f} events/s", "", True),
        Row("ingest.accept, 2 connections", f"{verb:,.0f} events/s", "", True),
        Row("POST /api/v1/events, batches of 1,000", f"{http_rate:,.0f} events/s", "", True),
        Row("POST /api/v1/events: ratio", f"{ratio:.2f}", f"≥ {RATIO_LIMIT}", ratio >= RATIO_LIMIT),
    ]


def turn(port: int, secrets: list[str]) -> tuple[float, float, float]:
    """Return events a second of the limit, of the verb and over HTTP."""
    return (
        drive(LIMIT_CONNECTIONS, least),
        drive(LIMIT_CONNECTIONS, accepted),
        drive(HTTP_CONNECTIONS, lambda n: post(port, secrets[n])),
    )


def drive(count: int, prepare: Callable[[int], tuple[Callable[[Any], None], list[Any]]], batches: int = 0) -> float:
    """Send batches over `count` connections at once and return events a second; making the batches is not counted."""
    gate = threading.Barrier(count + 1)

    def work(number: int) -> None:
        send, bodies = prepare(number)
        gate.wait()
        for body in bodies[: batches or BATCHES]:
            send(body)
        connection.close()

    threads = [threading.Thread(target=work, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    gate.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return count * (batches or BATCHES) * EVENTS / (time.perf_counter() - start)


def least(number: int) -> tuple[Callable[[Any], None], list[str]]:
    """The limit on a connection of its own."""
    tenant, ids = tenants()[number], dict(Meter.objects.values_list("code", "id"))
    link = psycopg.connect(**connection.get_connection_params() | {"dbname": NAME}, autocommit=True)
    bodies = [
        json.dumps([{"k": e["key"], "m": ids[e["meter"]], "t": e["occurred_at"], "q": e["quantity"], "p": e["properties"]} for e in batch])
        for batch in made()
    ]  # fmt: skip
    return lambda body: link.execute(LEAST, {"tenant": tenant.pk, "rows": body}).close(), bodies  # type: ignore[return-value]


def accepted(number: int) -> tuple[Callable[[Any], None], list[bytes]]:
    """The verb, called in this process."""
    tenant = tenants()[number]
    return lambda body: check_answers(ingest.accept(tenant, body, at=now())), [
        json.dumps(batch).encode() for batch in made()
    ]


def check_answers(answers: list[ingest.Answer]) -> None:
    assert all(answer.status != "refused" for answer in answers), answers[:3]


def post(port: int, secret: str) -> tuple[Callable[[Any], None], list[bytes]]:
    """The API over one kept connection."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def send(body: bytes) -> None:
        link.request("POST", "/api/v1/events", body, headers)
        answer = link.getresponse()
        told = answer.read()
        assert answer.status == 200, told[:500]

    return send, [json.dumps(batch).encode() for batch in made()]


def made() -> Iterator[list[dict[str, Any]]]:
    """Batches of events of the last day, of three meters; two of a hundred repeat a key."""
    begin = datetime.now(UTC) - timedelta(days=1)
    for _batch in range(BATCHES):
        events = [
            {
                "key": uuid.uuid4().hex,
                "meter": METERS[n % 3],
                "quantity": f"{n % 90}.5",
                "occurred_at": (begin + timedelta(seconds=n * 80)).isoformat(),
                "properties": {"channel": "web", "agent": f"u{n % 40}"},
            }
            for n in range(EVENTS)
        ]
        yield [*events[: EVENTS - EVENTS // 50], *events[: EVENTS // 50]]


def check() -> None:
    """Whatever the speed, every counter equals its events (the limit knows no marks; its hours are Shanghai's, too)."""
    assert counting.recount() == []


def now() -> datetime:
    return datetime.now(UTC)


def tenants() -> list[Tenant]:
    return list(Tenant.objects.order_by("id"))


@contextmanager
def database() -> Iterator[None]:
    """A database of this run alone, with a seller's meters and customers."""
    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = NAME
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        seller = shop.seller()
        for code in METERS:
            Meter.objects.create(seller=seller, code=code, name=code, aggregation="sum", created_at=now())
        for number in range(HTTP_CONNECTIONS):
            Tenant.objects.create(code=f"c{number}", name=f"客户{number}", opened_at=now())
        yield
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)


@contextmanager
def served() -> Iterator[int]:
    """Two workers of two threads on a free port of this machine."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.bench_ingest", str(port)]
    server = subprocess.Popen(command, env=os.environ | {"API_RATE": "1000000/min"}, stderr=subprocess.PIPE)
    try:
        wait_for(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(30)


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _try in range(300):
        if server.poll() is not None:
            raise RuntimeError(server.communicate()[1].decode()[-2000:])
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("The server did not start.")


class Server(BaseApplication):  # type: ignore[misc]
    """The site on the benchmark's database."""

    def __init__(self, port: str) -> None:
        self.port = port
        super().__init__()

    def load_config(self) -> None:
        chosen = {
            "bind": f"127.0.0.1:{self.port}",
            "worker_class": "gthread",
            "workers": 2,
            "threads": 2,
            "keepalive": 30,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)
        self.cfg.set("loglevel", "warning")

    def load(self) -> Any:
        return application


if __name__ == "__main__":
    connections.databases["default"]["NAME"] = NAME
    Server(sys.argv[1]).run()
