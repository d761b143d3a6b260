"""What may be intended: never a deduction by the right of another, nor one that nobody confirmed and nobody announced."""

import pytest

from invoices.intending import intend
from invoices.models import Payment
from tenants.errors import Invalid
from tests import shop
from tests.invoices.agreed import brought
from tests.invoices.at_provider import NOW, billed, simulated, sold

pytestmark = pytest.mark.django_db


def test_nobody_is_debited_by_the_right_of_another():
    with simulated():
        seller = sold()
        (bill,) = billed(seller)
        mine, theirs = brought(bill.tenant, seller), brought(shop.tenant("other"), seller)
        debit = {"seller": seller, "currency": "CNY", "method": "alipay", "product": "debit", "at": NOW, "by": None}
        debit |= {"bills": {bill.pk: None}, "basis": "confirmed", "mandate": mine}
        debit["authorisation"] = mine.authorisation
        for wrong in (
            {"mandate": theirs},
            {"authorisation": theirs.authorisation},
            {"basis": "by_hand"},
            {"method": "wechat"},
        ):
            with pytest.raises(Invalid) as refusal:
                intend(bill.tenant, **debit | wrong)
            assert refusal.value.field == "mandate"
        assert not Payment.objects.exists()
        assert intend(bill.tenant, **debit).mandate == mine
