"""Agreed: above a company's own limit one person alone buys nothing; and the log that shows it cannot be changed unseen."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from billing import weighing
from billing.models import Change, Subscription
from billing.weighing import AboveLimit
from invoices import confirming, purchasing, wishes
from invoices.approvals import NoSecondPerson, SamePerson
from invoices.models import Invoice, PurchaseRequest
from tenants import chaining, keys, preferences
from tenants.errors import Invalid, NotAllowed, WrongState
from tenants.models import AuditEntry, Member, Notice, Tenant, User
from tests import portal, shop
from tests.api.conftest import Program
from tests.invoices.test_pages_access import logged_in

pytestmark = pytest.mark.django_db
SEATS = wishes.read({"do": "set_quantity", "price": "seat", "quantity": "20"})
NOW = portal.NOON


@pytest.fixture
def told():
    """Acme, where alice (owner) and dora (payer) may pay, with a limit of 1,000.00; two more seats are 1,392.00 a year."""
    with time_machine.travel(NOW, tick=False), translation.override("en"):
        story = portal.story()
        story.dora = portal.person(story.acme, "dora", Member.Role.PAYER)
        purchasing.set_limit(story.acme, 100_000, at=NOW, by=story.alice)
        yield story


def asked(told, by=None) -> PurchaseRequest:
    who = by or told.alice
    offer = confirming.look(told.subscription, SEATS, at=NOW, by=who)
    return purchasing.ask(told.subscription, SEATS, offer.held, at=NOW, by=who)


def untouched(told) -> None:
    assert not Change.objects.exists()
    assert Invoice.objects.filter(tenant=told.acme).count() == 2


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_a_second_person_approves_and_exactly_that_is_done(told):
    row = asked(told)
    # 44.90 for 12 of 31 days, 2 × 58.00 × 12 a year: neither is above the limit alone but the year is.
    assert (row.total_minor, row.yearly_minor, row.state) == (4490, 139_200, "waiting")
    assert Notice.objects.get(kind="approval_asked").recipients == ["dora@example.com"]
    decided = purchasing.approve(row, at=NOW + timedelta(hours=1), by=told.dora)
    assert decided.request.state == "approved"
    assert Invoice.objects.get(pk__in=decided.invoices).total_minor == 4490
    assert Notice.objects.get(kind="approval_answered").recipients == ["alice@example.com"]
    kinds = AuditEntry.objects.filter(verb__startswith="purchase.").order_by("pk").values_list("verb", "by_name")
    assert list(kinds) == [("purchase.asked", "alice"), ("purchase.approved", "dora")]


def test_the_companys_group_in_wecom_is_asked_too(told):
    robot = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7000-4bc4-97a0-0ec200000aaa"
    preferences.use_group(told.acme, robot, at=NOW, by=told.alice)
    row = asked(told)
    said = Notice.objects.get(kind="approval_asked")
    assert (said.recipients, said.channels) == (["dora@example.com"], ["mail", "wecom"])
    assert said.payload["path"] == f"/c/acme/approvals/{row.pk}/"  # a page of its own: the message decides nothing


def test_below_the_limit_nobody_is_asked(told):
    one = wishes.read({"do": "set_quantity", "price": "seat", "quantity": "19"})
    offer = confirming.look(told.subscription, one, at=NOW, by=told.alice)
    assert offer.weight.counts == 69_600
    assert confirming.confirm(told.subscription, one, offer.held, at=NOW, by=told.alice).invoices


def test_stopping_never_needs_a_second_person(told):
    purchasing.set_limit(told.acme, 0, at=NOW, by=told.alice)
    for said in ({"do": "cancel"}, {"do": "keep"}, {"do": "remove_module", "price": "analytics"}):
        assert wishes.carry_out(wishes.read(said), told.subscription, at=NOW, by=told.alice)


def test_it_refuses_a_member_who_confirms_alone_above_the_limit(told):
    """A member confirms a purchase above the company's limit by himself; the verb refuses before anything is kept."""
    offer = confirming.look(told.subscription, SEATS, at=NOW, by=told.alice)
    with pytest.raises(AboveLimit, match="a second person of the company has to approve") as refusal:
        confirming.confirm(told.subscription, SEATS, offer.held, at=NOW, by=told.alice)
    assert refusal.value.code == "approval_needed"
    untouched(told)


