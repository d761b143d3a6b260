"""Callbacks: believed or refused, kept, with one effect, and answered as each provider wants."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from structlog.testing import capture_logs

from billing.models import LedgerTransaction
from invoices import asking, checking, hearing, paying
from invoices.models import Allocation, Payment, ProviderAccount, ProviderMessage
from invoices.providers.port import Callback, Kind, Report, State
from tenants.models import Notice
from tests.invoices.at_provider import NOW, again, begun, bill, gateway, simulation
from tests.invoices.deducting import holds

__all__ = ["bill", "simulation"]
pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def payment(bill):
    return begun(bill)


def account(payment, provider="alipay"):
    known = {"app_id": "a", "merchant": "m", "secrets": "-", "fingerprint": "-", "changed_at": NOW}
    return ProviderAccount.objects.get_or_create(seller=payment.seller, provider=provider, defaults=known)[0]


def told(payment, about=None, **how):
    """Return what the provider tells us of a payment, by default that it was paid as asked for."""
    there = gateway(payment)
    return there.told(about or there.pay(payment.reference), at=how.pop("at", LATER), **how)


def hear(payment, callback, provider="alipay"):
    return hearing.hear(account(payment, provider).pk, provider, callback)


def kept():
    """Return (verdict, reason) of all messages, in order."""
    return list(ProviderMessage.objects.order_by("pk").values_list("verdict", "reason"))


def effects():
    notices = Notice.objects.filter(kind="payment_received").count()
    return LedgerTransaction.objects.filter(source="payment").count(), Allocation.objects.count(), notices


def test_it_is_believed_settled_and_kept(payment, bill):
    assert hear(payment, told(payment)) == hearing.Answer(200, "success")
    assert (again(payment).status, again(bill).status) == ("succeeded", "paid")
    message = ProviderMessage.objects.get()
    assert (message.verdict, message.kind, message.payment, message.at) == ("accepted", "payment", payment, LATER)
    assert len(message.body_sha256) == 64
    assert list(checking.faults()) == []


def test_a_repetition_is_answered_and_has_no_effect(payment):
    callback = told(payment)
    assert [hear(payment, callback).body for _turn in range(3)] == ["success"] * 3
    assert kept() == [("accepted", ""), ("repeated", ""), ("repeated", "")]
    assert effects() == (1, 1, 1)


@pytest.mark.parametrize("first", ["callback", "query"])
def test_callback_and_query_in_any_order_have_one_effect(payment, bill, first):
    callback = told(payment)

    def by_callback():
        assert hear(payment, callback).body == "success"

    def by_query():
        asking.ask(at=LATER, payments=[again(payment)])

    steps = [by_callback, by_query] if first == "callback" else [by_query, by_callback]
    for step in steps * 2:
        step()
    assert effects() == (1, 1, 1)
    assert again(bill).status == "paid"
    assert list(checking.faults()) == []


def test_late_news_of_an_earlier_state_changes_nothing(payment):
    hear(payment, told(payment))
    for state in (State.WAITING, State.CLOSED, State.FAILED):
        assert hear(payment, told(payment, Report(state, payment.reference))).body == "success"
    assert again(payment).status == "succeeded"


def test_a_failure_by_callback_frees_the_bill(payment, bill):
    hear(payment, told(payment, Report(State.FAILED, payment.reference, failure="bank_declined")))
    assert (again(payment).status, payment.failure) == ("failed", "bank_declined")
    assert begun(bill).status == "intended"


def test_what_was_given_up_and_is_paid_after_all_is_booked(payment, bill):
    paying.abandon(payment, at=LATER, by=None)
    second = begun(bill)
    hear(payment, told(payment, Report(State.SUCCEEDED, payment.reference, "T1", 199_00)))
    hear(second, told(second))
    assert {again(payment).status, again(second).status} == {"succeeded"}
    assert (again(bill).status, holds(bill.tenant)) == ("paid", 199_00)
    assert list(checking.faults()) == []


def forged(payment, how):
    """Return a callback with one thing wrong, and the reason for which it is refused."""
    true = told(payment)
    match how:
        case "signature":
            return replace(true, headers={"Signature": "0"})
        case "body":
            return replace(true, body=true.body.replace(b"19900", b"19901"))
        case "stale":
            return replace(true, at=LATER + timedelta(minutes=5, seconds=1))
        case "early":
            return replace(true, at=LATER - timedelta(minutes=5, seconds=1))
        case "merchant":
            return told(payment, merchant="another")
        case "unknown_order":
            return told(payment, Report(State.SUCCEEDED, "never-begun", "T1", 199_00))
        case "other_amount":
            return told(payment, Report(State.SUCCEEDED, payment.reference, "T1", 198_99))
    raise AssertionError(how)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("signature", "signature"),
        ("body", "signature"),
        ("stale", "stale"),
        ("early", "stale"),
        ("merchant", "merchant"),
        ("unknown_order", "unknown_order"),
        ("other_amount", "other_amount"),
    ],
)
def test_what_is_not_to_be_believed_is_refused_and_kept(payment, bill, how, reason):
    assert hear(payment, forged(payment, how)) == hearing.Answer(200, "failure")
    assert kept() == [("refused", reason)]
    assert again(bill).due_minor == 199_00
    assert effects() == (0, 0, 0)


def test_a_callback_of_exactly_five_minutes_is_fresh(payment):
    assert hear(payment, replace(told(payment), at=LATER + timedelta(minutes=5))).body == "success"


def test_a_foreign_amount_raises_the_alarm_and_stays_unknown(payment):
    with capture_logs() as logs:
        hear(payment, forged(payment, "other_amount"))
    assert [entry["reason"] for entry in logs if entry["log_level"] == "error"] == ["other_amount"]
    assert again(payment).status == "unknown"
    assert list(asking.stuck(LATER)) == [payment]


def test_the_account_of_another_seller_does_not_hear_of_it(payment):
    other = account(payment)
    ProviderAccount.objects.filter(pk=other.pk).update(seller=sold_by_another())
    assert hear_at(other, told(payment)).body == "failure"
    assert kept() == [("refused", "unknown_order")]


def sold_by_another():
    return type(Payment.objects.get().seller).objects.create(
        code="other",
        legal_name="乙公司",
        brand="乙",
        mark="乙",
        tax_number="91350100M000100Y43",
        number_prefix="YI",
        created_at=NOW,
    )


def hear_at(one, callback):
    return hearing.hear(one.pk, one.provider, callback)


def test_an_account_out_of_use_still_hears(payment):
    ProviderAccount.objects.filter(pk=account(payment).pk).update(active=False)
    assert hear(payment, told(payment)).body == "success"


def test_who_sends_nonsense_does_not_fill_the_table(payment, monkeypatch):
    monkeypatch.setattr(hearing, "FORGED_PER_HOUR", 3)
    for n in range(5):
        hear(payment, Callback(headers={}, body=f"{n}".encode(), at=LATER))
    assert kept() == [("refused", "signature")] * 3
    hear(payment, Callback(headers={}, body=b"later", at=LATER + timedelta(hours=1, seconds=1)))
    assert len(kept()) == 4
    assert hear(payment, told(payment)).body == "success"


@pytest.mark.parametrize(
    ("provider", "body", "refused", "expected"),
    [
        ("alipay", b"a=1", "", (200, "success", "text/plain")),
        ("alipay", b"a=1", "stale", (200, "failure", "text/plain")),
        ("wechat", b"{}", "", (204, "", "text/plain")),
        ("wechat", b"{}", "stale", (400, '{"code": "FAIL", "message": "stale"}', "application/json")),
        ("wechat", b" <xml/>", "", (200, "<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>", "text/xml")),
        ("wechat", b"<xml/>", "stale", (200, "<xml><return_code><![CDATA[FAIL]]></return_code></xml>", "text/xml")),
    ],
)
def test_it_answers_as_the_provider_wants(provider, body, refused, expected):
    answer = hearing.answer(provider, Callback(headers={}, body=body, at=NOW), refused)
    assert (answer.status, answer.body, answer.content_type.split(";")[0]) == expected


# Over HTTP.


@pytest.fixture
def now(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: LATER)


def post(payment, callback, provider="alipay", account_id=None):
    """Post a callback as a provider does: without a session, and with no token of ours."""
    headers = {f"HTTP_{name.upper()}": value for name, value in callback.headers.items()}
    path = f"/callbacks/{provider}/{account_id or account(payment, provider).pk}/"
    return Client(enforce_csrf_checks=True).post(path, callback.body, content_type="application/json", **headers)


def test_it_hears_over_http(payment, now):
    answer = post(payment, told(payment))
    assert (answer.status_code, answer.content) == (200, b"success")
    assert again(payment).status == "succeeded"


def test_it_hears_wechat_over_http(bill, now):
    payment = begun(bill, method="wechat")
    answer = post(payment, told(payment), "wechat")
    assert (answer.status_code, answer.content) == (204, b"")
    answer = post(payment, forged(payment, "signature"), "wechat")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (400, "FAIL")


@pytest.mark.parametrize("provider", ["alipay", "wechat", "other"])
def test_an_account_that_is_not_there_believes_nothing(payment, now, provider):
    answer = post(payment, told(payment), provider, account_id=999)
    assert answer.content in (b"failure", b'{"code": "FAIL", "message": "unknown_account"}')
    assert again(payment).status == "intended"
    assert kept() == []


def test_too_long_a_message_is_not_read(payment, now):
    assert post(payment, replace(told(payment), body=b"x" * (2**20 + 1))).status_code == 413
    assert kept() == []


def test_it_is_told_and_not_asked(payment, client):
    assert client.get(f"/callbacks/alipay/{account(payment).pk}/").status_code == 405


def test_what_cannot_be_heard_yet_is_refused(payment, monkeypatch):
    monkeypatch.setattr(hearing, "HEARERS", {})
    assert hear(payment, told(payment)).body == "failure"
    assert kept() == [("refused", "not_supported")]
    assert ProviderMessage.objects.get().kind == Kind.PAYMENT
