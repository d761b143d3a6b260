"""Reversible: what an operator does with a customer's money is seen before and after, takes two above a limit, and can be reversed."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import translation

from billing.models import Pack, TopUp, Wallet
from billing.money import Money
from billing.wallets import NotEnough
from invoices import by_hand, checking, collection, wishes
from invoices.by_hand import NotReversible, SamePerson, StaleAct
from invoices.confirming import look, seen
from invoices.hand_kinds import Hand
from invoices.models import CreditNote, Invoice, OperatorAct, Payment
from tenants import keys
from tenants.errors import Invalid, NotAllowed, WrongState
from tenants.models import AuditEntry, Seller, User
from tests import portal, shop
from tests.admin.test_acts import to
from tests.admin.test_contracts import hidden
from tests.api.conftest import Program
from tests.invoices.test_pages_access import logged_in

pytestmark = pytest.mark.django_db
NOW = portal.NOON
Kind = OperatorAct.Kind


@pytest.fixture
def told(story):
    """Acme, with two operators of a seller whose limit is 500.00."""
    with time_machine.travel(NOW, tick=False), translation.override("en"):
        story.seller = Seller.objects.get()
        Seller.objects.update(act_limit_minor=50_000)
        story.olivia, story.oscar = (
            User.objects.create_superuser(f"{name}@qingyu.example", "x", name=name) for name in ("olivia", "oscar")
        )
        yield story


def hand(told, kind=Kind.TOP_UP, key="k1", reason="goodwill", target="", **wish) -> Hand:
    whose = {"tenant": told.acme, "seller": told.seller, "currency": "CNY"}
    return Hand(kind=kind, **whose, target=target or f"tenant:{told.acme.pk}", wish=wish, reason=reason, key=key)


def top_up(told, amount: int, *, gift=False, key="k1", **more) -> Hand:
    return hand(told, amount_minor=amount, gift=gift, expires="", key=key, **more)


def credit(told, key="c1") -> Hand:
    bill = told.bills[1]
    return hand(told, Kind.CREDIT, key, target=f"invoice:{bill.pk}", invoice=bill.pk, amounts=None)


def balance(told) -> int:
    found = Wallet.objects.filter(tenant=told.acme).first()
    return found.total_minor if found else 0


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_below_the_limit_one_operator_does_it_and_the_customer_reads_it(told):
    act = by_hand.do(top_up(told, 50_000), at=NOW, by=told.olivia)
    assert (act.state, act.before["balance"], act.after["balance"]) == ("done", 0, 50_000)
    assert balance(told) == 50_000
    assert by_hand.do(top_up(told, 50_000), at=NOW, by=told.olivia) == act
    assert balance(told) == 50_000
    detail = AuditEntry.objects.get(verb="operator_act.done").detail
    assert (detail["reason"], detail["asked_by"], detail["after"]["balance"]) == ("goodwill", "olivia", 50_000)
    page = logged_in(told.alice).get("/c/acme/settings/log/").content.decode()
    assert "Balance, paid in: ¥0.00 → ¥500.00" in page
    assert "goodwill" in page
    assert "olivia" in page
    assert "goodwill" not in logged_in(told.charlie).get("/c/beta/settings/log/").content.decode()


def test_above_it_another_operator_carries_out_exactly_that(told):
    act = by_hand.do(credit(told), at=NOW, by=told.olivia)
    assert act.state == "waiting"
    assert not CreditNote.objects.exists()
    done = by_hand.approve(act, at=NOW + timedelta(hours=1), by=told.oscar)
    assert (done.state, done.approved_by_name) == ("done", "oscar")
    assert CreditNote.objects.get().total_minor == act.amount_minor == act.before["due"] - act.after["due"]
    detail = AuditEntry.objects.filter(verb="operator_act.done").get().detail
    assert (detail["asked_by"], detail["approved_by"]) == ("olivia", "oscar")
    assert list(checking.faults()) == []


def test_a_top_up_is_reversed_by_a_counter_entry(told):
    act = by_hand.do(top_up(told, 40_000), at=NOW, by=told.olivia)
    back = by_hand.do(by_hand.counter(act, reason="wrong customer", key="r1"), at=NOW, by=told.olivia)
    act.refresh_from_db()
    assert (back.state, back.reverses, act.state, balance(told)) == ("done", act, "reversed", 0)
    assert TopUp.objects.count() == 1
    assert list(checking.faults()) == []


def test_of_a_gift_what_is_left_is_taken_back(told):
    act = by_hand.do(top_up(told, 40_000, gift=True), at=NOW, by=told.olivia)
    shop_pays(told, 15_000)
    back = by_hand.do(by_hand.counter(act, reason="given twice", key="r1"), at=NOW, by=told.olivia)
    assert (back.amount_minor, balance(told)) == (25_000, 0)
    assert list(checking.faults()) == []


def shop_pays(told, minor: int) -> None:
    collection.pay_now(told.bills[1], amount=minor, at=NOW, by=told.alice)


def test_it_refuses_an_operator_alone_above_the_limit(told):
    """An operator, and a superuser at that, tops a balance up above the limit; it waits, and the balance stays."""
    act = by_hand.do(top_up(told, 50_001), at=NOW, by=told.olivia)
    assert (act.state, act.made, balance(told)) == ("waiting", "", 0)
    assert not TopUp.objects.exists()


def test_it_refuses_an_operator_who_approves_his_own_act(told):
    """Who asked approves it himself; somebody else has to, on the verb and in the admin."""
    act = by_hand.do(top_up(told, 90_000), at=NOW, by=told.olivia)
    with pytest.raises(SamePerson, match="Somebody else than who asked") as refusal:
        by_hand.approve(act, at=NOW, by=told.olivia)
    assert refusal.value.code == "second_person_needed"
    page = to("invoices_operatoract", "approve", act)
    answer = operator(told.olivia).post(page, {"x": "1"}, headers={"accept-language": "en"}, follow=True)
    assert "Somebody else than who asked" in answer.content.decode()
    assert balance(told) == 0


def operator(who):
    client = Client()
    client.force_login(who, "allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_it_refuses_the_customer_as_the_second_person(told):
    """A member of the customer, or an operator who left, approves an operator's act; only an operator in office does."""
    act = by_hand.do(top_up(told, 90_000), at=NOW, by=told.olivia)
    User.objects.filter(pk=told.oscar.pk).update(is_active=False)
    told.oscar.refresh_from_db()
    for who in (told.alice, told.oscar):
        with pytest.raises(NotAllowed, match="Only an operator"):
            by_hand.approve(act, at=NOW, by=who)
    assert balance(told) == 0