def test_it_refuses_the_confirm_button_above_the_limit(told):
    """A member posts the confirmation itself; it becomes a request, and nothing is charged."""
    alice = logged_in(told.alice)
    address = f"/c/acme/subscription/{told.subscription.pk}/change/"
    page = alice.get(f"{address}?do=set_quantity&price=seat&quantity=20").content.decode()
    assert "Submit to dora for approval" in page
    held = confirming.look(told.subscription, SEATS, at=NOW, by=told.alice).held
    answer = alice.post(address, SEATS.said() | {"held": held})
    row = PurchaseRequest.objects.get()
    assert answer["Location"] == f"/c/acme/approvals/{row.pk}/"
    assert alice.post(address, SEATS.said() | {"held": held})["Location"] == answer["Location"]  # twice is once
    untouched(told)


def test_it_refuses_an_operator_who_changes_the_contract_above_the_limit(told):
    """One of our staff changes the contract for the customer; his limit holds for us too, whoever of us confirms."""
    staff = User.objects.create_superuser("op@example.com", "x")
    offer = confirming.look(told.subscription, SEATS, at=NOW, by=staff)
    with pytest.raises(AboveLimit):
        confirming.confirm(told.subscription, SEATS, offer.held, at=NOW, by=staff, reason="asked on the phone")
    with pytest.raises(NotAllowed):
        purchasing.ask(told.subscription, SEATS, offer.held, at=NOW, by=staff)
    untouched(told)


def test_it_refuses_a_program_above_the_limit(told):
    """A program with the company's key buys above the limit; the answer is 202 with a request, and nothing is done."""
    _key, secret = keys.issue(told.acme, name="ERP", scopes=("read", "write"), at=NOW, by=None)
    path = f"subscriptions/{told.subscription.pk}/changes"
    answer = Program(secret).post(path, {"do": "set_quantity", "price": "seat", "quantity": "20"})
    assert answer.status_code == 202, answer.content
    assert (answer.json()["state"], answer.json()["yearly"], answer.json()["asked_by"]) == ("waiting", "1392.00", "ERP")
    untouched(told)
    decided = purchasing.approve(PurchaseRequest.objects.get(), at=NOW, by=told.dora)
    assert decided.request.state == "approved"


def test_it_refuses_an_operators_program_above_the_limit(told):
    """An operator's key changes or begins a contract above the customer's limit; both are refused with approval_needed."""
    _key, secret = keys.issue(None, name="ops", scopes=("read", "write"), at=NOW, by=None)
    change = Program(secret).post(
        f"subscriptions/{told.subscription.pk}/changes", {"do": "set_quantity", "price": "seat", "quantity": "20"}
    )
    begin = Program(secret).post("subscriptions", {"tenant": "acme", "plan": "standard", "label": "second"})
    for answer in (change, begin):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "approval_needed"), answer.content
    assert Subscription.objects.filter(tenant=told.acme).count() == 1
    untouched(told)


def test_it_refuses_to_let_somebody_approve_his_own_purchase(told):
    """Who asks approves his own request, on the verb and on the page; somebody else has to."""
    row = asked(told)
    with pytest.raises(SamePerson, match="Somebody else than who asked") as refusal:
        purchasing.approve(row, at=NOW, by=told.alice)
    assert refusal.value.code == "second_person_needed"
    answer = logged_in(told.alice).post(f"/c/acme/approvals/{row.pk}/decide/", {"answer": "approve"})
    assert answer.status_code == 403
    assert PurchaseRequest.objects.get().state == "waiting"
    untouched(told)


@pytest.mark.parametrize("who", ["bob", "charlie"])
def test_it_refuses_an_approver_who_may_not_pay(told, who):
    """A viewer of the company, or a stranger, approves; only an owner or payer of this company does."""
    row = asked(told)
    with pytest.raises(NotAllowed, match="an owner or a payer"):
        purchasing.approve(row, at=NOW, by=getattr(told, who))
    answer = logged_in(getattr(told, who)).post(f"/c/acme/approvals/{row.pk}/decide/", {"answer": "approve"})
    assert answer.status_code == (403 if who == "bob" else 404)
    untouched(told)


def test_it_refuses_what_an_asker_who_lost_his_role_had_asked_for(told):
    """A payer asks and is made a viewer before it is approved; what he may no longer buy is not bought in his name."""
    row = asked(told, by=told.dora)
    Member.objects.filter(user=told.dora).update(role=Member.Role.VIEWER)
    with pytest.raises(NotAllowed, match="may no longer pay"):
        purchasing.approve(row, at=NOW, by=told.alice)
    untouched(told)


