"""Deduction agreements of both providers: a person signs, and either side ends them."""

from __future__ import annotations

from datetime import date, timedelta

from invoices.providers.sandbox import messages
from invoices.providers.sandbox.clock import BEIJING
from invoices.providers.sandbox.gate import Refusal, Sandbox, digits, token
from invoices.providers.sandbox.records import Contract

# Who ended it, as WeChat says.
BY_USER, BY_MERCHANT = 2, 3
# How long the page for signing is good.
PAGE = timedelta(hours=2)
NOWHERE = "none"


class Signed(Exception):
    """A contract of this number was signed already, or has ended."""


def begin(sandbox: Sandbox, wanted: Contract) -> Contract:
    """Keep a contract that a person may sign; the same number again is the same contract with new terms. Raise Signed."""
    known = sandbox.store.contracts.get(wanted.key)
    if known and known.state != "open":
        raise Signed
    if known and sandbox.clock.now() < known.opened_at + PAGE:
        wanted.token = known.token
    sandbox.store.keep(wanted)
    return wanted


def sign(sandbox: Sandbox, contract: Contract) -> None:
    """A person signs; the merchant is told. Raise Refusal when the page is too old or the fault `decline` says so."""
    if contract.state != "open" or sandbox.clock.now() >= contract.opened_at + PAGE:
        raise Refusal("NOT_SIGNABLE")
    if sandbox.faults.take("decline", contract.provider, "sign"):
        raise Refusal("DECLINED")
    contract.state, contract.signed_at = "signed", sandbox.clock.now()
    year = today(sandbox).year
    if contract.provider == "alipay":
        contract.contract_no, contract.payer = f"{year}{digits(16)}", f"2088{digits(12)}"
        messages.alipay_contract(sandbox, contract, contract.notify_url)
    else:
        contract.contract_no, contract.payer = f"{year}{digits(14)}", f"o{token()}{token()}"
        messages.wechat_contract(sandbox, contract, contract.notify_url)
    sandbox.store.keep(contract)


def end(sandbox: Sandbox, contract: Contract, mode: int) -> None:
    """End a contract and tell the merchant: at Alipay a payer's end goes to the application gateway, at WeChat every end
    to the address on the template."""
    contract.state, contract.ended_at, contract.end_mode = "ended", sandbox.clock.now(), mode
    sandbox.store.keep(contract)
    if contract.provider == "alipay":
        other = sandbox.terms.app_gateway if mode == BY_USER else ""
        tell = messages.alipay_contract
    else:
        other, tell = sandbox.terms.unsign_url, messages.wechat_contract
    url = other or contract.notify_url
    if url != NOWHERE:
        tell(sandbox, contract, url)


def in_force(sandbox: Sandbox, contract: Contract) -> bool:
    """Say whether debits can be made under it: signed, not ended, not over. Nobody is told when one is over."""
    lasting = contract.expires_at is None or sandbox.clock.now() < contract.expires_at
    return contract.state == "signed" and lasting


def by_number(sandbox: Sandbox, provider: str, contract_no: str) -> Contract | None:
    found = (c for c in sandbox.store.contracts.values() if c.provider == provider and c.contract_no == contract_no)
    return next(found, None) if contract_no else None


def today(sandbox: Sandbox) -> date:
    return sandbox.clock.now().astimezone(BEIJING).date()
