"""A shop with two billed customers, and programs with keys that call it."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from invoices.models import Invoice
from tenants import keys
from tenants.companies import NewContact
from tenants.models import Seller, Tenant
from tests import shop

PRICES = [
    {"code": "base", "name": "基础", "name_en": "Base", "kind": "base", "model": "flat", "amount": "199.00"},
    {"code": "seat", "name": "席位", "kind": "seat", "model": "per_unit", "unit_amount": "20.00"},
    {"code": "extra", "name": "分析", "kind": "module", "optional": True, "model": "flat", "amount": "50.00"},
]


@dataclass
class Program:
    """A caller with a key."""

    secret: str
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def call(self, method: str, path: str, body: Any = None, **headers: str):
        sent = {"Authorization": f"Bearer {self.secret}", "Accept-Language": "en"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        path = path if path.startswith("/api/") else f"/api/v1/{path}"
        return self.client.generic(method, path, _text(body), "application/json", headers=sent)

    def get(self, path: str, **headers: str):
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str):
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str):
        return self.call("PUT", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str):
        return self.call("PATCH", path, body, **headers)


def _text(body: Any) -> str:
    encoder = Client().json_encoder()
    return body if isinstance(body, str) else "" if body is None else encoder.encode(body)


def program(tenant: Tenant | None, *scopes: str, seller: Seller | None = None) -> Program:
    given = scopes or ("read", "write", "rate")
    _key, secret = keys.issue(tenant, name="program", scopes=given, at=timezone.now(), by=None, seller=seller)
    return Program(secret)


@dataclass
class Shop:
    seller: Seller
    acme: Tenant
    other: Tenant
    bill: Invoice


@pytest.fixture
def billed(db) -> Shop:
    """acme has 3 seats of a plan of 199.00 and 20.00 a seat: 199.00 + 3 × 20.00 = 259.00; other has no seats."""
    seller = shop.seller()
    version = shop.plan(seller, PRICES)
    acme = shop.tenant("acme", contacts=[NewContact(name="林", email="lin@acme.example")])
    other = shop.tenant("other")
    shop.subscribe(acme, version, "2026-02-01", quantities={"seat": Decimal(3)})
    shop.subscribe(other, version, "2026-02-01")
    shop.bill("2026-02-01 10:00")
    return Shop(seller, acme, other, shop.bills(acme)[0])


@pytest.fixture
def operator(db) -> Program:
    return program(None)


@pytest.fixture
def customer(billed) -> Program:
    return program(billed.acme)