def test_it_refuses_an_act_that_would_come_out_otherwise(told):
    """A bill is paid between asking for its credit and approving; the money would go elsewhere, so nothing is done."""
    act = by_hand.do(credit(told), at=NOW, by=told.olivia)
    shop.pay(told.bills[1], str(Money(told.bills[1].due_minor, "CNY").amount), "2026-10-20 12:00")
    decided = by_hand.approve(act, at=NOW, by=told.oscar)
    assert decided.state == "outdated"
    assert "otherwise than it was shown" in decided.answer
    assert not CreditNote.objects.exists()
    with pytest.raises(WrongState, match="decided before"):
        by_hand.approve(act, at=NOW, by=told.oscar)


def test_it_refuses_to_do_otherwise_than_it_was_shown(told):
    """A form was shown before a payment came in and is confirmed after it; the operator has to look again."""
    Seller.objects.update(act_limit_minor=None)
    shown = by_hand.look(credit(told), at=NOW, by=told.olivia)
    shop.pay(told.bills[1], str(Money(told.bills[1].due_minor, "CNY").amount), "2026-10-20 12:00")
    with pytest.raises(StaleAct, match="otherwise than it was shown"):
        by_hand.do(credit(told), at=NOW, by=told.olivia, seen=shown.sha256)
    assert not CreditNote.objects.exists()
    assert not OperatorAct.objects.exists()


def test_it_refuses_an_act_without_a_reason(told):
    """An operator moves money and says nothing; verb and database want a reason."""
    with pytest.raises(Invalid, match="Say why"):
        by_hand.do(top_up(told, 100, reason="  "), at=NOW, by=told.olivia)
    assert balance(told) == 0


