"""A seller, a customer of it, and three people: alice owns the company, bob is a member, charlie a stranger."""

from datetime import UTC, datetime

import pytest

from tenants import companies
from tenants.models import Member, Seller, Tenant, User

NOW = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)


@pytest.fixture
def seller(db) -> Seller:
    return Seller.objects.create(
        code="qiyun",
        legal_name="深圳启云科技有限公司",
        brand="启云",
        brand_en="Qiyun",
        mark="启",
        tax_number="91350100M000100Y43",
        number_prefix="QY",
        email="hello@qiyun.example",
        created_at=NOW,
    )


def company(code: str, **said) -> companies.NewTenant:
    return companies.NewTenant(**({"code": code, "name": f"{code} 公司"} | said))


def opened(code: str, **said) -> Tenant:
    [outcome] = companies.open([company(code, **said)], at=NOW, by=None)
    assert outcome.mistakes == ()
    return outcome.tenant


@pytest.fixture
def acme(db) -> Tenant:
    return opened("acme", contacts=[companies.NewContact(name="林", email="finance@acme.example")])


@pytest.fixture
def other(db) -> Tenant:
    return opened("other")


@pytest.fixture
def alice(acme) -> User:
    person = User.objects.create_user("alice@acme.example", "secret", name="Alice")
    Member.objects.create(tenant=acme, user=person, role="owner", joined_at=NOW)
    return person


@pytest.fixture
def bob(acme) -> User:
    person = User.objects.create_user("bob@acme.example", "secret", name="Bob")
    Member.objects.create(tenant=acme, user=person, role="viewer", joined_at=NOW)
    return person


@pytest.fixture
def charlie(db) -> User:
    return User.objects.create_user("charlie@elsewhere.example", "secret", name="Charlie")
