"""A seller with one meter of each kind, and two customers."""

from datetime import UTC, datetime

import pytest

from tenants.models import Seller, Tenant
from usage import meters as remembered
from usage.models import Meter

AT = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)  # noon in Shanghai


@pytest.fixture(autouse=True)
def _forget():
    remembered.forget()


@pytest.fixture
def seller(db) -> Seller:
    return Seller.objects.create(
        code="yunqi",
        legal_name="云启科技有限公司",
        brand="云启",
        mark="云",
        tax_number="91310000MA1FL4B24X",
        number_prefix="YQ",
        created_at=AT,
    )


@pytest.fixture
def tenant(db) -> Tenant:
    return Tenant.objects.create(code="acme", name="爱可美", opened_at=AT)


@pytest.fixture
def other_tenant(db) -> Tenant:
    return Tenant.objects.create(code="beta", name="贝塔", opened_at=AT)


def meter(seller: Seller, code: str, aggregation: str = "sum", **fields) -> Meter:
    return Meter.objects.create(seller=seller, code=code, name=code, aggregation=aggregation, created_at=AT, **fields)


@pytest.fixture
def meters(seller) -> dict[str, Meter]:
    """One meter of each aggregation; messages, peak, level and load are kept apart by region."""
    made = [
        meter(seller, "messages", "sum", dimensions=["region"]),
        meter(seller, "calls", "count", dimensions=["region"]),
        meter(seller, "peak", "max", dimensions=["region"]),
        meter(seller, "level", "latest", dimensions=["region"]),
        meter(seller, "people", "unique", value_property="person", dimensions=["region"]),
        meter(seller, "load", "time_weighted", dimensions=["region"]),
        meter(seller, "turnover", "sum", value_property="amount"),
    ]
    return {one.code: one for one in made}
