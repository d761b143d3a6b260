"""What reads the stories finds the differences that it is there for."""

from copy import deepcopy
from typing import Any

import pytest
from django.db import DatabaseError

from tenants.errors import Invalid
from tests.scenarios import telling

LINE = {
    "price": "messages",
    "kind": "usage",
    "period": ["2026-01-31", "2026-02-28"],
    "quantity": "200.000",
    "amount": "10.00",
    "reason": "period",
    "discounts": [{"coupon": "SPRING", "amount": "1.00"}],
    "steps": [],
}
ZERO = LINE | {"price": "storage", "quantity": "0", "amount": "0.00", "discounts": []}
TOLD: dict[str, Any] = {
    "name": "a story",
    "invoices": [
        {
            "tenant": "acme",
            "number": "N-1",
            "status": "open",
            "issued_at": "2026-02-28T00:00:00+08:00",
            "lines": [LINE, ZERO],
            "subtotal": "10.00",
            "discount": "1.00",
            "tax": "0.51",
            "total": "9.00",
            "paid": "0.00",
            "due": "4.00",
        }
    ],
    "credit_notes": [{"tenant": "acme", "invoice": "N-1", "total": "5.00"}],
    "payments": [
        {
            "tenant": "acme",
            "method": "wallet",
            "status": "succeeded",
            "amount": "9.00",
            "at": "2026-02-28T00:00:00+08:00",
        }
    ],
    "notices": [
        {
            "tenant": "acme",
            "kind": "charge_announced",
            "at": "2026-02-21T00:00:00+08:00",
            "charge_at": "2026-02-28T00:00:00+08:00",
            "total": "209.00",
        }
    ],
    "subscriptions": [
        {"tenant": "acme", "plan": "standard", "status": "active", "period": ["2026-02-28", "2026-03-31"]}
    ],
    "wallets": {"acme": "91.00"},
    "refused": [{"step": 4, "code": "conflict", "message": "..."}],
    "ledger_balanced": True,
}
EXPECT: dict[str, Any] = {
    "invoices": [
        {
            "issued": "2026-02-28",
            "status": "open",
            "lines": ["messages  2026-01-31/2026-02-28  200  10.00  period  SPRING=1.00"],
            "discount": "1.00",
            "tax": "0.51",
            "total": "9.00",
            "due": "4.00",
        }
    ],
    "credit_notes": ["acme 1 5.00"],
    "payments": ["acme wallet succeeded 9.00 2026-02-28"],
    "notices": ["acme charge_announced 2026-02-21 2026-02-28T00:00 209.00"],
    "subscriptions": ["acme standard active 2026-02-28/2026-03-31"],
    "wallets": {"acme": "91.00"},
    "refused": ["4 conflict"],
}


def test_what_agrees_has_no_difference() -> None:
    assert telling.differences(EXPECT, TOLD) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("invoices", 0, "issued_at"), "2026-03-01T00:00:00+08:00"),
        (("invoices", 0, "status"), "paid"),
        (("invoices", 0, "tax"), "0.52"),
        (("invoices", 0, "total"), "9.01"),
        (("invoices", 0, "due"), "9.00"),
        (("invoices", 0, "lines", 0, "price"), "storage"),
        (("invoices", 0, "lines", 0, "period", 1), "2026-03-01"),
        (("invoices", 0, "lines", 0, "quantity"), "201"),
        (("invoices", 0, "lines", 0, "amount"), "10.01"),
        (("invoices", 0, "lines", 0, "reason"), "late"),
        (("invoices", 0, "lines", 0, "discounts"), []),
        (("invoices", 0, "lines", 1, "amount"), "0.01"),
        (("invoices",), []),
        (("credit_notes",), []),
        (("credit_notes", 0, "invoice"), "N-2"),
        (("credit_notes", 0, "total"), "5.01"),
        (("payments", 0, "amount"), "9.01"),
        (("payments", 0, "at"), "2026-03-01T00:00:00+08:00"),
        (("notices", 0, "charge_at"), "2026-02-28T01:00:00+08:00"),
        (("notices",), []),
        (("subscriptions", 0, "status"), "ended"),
        (("wallets", "acme"), "91.01"),
        (("refused",), []),
        (("refused", 0, "step"), 5),
        (("ledger_balanced",), False),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_one_thing_that_differs_is_a_difference(path: tuple[Any, ...], value: Any) -> None:
    told = deepcopy(TOLD)
    *way, last = path
    place = told
    for key in way:
        place = place[key]
    place[last] = value
    assert telling.differences(EXPECT, told)


def test_what_was_not_expected_is_a_difference() -> None:
    assert telling.differences({"invoices": []}, TOLD)
    assert telling.differences({"invalid": "steps[0].at"}, TOLD)


def test_a_story_that_is_refused_names_the_path() -> None:
    def refuse(_story: Any) -> Any:
        raise Invalid("Amounts are text.", field="steps[0].quantity")

    told = telling.tell({}, refuse)
    assert telling.differences({"invalid": "steps[0].quantity"}, told) == []
    assert telling.differences({"invalid": "steps[1].quantity"}, told)
    assert telling.differences(EXPECT, told)


def test_a_story_that_breaks_is_no_refusal() -> None:
    def breaks(_story: Any) -> Any:
        raise DatabaseError

    with pytest.raises(DatabaseError):
        telling.tell({}, breaks)


def test_every_story_can_be_read_and_has_its_own_name() -> None:
    found = list(telling.stories())
    assert found
    assert all(isinstance(one.story["steps"][0]["at"], str) for one in found)
    names = [one.story["name"] for one in found]
    assert sorted(set(names)) == sorted(names)
