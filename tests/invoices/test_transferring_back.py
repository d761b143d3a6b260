"""A refund of a transfer: an operator sends it by bank to who paid, and confirms it with the bank's reference."""

import pytest

from billing import wallets
from invoices import checking, refunding, returning
from invoices.models import Refund
from tenants.errors import Conflict, Invalid, WrongState
from tenants.models import AuditEntry, Notice
from tests import shop
from tests.invoices.at_provider import billed, simulated, sold
from tests.invoices.deducting import top_up
from tests.invoices.refunds import ASKED, fresh, held, paid_at_provider, said, send

pytestmark = pytest.mark.django_db
LATER = shop.at("2026-02-10 12:00")


@pytest.fixture
def bill():
    with simulated():
        (made,) = billed(sold())
        yield made


def asked(bill) -> Refund:
    (made,) = refunding.request(fresh(bill), reason="多收了", at=ASKED, by=None)
    return made


def test_a_transfer_goes_back_by_bank_when_an_operator_has_sent_it(bill):
    shop.pay(bill, "199.00", "2026-02-05 10:00")
    row = asked(bill)
    assert list(returning.to_transfer()) == [row]
    assert send() == 0
    with pytest.raises(Invalid):
        returning.confirm_sent(row, bank_reference=" ", at=LATER, by=None)
    returning.confirm_sent(row, bank_reference="8812345", at=LATER, by=None)
    assert said([row]) == [("transfer", "origin", "succeeded", 199_00)]
    assert (fresh(row.payment).status, held(bill, "cash"), held(bill, "refund_payable")) == ("refunded", 0, 0)
    assert Notice.objects.get(kind="refund_sent").payload["bank_reference"] == "8812345"
    with pytest.raises(WrongState):
        returning.confirm_sent(row, bank_reference="8812346", at=LATER, by=None)
    assert not list(checking.faults())


def test_one_reference_of_the_bank_sends_one_refund(bill):
    top_up(bill.tenant, bill.seller, "30.00", "2026-02-06 10:00")
    wallet = bill.tenant.wallets.get()
    first, second = (refunding.withdraw(wallet, amount_minor=10_00, at=ASKED, by=None)[0] for _time in range(2))
    returning.confirm_sent(first, bank_reference="8812345", at=LATER, by=None)
    with pytest.raises(Conflict):
        returning.confirm_sent(second, bank_reference=" 8812345 ", at=LATER, by=None)
    assert fresh(second).status == "approved"


def test_a_transfer_that_the_bank_does_not_take_goes_into_the_balance(bill):
    shop.pay(bill, "199.00", "2026-02-05 10:00")
    row = asked(bill)
    returning.give_up(row, reason="账户已销户", at=LATER, by=None)
    assert said([row]) == [("transfer", "wallet", "succeeded", 199_00)]
    assert wallets.balance(bill.tenant, bill.seller, "CNY").paid == 199_00
    assert AuditEntry.objects.get(verb="refund.turned").detail["reason"] == "账户已销户"
    with pytest.raises(WrongState):
        returning.give_up(row, reason="又一次", at=LATER, by=None)


def test_what_is_at_a_provider_is_sent_by_nobody_else(bill):
    paid_at_provider(bill)
    row = asked(bill)
    with pytest.raises(WrongState):
        returning.confirm_sent(row, bank_reference="8812345", at=LATER, by=None)
    with pytest.raises(WrongState):
        returning.give_up(row, reason="x", at=LATER, by=None)
