"""A bank's statement in a few words, and a customer with a bill."""

from __future__ import annotations

from invoices import checking, matching, remitting, taking_in
from invoices.models import BankCredit, BankFile
from tests import shop

ACCOUNT = "57190000000000000001"
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "199.00"}
HEAD = "交易时间,交易流水号,贷方发生额,借方发生额,对方户名,对方账号,附言,虚拟账号\n"
NOW = shop.at("2026-03-02 09:00")


def row(reference="A1", amount="199.00", payer="苏州acme家居有限公司", remark="", *, day="2026-03-01 10:00:00", **more):
    """Return a row of the file: money that came in."""
    account = more.get("account", "6222021112345678")
    cells = [day, reference, f'"{amount}"', "", payer, account, remark, more.get("virtual", "")]
    return ",".join(cells) + "\n"


def out(reference="Z1", amount="30.00", *, day="2026-03-01 11:00:00"):
    """Return a row of the file: money that went out."""
    return f"{day},{reference},,{amount},房东,6222,房租,\n"


def bank(seller, *rows, at=NOW, name="bank.csv", encoding="utf-8", **more) -> BankFile:
    """Take a statement of these rows in."""
    content = (HEAD + "".join(rows)).encode(encoding)
    return taking_in.read(content, name=name, seller=seller, account=ACCOUNT, at=at, by=None, **more)


def arrive(seller, *rows, at=NOW) -> BankCredit:
    """Take rows in and match what waits; return the newest credit."""
    bank(seller, *rows, at=at)
    matching.match_waiting(at=at)
    assert not list(checking.faults())
    return BankCredit.objects.order_by("-pk")[0]


def customer(seller, code="acme", *, start="2026-03-01", amount="199.00", **changes):
    """Open a customer with one open bill of `amount`."""
    who = shop.tenant(code, **changes)
    version = shop.plan(seller, [BASE | {"amount": amount}], code=f"plan-{code}")
    shop.subscribe(who, version, start)
    shop.bill(f"{start} 03:00")
    return who


def code(who, seller) -> str:
    return remitting.code_of(who, seller, at=shop.OPENED).code