def test_it_refuses_to_take_back_what_has_been_spent(told):
    """A top-up is reversed after the customer has spent it; the balance never goes below zero."""
    act = by_hand.do(top_up(told, 40_000), at=NOW, by=told.olivia)
    shop_pays(told, 15_000)
    with pytest.raises(NotEnough, match="It has been spent"):
        by_hand.do(by_hand.counter(act, reason="wrong", key="r1"), at=NOW, by=told.olivia)
    assert balance(told) == 25_000


def test_it_refuses_to_reverse_twice_or_what_has_no_counter(told):
    """An act is reversed a second time, or one is reversed for which there is no counter-entry; the page says what to do."""
    act = by_hand.do(top_up(told, 40_000), at=NOW, by=told.olivia)
    back = by_hand.do(by_hand.counter(act, reason="wrong", key="r1"), at=NOW, by=told.olivia)
    act.refresh_from_db()
    with pytest.raises(WrongState, match="not reversed before"):
        by_hand.counter(act, reason="again", key="r2")
    with pytest.raises(NotReversible, match="new top-up"):
        by_hand.counter(back, reason="again", key="r3")
    Seller.objects.update(act_limit_minor=None)
    with pytest.raises(NotReversible, match="not taken back"):
        by_hand.counter(by_hand.do(credit(told), at=NOW, by=told.olivia), reason="x", key="r4")


def test_it_refuses_a_program_above_the_limit(told):
    """An operator's key credits a bill, records a transfer and grants a pack above the limit; each waits for a person: 202."""
    _key, secret = keys.issue(None, name="ops", scopes=("read", "write"), at=NOW, by=None)
    program = Program(secret)
    answers = [
        program.post("credit-notes", {"invoice": told.bills[1].number, "reason": "outage"}),
        program.post("payments", {"tenant": "acme", "amount": "900.00", "reference": "T-9"}),
        program.post(
            "packs",
            {
                "tenant": "acme",
                "meter": "messages",
                "quantity": "9",
                "expires": "2026-12-31T00:00:00+08:00",
                "reason": "x",
            },
        ),
    ]
    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(202, "waiting")] * 3
    assert (CreditNote.objects.count(), Payment.objects.filter(reference="T-9").count(), Pack.objects.count()) == (
        0,
        0,
        0,
    )
    act = OperatorAct.objects.get(kind="transfer")
    assert (act.asked_by, act.asked_by_name) == (None, "ops")
    assert by_hand.approve(act, at=NOW, by=told.oscar).state == "done"
    assert Payment.objects.filter(reference="T-9").count() == 1


def test_it_refuses_a_contract_changed_alone_above_the_limit(told):
    """An operator adds seats for the customer above the seller's limit; it waits, and then comes out as shown or not at all."""
    many = wishes.read({"do": "set_quantity", "price": "seat", "quantity": "90"})
    at, mark = seen(look(told.subscription, many, at=NOW, by=told.olivia).held)
    wish = {"subscription": told.subscription.pk, "wish": many.said(), "seen_at": at.isoformat(), "mark": mark}
    act = by_hand.do(hand(told, Kind.CONTRACT, "w1", **wish), at=NOW, by=told.olivia)
    assert act.state == "waiting"
    assert act.after["yearly"] > act.before["yearly"]
    assert Invoice.objects.filter(tenant=told.acme).count() == 2
    assert by_hand.approve(act, at=NOW + timedelta(days=1), by=told.oscar).state == "outdated"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ("state = 'done'", "operator_act_second_person"),
        ("state = 'done', approved_by_id = asked_by_id, approved_at = now()", "operator_act_two_people"),
        ("state = 'done', approved_by_id = {alice}, approved_at = now()", "only an operator decides"),
        ("state = 'reversed'", "operator_act_second_person|decided before"),
        ("amount_minor = 1", "sealed"),
        ("limit_minor = 99999999", "sealed"),
        ("asked_by_id = {oscar}", "sealed"),
    ],
)
def test_it_refuses_raw_sql_that_approves_an_act(told, change, match):
    """Somebody at the database approves alone, as the asker, as a customer, or rewrites amount, limit or asker; all refused."""
    by_hand.do(top_up(told, 90_000), at=NOW, by=told.olivia)
    said = change.format(alice=told.alice.pk, oscar=told.oscar.pk)
    with pytest.raises(IntegrityError, match=match), transaction.atomic():
        sql(f"UPDATE invoices_operatoract SET {said}")
    assert OperatorAct.objects.get().state == "waiting"