def test_it_refuses_what_has_changed_since_it_was_shown(told):
    """The contract changes between asking and approving; nothing is done, and the request is outdated."""
    row = asked(told)
    one = wishes.read({"do": "set_quantity", "price": "seat", "quantity": "19"})
    wishes.carry_out(one, told.subscription, at=NOW, by=told.alice)
    decided = purchasing.approve(row, at=NOW + timedelta(minutes=1), by=told.dora)
    assert (decided.request.state, decided.invoices) == ("outdated", ())
    assert "otherwise than it was shown" in decided.request.reason
    assert Change.objects.count() == 1
    with pytest.raises(WrongState, match="decided before"):
        purchasing.approve(row, at=NOW, by=told.dora)


def test_it_refuses_what_would_cost_otherwise_on_another_day(told):
    """It is approved the next day, when fewer days are left to pay; exactly what was shown, or nothing."""
    decided = purchasing.approve(asked(told), at=NOW + timedelta(days=1), by=told.dora)
    assert decided.request.state == "outdated"
    untouched(told)


def test_it_refuses_an_answer_after_seven_days(told):
    """A request is approved after its seven days; it has lapsed, and the tick says so to who asked."""
    row, later = asked(told), NOW + timedelta(days=7)
    with pytest.raises(WrongState, match="Nobody answered in time"):
        purchasing.approve(row, at=later, by=told.dora)
    assert purchasing.expire(at=later) == 1
    assert purchasing.expire(at=later) == 0
    assert PurchaseRequest.objects.get().state == "expired"
    assert Notice.objects.get(kind="approval_answered").payload["state"] == "expired"
    untouched(told)


def test_it_refuses_a_no_without_a_reason(told):
    """Somebody declines and says nothing; the asker is owed a reason."""
    row = asked(told)
    with pytest.raises(Invalid, match="Say why"):
        purchasing.decline(row, reason=" ", at=NOW, by=told.dora)
    assert purchasing.decline(row, reason="too dear", at=NOW, by=told.dora).state == "declined"
    untouched(told)


def test_it_refuses_to_raise_or_remove_the_limit_alone(told):
    """An owner raises or removes the limit by himself to buy alone afterwards; that waits for a second person too."""
    for wanted in (None, 10_000_000):
        row = purchasing.set_limit(told.acme, wanted, at=NOW, by=told.alice)
        assert row.state == "waiting"
        assert Tenant.objects.get(code="acme").purchase_limit_minor == 100_000
        with pytest.raises(SamePerson):
            purchasing.approve(row, at=NOW, by=told.alice)
    assert purchasing.approve(row, at=NOW, by=told.dora).request.state == "approved"
    assert Tenant.objects.get(code="acme").purchase_limit_minor == 10_000_000
    first = PurchaseRequest.objects.earliest("pk")
    assert purchasing.approve(first, at=NOW, by=told.dora).request.state == "outdated"  # the limit is another by now


def test_it_refuses_others_than_an_owner_to_set_the_limit(told):
    """A payer, a viewer or one of our staff sets the limit; only an owner does, and no form of ours has the field."""
    for who in (told.dora, told.bob, User.objects.create_superuser("op@example.com", "x")):
        with pytest.raises(NotAllowed, match="Only an owner"):
            purchasing.set_limit(told.acme, 1, at=NOW, by=who)
    assert logged_in(told.dora).post("/c/acme/approvals/limit/", {"limit": "1"}).status_code == 403
    assert Tenant.objects.get(code="acme").purchase_limit_minor == 100_000


