"""Agreements are offered with their text, signed at the provider, and ended at once: whoever says it first, however often."""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from invoices import debit_windows, hearing, mandates
from invoices.models import Mandate, ProviderAccount, ProviderMessage
from invoices.pauses import pause
from invoices.providers.port import Kind, Signed, State
from tenants import access, agreements
from tenants.errors import Invalid, WrongState
from tenants.models import AuditEntry, Authorisation, Member, User
from tests import shop
from tests.invoices.agreed import SIGNED, agreed, brought, called, day, gateway, offered, subscribed, told
from tests.invoices.at_provider import simulated
from usage.periods import add_months, local_midnight

pytestmark = pytest.mark.django_db
LATER = SIGNED + timedelta(minutes=5)


@pytest.fixture
def simulation():
    with simulated("approve") as made:
        yield made


@pytest.fixture
def acme(simulation):
    return shop.tenant()


def says(mandate, state, *, number="C1", at=None):
    return Signed(state, mandate.number, number, "pa***", at)


def again(mandate):
    return Mandate.objects.get(pk=mandate.pk)


def test_an_offer_keeps_the_text_that_was_shown_and_deducts_nothing(acme, qingyu):
    made = offered(acme, qingyu, single=300_00, per_month_minor=900_00, address="203.0.113.9")
    consent = made.authorisation
    assert (consent.text, consent.text_version) == ("同意从支付宝或微信扣款", "m-1")
    assert (consent.ceiling_minor, consent.per_month_minor, consent.scope) == (300_00, 900_00, "all")
    assert consent.address == "203.0.113.9"
    assert (made.status, made.single_minor, made.provider_number) == ("signing", 300_00, "")
    assert made.sign_address == f"https://wechat.example/sign/{made.number}"
    assert mandates.in_force(acme.pk, qingyu.pk, "CNY") is None


def test_the_number_fits_both_providers(acme, qingyu):
    number = offered(acme, qingyu).number
    assert len(number) <= 32
    assert number.isalnum()


def test_signing_twice_asks_for_one_page(acme, qingyu):
    made = offered(acme, qingyu)
    assert mandates.sign(made, at=LATER).sign_address == made.sign_address
    assert called(made, "sign") == 1


def test_a_provider_that_refuses_or_is_silent_can_be_tried_again(acme, qingyu, simulation):
    for behaviour in ("decline", "timeout"):
        simulation.behave("acme", behaviour)
        with pytest.raises(mandates.NotOffered):
            offered(acme, qingyu)
    simulation.behave("acme", "approve")
    assert mandates.sign(Mandate.objects.latest("pk"), at=LATER).sign_address


def test_a_page_is_not_opened_after_a_day(acme, qingyu):
    made = offered(acme, qingyu)
    with pytest.raises(WrongState):
        mandates.sign(made, at=SIGNED + timedelta(hours=24))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("provider", {"provider": "bank"}), ("single_minor", {"single": 0}), ("execute_on", {"execute_on": "2026-03-29"})],
)
def test_what_cannot_be_agreed_is_refused(acme, qingyu, field, wrong):
    wrong = {"provider": "alipay"} | wrong
    if field == "execute_on":
        wrong["execute_on"] = day(wrong["execute_on"])
    with pytest.raises(Invalid) as refusal:
        offered(acme, qingyu, **wrong)
    assert refusal.value.field == field
    assert not Authorisation.objects.exists()


def test_a_subsidiary_does_not_sign(acme, qingyu):
    child = shop.tenant("child", parent="acme")
    with pytest.raises(Invalid) as refusal:
        offered(child, qingyu)
    assert refusal.value.field == "tenant"


def test_only_yuan_are_debited(simulation, qingyu):
    with pytest.raises(Invalid) as refusal:
        offered(shop.tenant("abroad", currency="USD"), qingyu)
    assert refusal.value.field == "currency"


@pytest.mark.parametrize("due", range(1, 32))
def test_alipays_day_serves_the_due_day_of_every_month(due):
    first = day(f"2026-01-{due:02d}")
    execute_on = debit_windows.first_execution(first)
    assert execute_on.day <= 28
    for month in range(36):
        midnight = local_midnight(add_months(first, month), "Asia/Shanghai")
        window = debit_windows.of_alipay(execute_on, 1, midnight)
        assert window.holds(midnight), (due, month)
        assert window.closes - midnight >= timedelta(days=3)


