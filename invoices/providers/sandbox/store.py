"""Where the sandbox keeps what it remembers: in memory, and written through to one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from invoices.providers.sandbox.records import Call, Contract, Notice, Order, Refund

Record = Order | Refund | Contract | Notice | Call
KINDS: tuple[type[Record], ...] = (Order, Refund, Contract, Notice, Call)


class Store:
    """All records by their keys. Whoever changes one keeps it; the caller holds the sandbox's lock."""

    def __init__(self, path: Path | None = None) -> None:
        self._file = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS record (kind TEXT, key TEXT, body TEXT, PRIMARY KEY (kind, key))"
        )
        self.orders: dict[str, Order] = {}
        self.refunds: dict[str, Refund] = {}
        self.contracts: dict[str, Contract] = {}
        self.notices: dict[str, Notice] = {}
        self.calls: dict[str, Call] = {}
        self._load()

    def _load(self) -> None:
        kinds = {kind.__name__: kind for kind in KINDS}
        for name, body in self._file.execute("SELECT kind, body FROM record ORDER BY rowid"):
            record = _read(kinds[name], json.loads(body))
            self._shelf(record)[record.key] = record

    def _shelf(self, record: Record) -> dict[str, Any]:
        shelves: dict[type[Record], dict[str, Any]] = {
            Order: self.orders,
            Refund: self.refunds,
            Contract: self.contracts,
            Notice: self.notices,
            Call: self.calls,
        }
        return shelves[type(record)]

    def keep(self, *records: Record) -> None:
        """Remember records as they are now."""
        for record in records:
            self._shelf(record)[record.key] = record
            body = json.dumps(asdict(record), default=datetime.isoformat, ensure_ascii=False)
            self._file.execute(
                "INSERT INTO record VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
                (type(record).__name__, record.key, body),
            )

    def close(self) -> None:
        self._file.close()


def by_token(records: Iterable[Any], token: str) -> Any | None:
    """Return the record that a page's address names."""
    return next((record for record in records if record.token == token), None)


def _read(kind: type[Record], body: dict[str, Any]) -> Record:
    instants = {field.name for field in fields(kind) if "datetime" in str(field.type)}
    made: dict[str, Any] = {k: datetime.fromisoformat(v) if k in instants and v else v for k, v in body.items()}
    return kind(**made)