def test_it_refuses_a_limit_that_nobody_could_approve_above(told):
    """An owner without a second payer sets a limit, or buys above one; he is told to have somebody invited first."""
    Member.objects.filter(user=told.dora).delete()
    with pytest.raises(NoSecondPerson, match="second payer"):
        purchasing.set_limit(told.acme, 1, at=NOW, by=told.alice)
    with pytest.raises(NoSecondPerson):
        asked(told)
    assert purchasing.set_limit(told.acme, None, at=NOW, by=told.alice) is None  # nobody else is there to ask
    untouched(told)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ("state = 'approved', decided_at = now(), decided_by_id = asked_by_id", "purchase_request_two_people"),
        ("state = 'approved', decided_at = now()", "purchase_request_two_people|may pay"),
        ("state = 'approved', decided_at = now(), decided_by_id = {bob}", "only a member who may pay"),
        ("state = 'approved', decided_at = now(), decided_by_id = {charlie}", "only a member who may pay"),
        ("total_minor = 1", "sealed"),
        ("asked_by_id = {bob}", "sealed"),
        ("sha256 = 'x'", "sealed"),
    ],
)
def test_it_refuses_raw_sql_that_approves_or_rewrites(told, change, match):
    """Somebody at the database approves for the asker, for a stranger, or rewrites what was shown; CHECK and triggers refuse."""
    row = asked(told)
    said = change.format(bob=told.bob.pk, charlie=told.charlie.pk)
    with pytest.raises(IntegrityError, match=match), transaction.atomic():
        sql(f"UPDATE invoices_purchaserequest SET {said}")
    assert PurchaseRequest.objects.get(pk=row.pk).state == "waiting"


def test_it_refuses_raw_sql_that_swaps_the_approver(told):
    """Somebody at the database gives a decided request another approver, or opens it again; it was decided once."""
    row = asked(told)
    purchasing.approve(row, at=NOW, by=told.dora)
    for change in (f"decided_by_id = {told.bob.pk}", "state = 'waiting', decided_at = null, decided_by_id = null"):
        with pytest.raises(IntegrityError, match="decided before"), transaction.atomic():
            sql(f"UPDATE invoices_purchaserequest SET {change}")
    assert PurchaseRequest.objects.get().decided_by == told.dora


def test_it_refuses_a_change_of_the_log_that_nobody_should_see(told):
    """Somebody with the triggers off rewrites who approved; the chain names the very entry."""
    purchasing.approve(asked(told), at=NOW, by=told.dora)
    chaining.seal(at=NOW)
    entry = AuditEntry.objects.get(verb="purchase.approved")
    with pytest.raises(IntegrityError, match="sealed"), transaction.atomic():
        sql("UPDATE tenants_auditentry SET by_name = 'bob' WHERE id = %s", entry.pk)
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("ALTER TABLE tenants_auditentry DISABLE TRIGGER USER")
    sql("UPDATE tenants_auditentry SET by_name = 'bob' WHERE id = %s", entry.pk)
    sql("ALTER TABLE tenants_auditentry ENABLE TRIGGER USER")
    assert list(chaining.faults()) == [(f"audit entry {entry.pk}", "is not what was sealed by seal 1 of the audit log")]


def test_the_pages_show_it_all_again_and_decide(told):
    row = asked(told)
    dora = logged_in(told.dora)
    listed, page = (dora.get(f"/c/acme/approvals/{rest}") for rest in ("", f"{row.pk}/"))
    assert "¥1,392.00" in listed.content.decode()
    assert "¥44.90" in page.content.decode()
    assert "Approve, pay ¥44.90" in page.content.decode()
    assert dora.get(f"/c/beta/approvals/{row.pk}/").status_code == 404
    assert logged_in(told.charlie).get(f"/c/beta/approvals/{row.pk}/").status_code == 404
    done = dora.post(f"/c/acme/approvals/{row.pk}/decide/", {"answer": "approve"})
    assert done.status_code == 302
    assert Change.objects.count() == 1
    assert "dora approved it" in dora.get(done["Location"]).content.decode()


def test_opening_the_link_decides_nothing(told):
    row = asked(told)
    for client in (logged_in(told.dora), logged_in(told.alice)):
        assert client.get(f"/c/acme/approvals/{row.pk}/decide/").status_code == 405
    untouched(told)


def test_a_year_counts_with_tax_and_what_is_committed(qingyu):
    """A contract of 100.00 a month commits to 1,200.00 a year; with 6 % on top of prices to 1,272.00."""
    version = shop.plan(qingyu, [{"code": "base", "name": "B", "kind": "base", "model": "flat", "amount": "100.00"}])
    begun = shop.subscribe(shop.tenant(), version, "2026-01-01")
    assert weighing.yearly(begun, at=shop.at("2026-01-02 09:00")) == 120_000
    begun.seller.tax_inclusive, begun.seller.tax_rate = False, Decimal("0.06")
    assert weighing.yearly(begun, at=shop.at("2026-01-02 09:00")) == 127_200
    assert weighing.yearly(begun, at=shop.at("2025-12-01 09:00")) == 127_200  # it has not begun yet