def test_alipays_rhythm_follows_the_next_renewal(acme, qingyu):
    subscribed(acme, qingyu, "2026-01-10")
    made = offered(acme, qingyu, provider="alipay", at=shop.at("2026-01-11 09:00"))
    assert (made.execute_on, made.every_months) == (day("2026-02-15"), 1)


@pytest.mark.parametrize(("interval", "months"), [("quarter", 3), ("half_year", 6), ("year", 12)])
def test_alipays_rhythm_is_the_plans(acme, qingyu, interval, months):
    version = shop.plan(
        qingyu, [{"code": "base", "kind": "base", "model": "flat", "amount": "9.00"}], interval=interval
    )
    shop.subscribe(acme, version, "2026-01-10", pays="mandate")
    shop.bill("2026-01-10 10:00")
    assert offered(acme, qingyu, provider="alipay", at=shop.at("2026-01-11 09:00")).every_months == months


def test_a_signed_contract_is_in_force(acme, qingyu):
    made = agreed(acme, qingyu)
    assert (made.provider_number, made.payer_masked) == (f"C{made.number}", "pa***")
    assert made.signed_at == SIGNED
    assert mandates.in_force(acme.pk, qingyu.pk, "CNY") == made
    assert AuditEntry.objects.filter(verb="mandate.signed").count() == 1


def test_it_is_signed_when_the_provider_says(acme, qingyu):
    made = offered(acme, qingyu)
    then = SIGNED + timedelta(minutes=2)
    assert mandates.settle_contract(made.pk, says(made, State.SUCCEEDED, at=then), at=LATER).signed_at == then


def test_a_contract_without_the_providers_number_waits_for_it(acme, qingyu):
    made = offered(acme, qingyu)
    assert mandates.settle_contract(made.pk, says(made, State.SUCCEEDED, number=""), at=LATER).status == "signing"


def test_hearing_it_twice_and_asking_changes_nothing(acme, qingyu):
    made = offered(acme, qingyu)
    for n in range(3):
        mandates.settle_contract(made.pk, says(made, State.SUCCEEDED), at=LATER + timedelta(seconds=n))
    assert again(made).signed_at == LATER
    assert AuditEntry.objects.filter(verb="mandate.signed").count() == 1


def test_an_end_that_is_heard_before_the_signature_stands(acme, qingyu, simulation):
    """What was signed and ended at the provider at once, and is heard in the other order."""
    made = offered(acme, qingyu)
    mandates.settle_contract(made.pk, says(made, State.CLOSED), at=LATER)
    assert again(made).status == "ended"
    mandates.settle_contract(made.pk, says(made, State.SUCCEEDED), at=LATER + timedelta(seconds=1))
    found = again(made)
    assert (found.status, found.provider_number) == ("ended", "C1")
    gateway(made).contracts[made.number] = says(made, State.CLOSED)
    assert mandates.ask(at=LATER + timedelta(minutes=2)) == 1
    assert again(made).ask_at is None


def test_a_contract_that_nobody_signs_is_given_up_after_a_day(acme, qingyu, simulation):
    simulation.behave("acme", "wait")
    made = offered(acme, qingyu)
    mandates.ask(at=SIGNED + timedelta(minutes=1))
    assert again(made).status == "signing"
    mandates.ask(at=SIGNED + timedelta(hours=24))
    found = again(made)
    assert (found.status, found.ended_by, found.ask_at) == ("ended", "unsigned", None)
    assert found.authorisation.withdrawn_at == SIGNED + timedelta(hours=24)
    assert told("mandate_ended") == []


def test_being_signed_is_asked_for_ever_more_seldom(acme, qingyu, simulation):
    simulation.behave("acme", "wait")
    made = offered(acme, qingyu)
    asked = []
    for _time in range(4):
        asked.append(again(made).ask_at - SIGNED)
        mandates.ask(at=again(made).ask_at)
    minutes = [one.total_seconds() / 60 for one in asked]
    assert minutes == [0.5, 1.0, 3.0, 13.0]


