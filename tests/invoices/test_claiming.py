"""A customer tells of a transfer: once, with a receipt that is what it says it is, and with an answer."""

import pytest

from billing.money import Money
from invoices import claiming
from invoices.claiming import Receipt
from invoices.models import TransferClaim
from tenants.errors import Invalid, NotFound, WrongState
from tests import shop

pytestmark = pytest.mark.django_db
NOW = shop.at("2026-03-02 09:00")
PDF = b"%PDF-1.7 receipt"


def tell(who, seller, **changes):
    told = {
        "seller": seller,
        "amount": Money.of("500.00", "CNY"),
        "paid_on": shop.at("2026-03-01 00:00").date(),
        "payer_name": " 苏州acme家居有限公司 ",
        "key": "form-1",
        "at": NOW,
        "by": None,
    }
    return claiming.claim(who, **told | changes)


def test_it_keeps_what_was_said_and_the_receipt(qingyu):
    acme = shop.tenant()
    claim = tell(acme, qingyu, last_digits="5678", remark="三月", receipt=Receipt("../回单 1.pdf", PDF))
    assert (claim.state, claim.payer_name, claim.receipt_type) == ("open", "苏州acme家居有限公司", "application/pdf")
    assert claim.receipt_name == ".._回单 1.pdf"
    assert claiming.receipt_of(claim) == PDF


def test_sent_twice_it_is_one_claim(qingyu):
    acme = shop.tenant()
    assert tell(acme, qingyu) == tell(acme, qingyu, amount=Money.of("1.00", "CNY"))
    assert TransferClaim.objects.get().amount_minor == 50_000
    tell(acme, qingyu, key="form-2")
    assert TransferClaim.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": Money(0, "CNY")}, "amount"),
        ({"payer_name": "  "}, "payer_name"),
        ({"paid_on": shop.at("2026-03-03 00:00").date()}, "paid_on"),
        ({"paid_on": shop.at("2024-03-03 00:00").date()}, "paid_on"),
        ({"last_digits": "12345"}, "last_digits"),
        ({"last_digits": "12a4"}, "last_digits"),
        ({"receipt": Receipt("a.pdf", b"<html>")}, "receipt"),
        ({"receipt": Receipt("a.pdf", PDF + b"x" * 5 * 1024 * 1024)}, "receipt"),
    ],
)
def test_it_says_what_is_wrong(qingyu, change, field):
    with pytest.raises(Invalid) as refusal:
        tell(shop.tenant(), qingyu, **change)
    assert refusal.value.field == field
    assert not TransferClaim.objects.exists()


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"\xff\xd8\xff\xe0", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (PDF, "application/pdf")],
)
def test_a_receipt_is_what_its_first_bytes_say(qingyu, content, kind):
    assert tell(shop.tenant(), qingyu, receipt=Receipt("x.exe", content)).receipt_type == kind


def test_without_a_receipt_there_is_none_to_read(qingyu):
    with pytest.raises(NotFound):
        claiming.receipt_of(tell(shop.tenant(), qingyu))


def test_it_is_declined_once_with_a_reason(qingyu):
    claim = tell(shop.tenant(), qingyu)
    with pytest.raises(Invalid):
        claiming.decline(claim, reason=" ", at=NOW, by=None)
    claiming.decline(claim, reason="银行没有这笔款", at=NOW, by=None)
    claim.refresh_from_db()
    assert (claim.state, claim.reason, claim.settled_at) == ("declined", "银行没有这笔款", NOW)
    with pytest.raises(WrongState):
        claiming.decline(claim, reason="again", at=NOW, by=None)
