"""A refund at a provider: intended, called with one number, settled once, asked for when nobody knows, and in the balance
when its way is gone; a transfer that an operator sends by bank; a debit after a withdrawal."""

from datetime import date, timedelta

import pytest

from billing import wallets
from billing.models import LedgerTransaction
from invoices import checking, hearing, paying, refunding, returnable, returning, telling_refunds, undoing_debits
from invoices.attributing import Use
from invoices.models import ChargeNotice, Mandate, ProviderAccount, ProviderMessage, Refund
from invoices.models.notices import WAIT
from invoices.providers import gateways
from invoices.providers.port import Kind, Refused, Returned, State
from tenants import agreements
from tenants.errors import NotFound
from tenants.models import Notice
from tests import shop
from tests.invoices.at_provider import bill, intend, simulation
from tests.invoices.refunds import ASKED, PAID, SENT, fresh, held, paid_at_provider, provider_of, said, send

__all__ = ["bill", "simulation"]
pytestmark = pytest.mark.django_db
LATER = shop.at("2026-02-10 12:00")


@pytest.fixture
def row(bill):
    paid_at_provider(bill)
    return asked(bill)


def asked(bill, **how) -> Refund:
    (made,) = refunding.request(fresh(bill), reason="多收了", at=ASKED, by=None, **how)
    return made


def behave(simulation, behaviour):
    simulation.behave("acme", behaviour)


def effects(row):
    """Return how often a refund was booked, told of and counted."""
    return (
        LedgerTransaction.objects.filter(source="refund", source_id=row.pk, kind="sent").count(),
        Notice.objects.filter(kind="refund_arrived").count(),
        fresh(row.payment).returned_minor,
    )


def calls(row):
    return [call for call in provider_of(row).calls if call[1] == row.reference]


def test_it_is_sent_arrives_and_is_booked_where_it_was_paid(simulation, bill, row):
    behave(simulation, "approve")
    assert send() == 1
    assert said([row]) == [("alipay", "origin", "succeeded", 199_00)]
    assert (row.sent_at, row.arrived_at, row.ask_at, row.asks) == (SENT, SENT, None, 1)
    assert (held(bill, "refund_payable"), held(bill, "cash_alipay")) == (0, 0)
    assert fresh(row.payment).status == "refunded"
    assert row.provider_number == f"R{row.reference}"
    assert effects(row) == (1, 1, 199_00)
    assert send(LATER) == 0


@pytest.mark.parametrize("method", ["alipay", "wechat"])
def test_a_part_leaves_the_payment_received(simulation, bill, method):
    payment = paid_at_provider(bill, method)
    row = asked(bill, amount_minor=50_00)
    behave(simulation, "approve")
    send()
    assert (fresh(payment).status, payment.returned_minor) == ("succeeded", 50_00)
    assert held(bill, f"cash_{method}") == 149_00
    assert fresh(row).status == "succeeded"


def test_what_the_provider_has_accepted_is_told_once_as_sent(simulation, row):
    send()
    assert (fresh(row).status, row.provider_number) == ("intended", f"R{row.reference}")
    letter = Notice.objects.get(kind="refund_sent")
    # Tuesday 10 February, and three working days on: Friday the 13th.
    assert (letter.payload["by_day"], letter.payload["amount_minor"]) == ("2026-02-13", 199_00)
    send(SENT + timedelta(minutes=5))
    assert Notice.objects.filter(kind="refund_sent").count() == 1
    behave(simulation, "approve")
    send(LATER)
    assert effects(row) == (1, 1, 199_00)