def test_a_second_offer_gives_the_first_one_up(acme, qingyu):
    first = offered(acme, qingyu)
    second = offered(acme, qingyu, at=LATER)
    assert (again(first).status, again(second).status) == ("ended", "signing")
    assert again(first).authorisation.withdrawn_at == LATER


def test_what_was_given_up_and_is_signed_after_all_is_ended_at_the_provider(acme, qingyu):
    first = offered(acme, qingyu)
    agreed(acme, qingyu, at=LATER)
    mandates.settle_contract(first.pk, says(first, State.SUCCEEDED, number="C9"), at=LATER)
    mandates.ask(at=LATER + timedelta(minutes=1))
    found = again(first)
    assert (found.status, found.ask_at) == ("ended", None)
    assert gateway(first).contracts[first.number].state == State.CLOSED


def test_a_new_contract_takes_the_place_of_the_old_one(acme, qingyu):
    old = agreed(acme, qingyu)
    new = agreed(acme, qingyu, provider="alipay", at=LATER, execute_on=day("2026-02-10"))
    assert mandates.in_force(acme.pk, qingyu.pk, "CNY") == new
    assert (again(old).status, again(old).ended_by) == ("ended", "customer")
    assert again(old).authorisation.withdrawn_at == LATER
    assert told("mandate_ended") == []
    mandates.ask(at=LATER)
    assert gateway(old).contracts[old.number].state == State.CLOSED


def test_ending_is_effective_at_once_and_told_to_the_provider_until_it_confirms(acme, qingyu, simulation):
    made = agreed(acme, qingyu)
    mandates.end(made, at=LATER, by=None)
    assert mandates.in_force(acme.pk, qingyu.pk, "CNY") is None
    assert again(made).authorisation.withdrawn_at == LATER
    simulation.behave("acme", "timeout")
    assert mandates.ask(at=LATER) == 0
    assert again(made).ask_at == LATER + timedelta(seconds=30)
    simulation.behave("acme", "approve")
    assert mandates.ask(at=LATER + timedelta(seconds=30)) == 1
    assert called(made, "end_contract") == 1
    assert again(made).ask_at is None


def test_an_end_that_is_not_confirmed_for_a_day_raises_the_alarm(acme, qingyu, simulation):
    made = agreed(acme, qingyu)
    mandates.end(made, at=LATER, by=None)
    simulation.behave("acme", "timeout")
    with capture_logs() as early:
        mandates.ask(at=LATER + timedelta(hours=23))
    Mandate.objects.update(ask_at=LATER)
    with capture_logs() as late:
        mandates.ask(at=LATER + timedelta(hours=24))
    assert [[line["log_level"] for line in logs] for logs in (early, late)] == [["warning"], ["warning", "error"]]


def test_what_was_ended_is_not_ended_again(acme, qingyu):
    made = agreed(acme, qingyu)
    mandates.end(made, at=LATER, by=None)
    with pytest.raises(WrongState):
        mandates.end(made, at=LATER, by=None)


def test_it_keeps_who_ended_it(acme, qingyu):
    member, operator = (User.objects.create(email=f"{name}@example.com") for name in ("alice", "oscar"))
    Member.objects.create(tenant=acme, user=member, role=Member.Role.PAYER, joined_at=SIGNED)
    ended = []
    for who in (member, operator):
        made = agreed(acme, qingyu, at=LATER)
        ended.append(mandates.end(made, at=LATER, by=who).ended_by)
    assert ended == ["customer", "us"]


def test_a_callback_of_the_providers_end_ends_it_here(acme, qingyu):
    made = agreed(acme, qingyu)
    subscribed(acme, qingyu)
    shop.bill("2026-02-05 00:00")
    mandates.settle_contract(
        made.pk, says(made, State.CLOSED, number=made.provider_number), at=shop.at("2026-02-05 01:00")
    )
    found = again(made)
    assert (found.status, found.ended_by, found.ask_at) == ("ended", "provider", None)
    assert found.authorisation.withdrawn_at == shop.at("2026-02-05 01:00")
    (said,) = told("mandate_ended")
    assert (said["method"], said["ended_on"]) == ("微信支付", "2026-02-05")
    assert [(one["due_minor"]) for one in said["bills"]] == [199_00]


