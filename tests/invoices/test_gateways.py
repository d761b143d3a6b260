"""Which gateway a payment goes through: an account in use for what is new, any account for what is under way."""

import pytest

from invoices.models import ProviderAccount
from invoices.providers import gateways
from invoices.providers.port import Debit, NoAnswer, Order, Refused, State
from invoices.providers.simulated import Behaviour, Simulation
from tests import shop
from tests.invoices.at_provider import NOW, begun, billed, simulated, sold

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(monkeypatch):
    monkeypatch.setattr(gateways, "ADAPTERS", {"alipay": lambda account: ("adapter of", account.pk)})
    known = {"app_id": "a", "merchant": "m", "secrets": "-", "fingerprint": "-", "changed_at": NOW}
    return ProviderAccount.objects.create(seller=shop.seller(), provider="alipay", **known)


def test_an_account_in_use_takes_what_is_new(account):
    assert gateways.offered(account.seller) == ["alipay"]
    assert gateways.gateway_for(account.seller, "alipay") == ("adapter of", account.pk)


def test_an_account_out_of_use_knows_what_is_under_way_and_takes_nothing_new(account):
    ProviderAccount.objects.update(active=False)
    assert gateways.offered(account.seller) == []
    with pytest.raises(gateways.NoProvider):
        gateways.gateway_for(account.seller, "alipay")
    assert gateways.gateway_of(account.seller, "alipay") == ("adapter of", account.pk)
    assert gateways.of_account(account) == ("adapter of", account.pk)


@pytest.mark.parametrize("find", [gateways.gateway_for, gateways.gateway_of])
def test_another_seller_s_account_is_not_his(account, find):
    with pytest.raises(gateways.NoProvider):
        find(shop.seller("other", tax_number="91330106MA2B1C3D4H"), "alipay")
    with pytest.raises(gateways.NoProvider):
        find(account.seller, "wechat")


def test_a_provider_without_an_adapter_is_not_offered(account):
    ProviderAccount.objects.update(provider="wechat")
    assert gateways.offered(account.seller) == []
    with pytest.raises(gateways.NoProvider):
        gateways.gateway_for(account.seller, "wechat")


def test_what_is_used_instead_ends_with_its_block(account):
    simulation = Simulation()
    with gateways.using(simulation):
        assert gateways.gateway_for(account.seller, "wechat") is simulation(account.seller, "wechat")
        assert gateways.offered(account.seller) == ["alipay", "wechat"]
    assert gateways.gateway_for(account.seller, "alipay") == ("adapter of", account.pk)


# The simulated provider.


def order(reference="P1"):
    return Order(reference=reference, amount_minor=100, subject="s", expires_at=NOW)


@pytest.mark.parametrize(
    ("behaviour", "begins", "asked"),
    [
        ("approve", "address", State.SUCCEEDED),
        ("wait", "address", State.WAITING),
        ("decline", Refused, State.MISSING),
        ("timeout", NoAnswer, NoAnswer),
        ("timeout_then_approve", NoAnswer, State.SUCCEEDED),
    ],
)
@pytest.mark.parametrize("debit", [False, True])
def test_it_behaves_as_it_is_told(behaviour, begins, asked, debit):
    there = Simulation(default=Behaviour(behaviour))(shop.seller(), "alipay")

    def begin():
        if debit:
            return there.debit(Debit(reference="P1", contract="C1", amount_minor=100, subject="s"))
        return there.begin(order())

    if isinstance(begins, str):
        begin()
    else:
        with pytest.raises(begins):
            begin()
    if isinstance(asked, State):
        assert there.ask("P1").state is asked
    else:
        with pytest.raises(asked):
            there.ask("P1")


def test_it_behaves_to_each_customer_as_it_is_told():
    with simulated("approve") as simulation:
        sold_by = sold()
        (acme,), (other,) = billed(sold_by), billed(sold_by, "other")
        simulation.behave("acme", "decline")
        assert (begun(acme).status, begun(other).status) == ("failed", "intended")
        simulation.behave("acme", "approve")
        assert begun(acme).status == "intended"
