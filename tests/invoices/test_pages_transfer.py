"""The page on which a customer learns how to transfer, and tells us of a transfer."""

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile

from invoices.models import RemittanceCode, TransferClaim
from tests import portal
from tests.invoices.test_pages_access import logged_in

pytestmark = pytest.mark.django_db
PAGE, CLAIM = "/c/acme/transfer/", "/c/acme/transfer/claim/"
PDF = b"%PDF-1.7 receipt"


@pytest.fixture
def told(story):
    with time_machine.travel(portal.NOON, tick=False):
        yield story


def sent(**changes):
    said = {
        "amount": "2,399.00",
        "paid_on": "2026-10-19",
        "payer_name": "苏州acme家居有限公司",
        "last_digits": "5678",
        "remark": "十月",
        "key": "form-1",
    }
    return said | changes


def shown(who, path=PAGE):
    return logged_in(who).get(path).content.decode()


def test_it_says_where_to_transfer_with_the_company_s_own_code(told):
    page = shown(told.alice)
    code = RemittanceCode.objects.get(tenant=told.acme).code
    assert f"<b>{code}</b>" in page
    assert f'data-copy="{code}"' in page
    assert 'data-copy="571900000000001"' in page
    assert told.bills[1].number in page
    assert shown(told.alice)
    assert RemittanceCode.objects.filter(tenant=told.acme).count() == 1


def test_the_code_stands_on_the_other_pages_too(told):
    shown(told.alice)
    code = RemittanceCode.objects.get(tenant=told.acme).code
    for path in ("/c/acme/payments/", "/c/acme/wallet/"):
        assert code in shown(told.alice, path)


def test_it_shows_the_virtual_account_instead_of_ours(told):
    shown(told.alice)
    RemittanceCode.objects.update(virtual_account="9550880212345678")
    page = shown(told.alice)
    assert "9550 8802 1234 5678" in page
    assert "5719 0000" not in page


def test_it_takes_a_claim_with_its_receipt_and_shows_it(told):
    alice = logged_in(told.alice)
    answer = alice.post(CLAIM, sent(receipt=SimpleUploadedFile("回单.pdf", PDF)))
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    claim = TransferClaim.objects.get()
    assert (claim.amount_minor, claim.made_by, claim.receipt_type) == (239_900, told.alice, "application/pdf")
    page = shown(told.alice)
    assert "¥2,399.00" in page
    assert "Being looked for" in page
    file = alice.get(f"/c/acme/transfer/claims/{claim.pk}/receipt/")
    assert (file.content, file["Content-Disposition"]) == (PDF, "attachment")


def test_a_double_click_is_one_claim(told):
    alice = logged_in(told.alice)
    for _time in range(2):
        alice.post(CLAIM, sent())
    assert TransferClaim.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"amount": "x"}, "no amount"),
        ({"amount": "0"}, "above zero"),
        ({"paid_on": "2026-10-21"}, "future"),
        ({"last_digits": "12"}, "last four digits"),
        ({"receipt": SimpleUploadedFile("a.html", b"<script>")}, "PDF, JPEG or PNG"),
    ],
)
def test_it_says_what_is_wrong_and_keeps_what_was_written(told, change, why):
    page = logged_in(told.alice).post(CLAIM, sent(**change)).content.decode()
    assert why in page
    assert 'value="十月"' in page
    assert not TransferClaim.objects.exists()


def test_it_shows_the_answer_with_its_reason(told):
    logged_in(told.alice).post(CLAIM, sent())
    TransferClaim.objects.update(state="declined", reason="银行没有这笔款", settled_at=portal.NOON)
    page = shown(told.alice)
    assert "银行没有这笔款" in page
    assert "Not found" in page


def test_a_viewer_sees_and_does_not_claim(told):
    assert CLAIM not in shown(told.bob)
    assert logged_in(told.bob).post(CLAIM, sent()).status_code == 403
    assert not TransferClaim.objects.exists()


def test_a_stranger_sees_nothing(told):
    logged_in(told.alice).post(CLAIM, sent(receipt=SimpleUploadedFile("a.pdf", PDF)))
    claim = TransferClaim.objects.get()
    charlie = logged_in(told.charlie)
    for path in (PAGE, CLAIM, f"/c/acme/transfer/claims/{claim.pk}/receipt/"):
        assert charlie.get(path).status_code == 404
    assert charlie.get(f"/c/beta/transfer/claims/{claim.pk}/receipt/").status_code == 404
    assert "2,399.00" not in shown(told.charlie, "/c/beta/transfer/")