def test_an_end_in_the_customers_wallet_is_found_by_asking(acme, qingyu):
    made = agreed(acme, qingyu)
    gateway(made).contracts[made.number] = replace(gateway(made).contracts[made.number], state=State.CLOSED)
    assert mandates.ask(at=SIGNED + timedelta(hours=23)) == 0
    assert mandates.ask(at=SIGNED + timedelta(hours=24)) == 1
    assert (again(made).status, again(made).ended_by) == ("ended", "provider")


def test_who_withdraws_the_authorisation_alone_has_ended_the_contract(acme, qingyu):
    made = agreed(acme, qingyu)
    agreements.withdraw(made.authorisation, at=LATER, by=None)
    mandates.ask(at=LATER)
    found = again(made)
    assert (found.status, found.ended_by, found.ask_at) == ("ended", "customer", None)
    assert gateway(made).contracts[made.number].state == State.CLOSED


def test_a_consent_that_was_withdrawn_while_signing_puts_nothing_in_force(acme, qingyu):
    made = offered(acme, qingyu)
    agreements.withdraw(made.authorisation, at=LATER, by=None)
    mandates.ask_one(made, at=LATER)
    assert again(made).status == "ended"
    mandates.ask(at=LATER)
    assert gateway(made).contracts[made.number].state == State.CLOSED


def test_a_contract_brought_along_is_in_force_and_not_asked_for(acme, qingyu):
    made = brought(acme, qingyu)
    assert mandates.in_force(acme.pk, qingyu.pk, "CNY") == made
    assert mandates.ask(at=SIGNED + timedelta(days=30)) == 0


def account(seller, provider="wechat"):
    known = {"app_id": provider, "merchant": seller.code, "secrets": "-", "fingerprint": "-", "changed_at": SIGNED}
    return ProviderAccount.objects.create(seller=seller, provider=provider, **known)


def hear(mandate, report, kind, *, of=None):
    there = gateway(mandate)
    return hearing.hear(account(of or mandate.seller).pk, "wechat", there.told(report, at=LATER, kind=kind))


def test_callbacks_sign_and_end(acme, qingyu):
    made = offered(acme, qingyu)
    there, known = gateway(made), account(made.seller)
    for kind, state, status in ((Kind.SIGNED, State.SUCCEEDED, "active"), (Kind.ENDED, State.CLOSED, "ended")):
        for _time in range(2):
            answer = hearing.hear(known.pk, "wechat", there.told(says(made, state), at=LATER, kind=kind))
            assert answer.status == 204
            assert again(made).status == status
    verdicts = list(ProviderMessage.objects.order_by("pk").values_list("kind", "verdict"))
    assert verdicts == [("signed", "accepted"), ("signed", "repeated"), ("ended", "accepted"), ("ended", "repeated")]


def test_a_callback_of_a_contract_that_is_not_ours_is_refused(acme, qingyu):
    made = offered(acme, qingyu)
    stranger = replace(says(made, State.SUCCEEDED), reference="A1", provider_number="X")
    assert hear(made, stranger, Kind.SIGNED).status == 400
    assert ProviderMessage.objects.get().reason == "unknown_contract"


def test_a_contract_of_another_seller_is_not_settled(acme, qingyu):
    made = offered(acme, qingyu)
    other = shop.seller("other", number_prefix="OT", tax_number="91330106MA2B1C3D4X")
    assert hear(made, says(made, State.SUCCEEDED), Kind.SIGNED, of=other).status == 400
    assert again(made).status == "signing"


def test_a_customer_sees_his_own_agreements_only(acme, qingyu):
    agreed(acme, qingyu)
    agreed(shop.tenant("other"), qingyu)
    with access.as_tenant(acme):
        assert [made.tenant_id for made in Mandate.objects.all()] == [acme.pk]


def test_every_state_may_become_what_the_table_says():
    assert {one.value for one in Mandate.TRANSITIONS[Mandate.Status.SIGNING]} == {"active", "ended"}
    assert Mandate.TRANSITIONS[Mandate.Status.ENDED] == set()
    assert pause(100) == timedelta(days=1)