def test_no_answer_is_unknown_and_asked_for_until_it_is_known(simulation, bill, row):
    behave(simulation, "timeout")
    send()
    assert (fresh(row).status, row.ask_at) == ("unknown", SENT + timedelta(seconds=30))
    waits = []
    for _time in range(9):
        asked_at = row.ask_at
        send(asked_at)
        waits.append(fresh(row).ask_at - asked_at)
    minutes = [int(wait.total_seconds() // 60) for wait in waits]
    assert minutes == [2, 10, 30, 60, 120, 360, 1440, 1440, 1440]
    assert held(bill, "refund_payable") == -199_00
    assert [call for call, _number in calls(row)] == ["give_back"] + ["ask_refund"] * 9
    behave(simulation, "approve")
    send(row.ask_at)
    assert effects(row) == (1, 1, 199_00)


def test_an_answer_that_is_lost_is_found_by_asking(simulation, row):
    behave(simulation, "timeout_then_approve")
    send()
    assert fresh(row).status == "unknown"
    send(row.ask_at)
    assert [call for call, _number in calls(row)] == ["give_back", "ask_refund"]
    assert effects(row) == (1, 1, 199_00)


def test_what_never_reached_the_provider_is_sent_again_under_its_number(simulation, row):
    behave(simulation, "timeout")
    send()
    gateway = provider_of(row)
    gateway.refunds.clear()
    behave(simulation, "approve")
    send(fresh(row).ask_at)
    assert calls(row) == [("give_back", row.reference), ("ask_refund", row.reference), ("give_back", row.reference)]
    assert effects(row) == (1, 1, 199_00)


def report(row, state=State.SUCCEEDED, **more):
    return Returned(state, row.reference, f"R{row.reference}", more.pop("amount_minor", row.amount_minor), **more)


@pytest.mark.parametrize("order", [(State.SUCCEEDED, State.WAITING), (State.WAITING, State.SUCCEEDED)])
def test_any_order_and_any_number_of_reports_has_one_effect(row, order):
    send()
    for state in (*order, State.SUCCEEDED, *order, State.FAILED, State.MISSING):
        returning.settle(row.reference, "alipay", report(row, state), at=LATER)
    assert fresh(row).status == "succeeded"
    assert effects(row) == (1, 1, 199_00)
    assert not list(checking.faults())


def test_another_amount_or_another_provider_is_not_believed(row):
    send()
    with pytest.raises(returning.OtherAmount):
        returning.settle(row.reference, "alipay", report(row, amount_minor=198_00), at=LATER)
    with pytest.raises(NotFound):
        returning.settle(row.reference, "wechat", report(row), at=LATER)
    assert fresh(row).status == "intended"


def test_a_report_of_what_nobody_sent_changes_nothing(row):
    returning.settle(row.reference, "alipay", report(row), at=LATER)
    assert (fresh(row).status, effects(row)) == ("approved", (0, 0, 0))


@pytest.fixture
def account(bill):
    return ProviderAccount.objects.create(
        seller=bill.seller, provider="alipay", app_id="a", merchant="m", secrets="x", fingerprint="f", changed_at=PAID
    )


def hear(account, row, **more):
    callback = provider_of(row).told(report(row, **more), at=LATER, kind=Kind.REFUND)
    return hearing.hear(account.pk, "alipay", callback)


def test_a_callback_is_heard_once_however_often_it_comes(account, row):
    send()
    for _time in range(3):
        assert hear(account, row).body == "success"
    assert effects(row) == (1, 1, 199_00)
    assert list(ProviderMessage.objects.order_by("pk").values_list("verdict", flat=True)) == [
        "accepted",
        "repeated",
        "repeated",
    ]


def test_a_callback_of_another_amount_or_of_nobodys_refund_is_refused(account, row):
    send()
    assert hear(account, row, amount_minor=1).body == "failure"
    assert fresh(row).status == "intended"
    stranger = Refund(reference="R0", amount_minor=1, payment=row.payment, seller=row.seller)
    callback = provider_of(row).told(report(stranger), at=LATER, kind=Kind.REFUND)
    assert hearing.hear(account.pk, "alipay", callback).body == "failure"
    assert set(ProviderMessage.objects.values_list("reason", flat=True)) == {"other_amount", "unknown_refund"}


def test_a_way_that_is_gone_puts_it_into_the_balance_and_says_so(simulation, bill, row):
    behave(simulation, "decline")
    send()
    assert said([row]) == [("alipay", "wallet", "succeeded", 199_00)]
    assert (row.failure, row.arrived_at) == ("payer_account_gone", SENT)
    assert wallets.balance(bill.tenant, bill.seller, "CNY").paid == 199_00
    assert (held(bill, "refund_payable"), fresh(row.payment).returned_minor) == (0, 0)
    assert Notice.objects.get(kind="refund_failed").payload["why"]
    # It is the customer's to withdraw, and not the gone way again: by bank.
    rows = refunding.withdraw(bill.tenant.wallets.get(), at=LATER, by=None)
    assert said(rows) == [("", "origin", "approved", 199_00)]


def test_a_withdrawal_whose_way_is_gone_has_failed_and_is_in_the_balance(simulation, bill):
    paid_at_provider(bill)
    refunding.request(fresh(bill), reason="降价", to="wallet", amount_minor=40_00, at=ASKED, by=None)
    (row,) = refunding.withdraw(bill.tenant.wallets.get(), at=ASKED, by=None)
    behave(simulation, "decline")
    send()
    assert said([row]) == [("alipay", "wallet", "failed", 40_00)]
    assert wallets.balance(bill.tenant, bill.seller, "CNY").paid == 40_00


@pytest.mark.parametrize(("days", "status", "to"), [(365, "intended", "origin"), (366, "succeeded", "wallet")])
def test_after_365_days_it_goes_into_the_balance(bill, days, status, to):
    paid_at_provider(bill)
    when = PAID + timedelta(days=days)
    (row,) = refunding.request(fresh(bill), reason="多收了", at=when, by=None)
    send(when)
    assert (fresh(row).status, row.to) == (status, to)
    assert row.failure == ("" if to == "origin" else "too_old_to_refund")
    assert bool(calls(row)) == (to == "origin")


def test_two_parts_of_a_payment_are_a_minute_apart(simulation, bill):
    behave(simulation, "approve")
    paid_at_provider(bill)
    first, second = asked(bill, amount_minor=10_00), asked(bill, amount_minor=20_00)
    assert send() == 1
    assert (fresh(first).status, fresh(second).status) == ("succeeded", "approved")
    assert second.ask_at == SENT + timedelta(minutes=1)
    assert send(SENT + timedelta(seconds=59)) == 0
    assert send(SENT + timedelta(seconds=60)) == 1
    assert fresh(second).status == "succeeded"


def test_a_payment_takes_fifty_parts(bill):
    payment = paid_at_provider(bill)
    known = {"tenant": bill.tenant, "seller": bill.seller, "currency": "CNY", "amount_minor": 1, "payment": payment}
    known |= {"to": "origin", "reason": "r", "status": "succeeded", "requested_at": PAID, "arrived_at": PAID}
    Refund.objects.bulk_create(Refund(**known, reference=f"R{n}", sent_at=PAID) for n in range(49))
    fiftieth = asked(bill, amount_minor=100)
    send_only(fiftieth, SENT)
    assert (fresh(fiftieth).status, fiftieth.to) == ("intended", "origin")
    last = asked(bill, amount_minor=100)
    send_only(last, LATER)
    assert (fresh(last).to, last.status, last.failure) == ("wallet", "succeeded", "too_many_refunds")


def send_only(row, at):
    returning.send(at=at, refunds=[row.pk])


class Grumpy:
    """A provider that refuses, and says why."""

    def __init__(self, code):
        self.code, self.name = code, "alipay"

    def give_back(self, _refund):
        raise Refused(self.code, "ACQ.SELLER_BALANCE_NOT_ENOUGH")

    def ask_refund(self, refund):
        return Returned(State.MISSING, refund.reference)


def test_a_refusal_that_may_pass_is_tried_again_for_a_week(bill, row):
    with gateways.using(lambda _seller, _provider: Grumpy("balance_too_low")):
        send()
        assert (fresh(row).status, row.failure) == ("intended", "balance_too_low")
        send(SENT + timedelta(days=6))
        assert fresh(row).status == "intended"
        send(SENT + timedelta(days=8))
    assert (fresh(row).to, row.status) == ("wallet", "succeeded")


def test_a_refusal_that_passes_is_forgotten(simulation, row):
    with gateways.using(lambda _seller, _provider: Grumpy("provider_refused_us")):
        send()
    behave(simulation, "approve")
    send(LATER)
    assert (fresh(row).status, row.failure) == ("succeeded", "")


@pytest.fixture
def debited(bill):
    """The bill is being deducted at Alipay under an authorisation and a notice, and the provider has no outcome yet."""
    consent = agreements.authorise(
        bill.tenant, seller=bill.seller, text="自动扣款", text_version="1", at=shop.OPENED, by=None
    )
    known = {"tenant": bill.tenant, "seller": bill.seller, "currency": "CNY"}
    mandate = Mandate.objects.create(
        **known,
        provider="alipay",
        authorisation=consent,
        number="MZ1",
        provider_number="C1",
        status="active",
        single_minor=500_00,
        created_at=shop.OPENED,
        signed_at=shop.OPENED,
    )
    minor = {"renewal_minor": 199_00, "ceiling_minor": 0, "total_minor": 199_00}
    told = {"pays": "mandate", "due_on": PAID.date(), "due_at": PAID, "version": 1, "of": "bill", "via": "notice"}
    arrived = {"announced_at": shop.OPENED, "delivered_at": PAID - WAIT, "charge_at": PAID}
    notice = ChargeNotice.objects.create(**known, **told, **minor, **arrived)
    more = {"uses": [Use(notice, 199_00)]}
    more |= {"product": "debit", "mandate": mandate, "authorisation": consent, "notice": notice, "basis": "automatic"}
    payment = paying.begin(intend(bill, at=PAID, **more), at=PAID)
    assert payment.status == "intended"
    return payment


def taken(payment, at):
    return paying.settle(
        payment.pk, gateways.gateway_for(payment.seller, "alipay").pay(payment.reference, at=at), at=at
    )


def test_a_debit_after_its_authorisation_was_withdrawn_goes_back_by_itself(simulation, debited):
    agreements.withdraw(debited.authorisation, at=PAID + timedelta(minutes=1), by=None)
    payment = taken(debited, PAID + timedelta(minutes=2))
    assert payment.status == "succeeded"
    assert undoing_debits.undo(at=ASKED) == 1
    assert undoing_debits.undo(at=ASKED) == 0
    row = Refund.objects.get()
    assert (row.status, row.needs_second, row.amount_minor) == ("approved", False, 199_00)
    behave(simulation, "approve")
    send()
    assert fresh(payment).status == "refunded"
    assert Notice.objects.filter(kind="refund_arrived").count() == 1


def test_a_debit_before_its_authorisation_was_withdrawn_stays(debited):
    payment = taken(debited, PAID + timedelta(minutes=2))
    agreements.withdraw(debited.authorisation, at=PAID + timedelta(minutes=3), by=None)
    assert undoing_debits.undo(at=ASKED) == 0
    assert fresh(payment).status == "succeeded"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("2026-02-10", "2026-02-13"), ("2026-02-12", "2026-02-17"), ("2026-02-14", "2026-02-18")],
)
def test_it_arrives_within_three_working_days(sent, expected):
    assert telling_refunds.expected_on(date.fromisoformat(sent)) == date.fromisoformat(expected)


def test_ways_are_gone_for_good_only_where_no_try_can_help():
    assert {str(code) for code in returnable.FOR_GOOD} == {
        "too_old_to_refund",
        "too_many_refunds",
        "payer_account_gone",
        "payer_account_abnormal",
        "declined",
    }