def test_it_refuses_raw_sql_that_swaps_the_two_people(told):
    """Somebody at the database makes the asker the approver of a done act; it was decided once, by whom it was."""
    act = by_hand.approve(by_hand.do(top_up(told, 90_000), at=NOW, by=told.olivia), at=NOW, by=told.oscar)
    for change in (f"approved_by_id = {told.olivia.pk}", "approved_by_id = null, approved_at = null", "made = 'x'"):
        with pytest.raises(IntegrityError), transaction.atomic():
            sql(f"UPDATE invoices_operatoract SET {change}")
    act.refresh_from_db()
    assert (act.asked_by, act.approved_by) == (told.olivia, told.oscar)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ("key = 'k9', state = 'done', approved_by_id = {oscar}, approved_at = now()", "begins as one that waits"),
        ("key = 'k9', limit_minor = null, state = 'done'", "not the limit of the seller"),
        ("key = 'k9', asked_by_id = {alice}", "only an operator does it"),
    ],
)
def test_it_refuses_raw_sql_that_puts_an_act_in(told, change, match):
    """Somebody writes a finished act into the table, with a limit of his own, or in a customer's name; triggers refuse."""
    act = by_hand.do(top_up(told, 90_000), at=NOW, by=told.olivia)
    act.pk = None
    said = dict(part.split(" = ") for part in change.format(alice=told.alice.pk, oscar=told.oscar.pk).split(", "))
    for name, value in said.items():
        plain = None if value == "null" else NOW if value == "now()" else value.strip("'")
        setattr(act, name, plain)
    with pytest.raises(IntegrityError, match=match), transaction.atomic():
        act.save(force_insert=True)
    assert OperatorAct.objects.count() == 1


def test_it_refuses_an_operators_program_that_pays_from_a_balance(told):
    """An operator's key pays a bill out of the customer's balance; only the customer does, so it is refused."""
    by_hand.do(top_up(told, 50_000), at=NOW, by=told.olivia)
    _key, secret = keys.issue(None, name="ops", scopes=("read", "write"), at=NOW, by=None)
    answer = Program(secret).post(f"invoices/{told.bills[1].number}/pay", {"amount": "100.00"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")
    assert balance(told) == 50_000


# The verbs behind the doors: pages and programs reach them by `by_hand` only. Customers' own files, and the import, are apart.
VERBS = re.compile(
    r"(?<!def )\b(crediting\.credit|crediting\.void|wallets\.top_up\w*|wallets\.take_back|packs\.grant"
    r"|payments\.receive_transfer|matching\.match|confirming\.confirm|wishes\.carry_out)\("
)
DOORS_OF_CUSTOMERS = {"invoices/views/changing.py", "invoices/api/changes.py"}


def test_no_page_of_operators_reaches_these_verbs_by_another_door():
    root = Path(__file__).parents[2]
    edges = [
        path
        for app in ("tenants", "billing", "invoices")
        for room in ("admin", "api", "views", "management")
        for path in (root / app / room).rglob("*.py")
    ]
    found = {str(path.relative_to(root)) for path in edges if VERBS.search(path.read_text(encoding="utf-8"))}
    assert found == DOORS_OF_CUSTOMERS


def test_the_admin_shows_before_and_after_first(told):
    client, page = operator(told.olivia), to("tenants_tenant", "top_up", told.acme)
    form = {"seller": told.seller.pk, "amount": "300", "reason": "prize", "key": "f1"}
    first = client.post(page, form, headers={"accept-language": "en"})
    assert "¥300.00" in first.content.decode()
    assert balance(told) == 0
    second = client.post(page, hidden(first.content.decode()))
    assert second.status_code == 302
    assert balance(told) == 30_000
    assert OperatorAct.objects.get().reason == "prize"
