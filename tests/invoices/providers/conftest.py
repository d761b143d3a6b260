"""Our adapters against the sandbox, over real HTTP, with the sandbox's clock."""

from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from invoices.providers.alipay import Alipay, AlipayAccount
from invoices.providers.port import Callback, Contract, Debit, Order, Return
from invoices.providers.wechat import WeChat, WeChatAccount
from tests.sandbox import sandbox, sandbox_keys

__all__ = ["sandbox", "sandbox_keys"]

CALLBACK = "https://bills.example.com/callbacks/x/1/"


def alipay_account(told, **other) -> AlipayAccount:
    return AlipayAccount(
        **{
            "app_id": told["app_id"],
            "seller_id": told["merchant"],
            "scene": told["plan"],
            "gateway": told["gateway"],
            "callback": CALLBACK,
            **told["secrets"],
            **other,
        }
    )


def wechat_account(told, **other) -> WeChatAccount:
    ids = {name: told[name] for name in ("app_id", "merchant", "plan", "gateway")}
    return WeChatAccount(**{**ids, "callback": CALLBACK, **told["secrets"], **other})


@pytest.fixture
def alipay(sandbox) -> Alipay:
    return Alipay(alipay_account(sandbox.account["alipay"]), clock=lambda: sandbox.now)


@pytest.fixture
def wechat(sandbox) -> WeChat:
    return WeChat(wechat_account(sandbox.account["wechat"]), clock=lambda: sandbox.now)


@pytest.fixture
def order(sandbox) -> Order:
    return Order(
        reference="MZ20261201A1",
        amount_minor=12_30,
        subject="轻云 基础版 {12 月}",
        expires_at=sandbox.now + timedelta(hours=1),
    )


@pytest.fixture
def paid(order):
    """Pay an order at a gateway of the sandbox, and return the refund of a part of it."""

    def pay(sandbox, gateway, order=order, amount_minor=5_00) -> Return:
        gateway.begin(order)
        if gateway.name == "alipay":
            sandbox.scan("alipay", order.reference)
        sandbox.approve(gateway.name, order.reference)
        return refund_of(gateway.ask(order.reference), amount_minor)

    return pay


def refund_of(report, amount_minor: int, number: str = "R1") -> Return:
    return Return(
        reference=f"MZ20261201{number}",
        payment_reference=report.reference,
        payment_provider_number=report.provider_number,
        amount_minor=amount_minor,
        payment_minor=report.amount_minor,
        reason="退一部分",
    )


def contract(on, reference: str = "MZ2026C1", single_minor: int = 300_00) -> Contract:
    return Contract(
        reference=reference, single_minor=single_minor, name="轻云", execute_on=on, return_to="https://x.cn/"
    )


def debit(contract_number: str, reference: str = "MZ2026D1", amount_minor: int = 99_00) -> Debit:
    return Debit(reference=reference, contract=contract_number, amount_minor=amount_minor, subject="轻云 2026-12")


def told(sandbox, place: int = -1) -> Callback:
    """Return a callback that the sandbox sent, as it arrived."""
    sent = sandbox.sent[place]
    return Callback(headers=sent.headers, body=sent.body, at=sandbox.now)


def changed(account, **other):
    """Return an account with something else in it."""
    assert set(other) <= set(asdict(account))
    return replace(account, **other)
