"""A bill far from the customer's own history is not issued, not deducted and not waved through by one side alone."""

import pytest
from django.db import IntegrityError, connection, transaction

from invoices import collection, drafting, holding, issuing, run
from invoices.models import BillHold, Invoice, Payment
from tenants.errors import Invalid, NotAllowed, WrongState
from tenants.models import Member, User
from tests import portal, shop
from tests.invoices.held import planted

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOON = shop.at("2026-06-01 12:00")


@pytest.fixture
def acme():
    return shop.tenant()


@pytest.fixture
def hold(qingyu, acme):
    return planted(qingyu, acme, pays="wallet")


@pytest.fixture
def carol():
    return User.objects.create_user("carol@example.com", "x", name="Carol", is_staff=True)


@pytest.fixture(autouse=True)
def nothing_happened(request, db):
    """After each try: the draft is a draft, its hold lives, and nothing was taken for it."""
    yield
    row = BillHold.objects.get()
    assert (row.released_at, row.outcome) == (None, "")
    assert row.invoice is None or row.invoice.status == "draft"
    assert not Payment.objects.filter(amount_minor=row.total_minor).exists()


def refuses(statement, match):
    with pytest.raises(IntegrityError, match=match), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_it_refuses_the_nightly_run_however_often_it_comes(hold):
    """The billing run comes again each day, long after the day of deduction: the held draft is passed over every time."""
    for day in range(1, 28):
        shop.bill(f"2026-06-{day:02d} 03:00")
        collection.collect(at=shop.at(f"2026-06-{day:02d} 03:00"))
    assert not Invoice.objects.issued().filter(pk=hold.invoice_id).exists()


def test_it_refuses_the_button_of_an_operator(hold, carol):
    """An operator presses “bill this customer now”, or issues the very draft: what is held is passed over by the same verb."""
    run.run_for([hold.tenant_id], at=NOON, clock=lambda: NOON, by=carol)
    assert issuing.issue([hold.invoice_id], at=NOON, by=carol) == []


def test_it_refuses_to_be_issued_by_sql(hold):
    """Somebody issues the held draft past all code, in SQL: the database's trigger refuses."""
    refuses(
        f"UPDATE invoices_invoice SET status = 'open', number = 'X', sequence = 99, issued_at = now(), due_on = now(),"
        f" series_id = (SELECT min(id) FROM invoices_numberseries), seller_copy = '{{}}', buyer_copy = '{{}}'"
        f" WHERE id = {hold.invoice_id}",
        "is held and may not be issued",
    )


def test_it_refuses_to_lose_its_hold_with_its_draft(hold, carol):
    """An operator discards the held draft so that a new one slips through: the new one is held by the same row."""
    drafting.discard([hold.invoice_id], at=NOON, by=carol)
    shop.bill("2026-06-01 13:00")
    hold.refresh_from_db()
    assert hold.invoice is not None


def test_it_refuses_to_be_forgotten_by_sql(hold):
    """Somebody deletes the hold in SQL, or moves it to another day: the row is sealed."""
    refuses(f"DELETE FROM invoices_billhold WHERE id = {hold.pk}", "sealed")
    refuses(f"UPDATE invoices_billhold SET held_at = now() WHERE id = {hold.pk}", "sealed")
    refuses(f"UPDATE invoices_billhold SET released_at = now() WHERE id = {hold.pk}", "bill_hold_ends_whole")


def test_it_refuses_a_viewer(hold, acme):
    """A member who may look and not pay agrees to the bill: only owner and payer may."""
    bob = portal.person(acme, "bob", Member.Role.VIEWER)
    with pytest.raises(NotAllowed, match="可以为这家公司付款"):
        holding.release(hold, at=NOON, by=bob, reason="好")


def test_it_refuses_somebody_of_another_company(hold):
    """A payer of another company agrees to this one's bill."""
    mallory = portal.person(shop.tenant("beta"), "mallory")
    with pytest.raises(NotAllowed):
        holding.release(hold, at=NOON, by=mallory, reason="好")


def test_it_refuses_a_yes_to_another_amount(hold, acme):
    """A member agrees on a page that showed 1,000.00, and by now the bill comes to more: his yes is for what he saw."""
    alice = portal.person(acme, "alice")
    with pytest.raises(holding.Changed, match=r"1,199\.00"):
        holding.release(hold, at=NOON, by=alice, reason="好", total_minor=1_000_00)


def test_it_refuses_an_operator_without_a_reason(hold, carol):
    """An operator waves a held bill through and does not say why."""
    with pytest.raises(Invalid) as refusal:
        holding.release(hold, at=NOON, by=carol, reason="  ")
    assert refusal.value.field == "reason"


def test_it_refuses_one_operator_alone_above_the_limit(qingyu, hold, carol):
    """Above the seller's limit one operator asks and agrees himself: a second person is needed, in the code and in the table."""
    qingyu.act_limit_minor = 100_00
    qingyu.save()
    hold.seller.refresh_from_db()
    holding.release(hold, at=NOON, by=carol, reason="已核对")
    with pytest.raises(holding.SecondPerson):
        holding.release(BillHold.objects.get(), at=NOON, by=carol, reason="已核对")
    refuses(
        f"UPDATE invoices_billhold SET released_at = now(), released_by_id = {carol.pk}, outcome = 'released'"
        f" WHERE id = {hold.pk}",
        "bill_hold_second_person",
    )


def test_it_refuses_to_take_money_for_a_bill_that_is_not_issued(hold, acme):
    """Somebody pays the held draft from the balance by its id: only what was issued can be paid."""
    alice = portal.person(acme, "alice")
    with pytest.raises(WrongState):
        collection.pay_now(hold.invoice, at=NOON, by=alice)
