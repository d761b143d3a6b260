"""No bill passes a hard cap that the customer set, and nobody but he sets, raises or ends it."""

import pytest
from django.db import IntegrityError, connection, transaction

from billing import budgets, closing, entitlements
from billing.models import Budget, BudgetRelease, Charge
from tenants.errors import Invalid, NotAllowed, NotFound, WrongState
from tenants.models import Member, User
from tests import shop
from tests.api.conftest import program
from tests.billing.capped import CALLS, STORAGE, cap, charged, close, quantity, tell, void
from usage.models import UsageEvent

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOON = shop.at("2026-01-15 12:00")


@pytest.fixture
def plan(qingyu):
    return shop.plan(qingyu, [CALLS, STORAGE])


@pytest.fixture
def acme(plan):
    s = shop.subscribe(shop.tenant(), plan, "2026-01-01")
    close(s, "2026-01-01 09:00")
    return s


@pytest.fixture
def capped(acme):
    return cap(acme.tenant, 40_00)


def person(who, role, name):
    user = User.objects.create_user(f"{name}@example.com", "x", name=name)
    Member.objects.create(tenant=who, user=user, role=role, joined_at=shop.OPENED)
    return user


def refuses(statement, match):
    with pytest.raises(IntegrityError, match=match), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def stands(budget, amount=40_00):
    """The cap is as it was set, and no other took its place."""
    row = Budget.objects.get(ended_at=None)
    assert (row.pk, row.amount_minor, row.hard) == (budget.pk, amount, True)
    assert not BudgetRelease.objects.exists()


def test_it_refuses_to_charge_late_events_past_a_cap(acme, capped):
    """Usage of a capped month is told in five waves after its bill: each late line comes with the line of the cap against it."""
    shop.use(acme.tenant, "300", "2026-01-10 12:00")
    close(acme, "2026-02-01 00:00")
    assert charged(acme.tenant) == 30_00
    for wave, day in enumerate(["02-03", "02-06", "02-20"], start=1):
        tell(acme.tenant, "500", f"2026-01-2{wave} 12:00", f"2026-{day} 12:00")
        type(acme).objects.filter(pk=acme.pk).update(next_at=shop.at(f"2026-{day} 13:00"))
        close(acme, f"2026-{day} 13:00")
        assert charged(acme.tenant) == 40_00
    # Every event is kept and measured; what is above the cap is the seller's.
    assert (UsageEvent.objects.count(), quantity(acme.tenant)) == (4, 1800)
    assert charged(acme.tenant, reason="cap") == -140_00


def test_it_refuses_to_charge_more_by_a_void_and_a_repeat(acme, capped):
    """An event is taken back and sent again under another key, twice: the capped month never comes to more, nor to less."""
    shop.use(acme.tenant, "900", "2026-01-10 12:00", key="a")
    close(acme, "2026-02-01 00:00")
    for number in (1, 2):
        void(acme.tenant, "a" if number == 1 else "a1", f"2026-02-0{number + 1} 12:00")
        tell(acme.tenant, "900", "2026-01-10 12:00", f"2026-02-0{number + 1} 13:00", key=f"a{number}")
        type(acme).objects.filter(pk=acme.pk).update(next_at=shop.at(f"2026-02-0{number + 1} 14:00"))
        close(acme, f"2026-02-0{number + 1} 14:00")
        assert charged(acme.tenant) == 40_00


def test_it_refuses_to_be_doubled_by_two_subscriptions(plan, qingyu, acme, capped):
    """A second contract counts the same usage again: what one billing day asks for together stays under the one cap."""
    other = shop.plan(qingyu, [CALLS | {"code": "more"}], code="second")
    second = shop.subscribe(acme.tenant, other, "2026-01-01", label="b")
    close(second, "2026-01-01 09:00")
    shop.use(acme.tenant, "600", "2026-01-10 12:00")
    closing.close([acme.pk], at=shop.at("2026-02-01 00:00"))
    assert charged(acme.tenant) == 40_00
    # Closed later, apart: the cap is shared anew.
    closing.close([second.pk], at=shop.at("2026-02-01 03:00"))
    assert charged(acme.tenant) == 40_00


def test_it_refuses_to_end_a_cap_after_the_fact(acme, capped):
    """The cap is ended after the month was used up but before its close is run: the one in force at the month's end counts."""
    shop.use(acme.tenant, "900", "2026-01-10 12:00")
    budgets.end(capped, at=shop.at("2026-02-01 00:00"), by=None)
    close(acme, "2026-02-01 06:00")
    assert charged(acme.tenant) == 40_00


def test_it_refuses_an_operator_who_lifts_a_cap(acme, capped):
    """An operator of the seller ends, raises or releases a customer's cap: it is the customer's own."""
    operator = User.objects.create_user("op@example.com", "x", name="Op", is_staff=True, is_superuser=True)
    for act in (
        lambda: budgets.end(capped, at=NOON, by=operator),
        lambda: budgets.set_one(acme.tenant, budgets.Wish(999_00, hard=True), at=NOON, by=operator),
        lambda: budgets.release(capped, 999_00, at=NOON, by=operator),
    ):
        with pytest.raises(NotAllowed, match="客户自己决定"):
            act()
    stands(capped)


def test_it_refuses_a_member_who_may_not_pay(acme, capped, client):
    """A viewer and an administrator of the company itself try the page and the verb: only who may pay decides."""
    viewer = person(acme.tenant, Member.Role.VIEWER, "vic")
    for user in (viewer, person(acme.tenant, Member.Role.ADMIN, "adam")):
        with pytest.raises(NotAllowed):
            budgets.set_one(acme.tenant, budgets.Wish(1, hard=True), at=NOON, by=user)
    client.force_login(viewer)
    for path in ("set/", f"{capped.pk}/end/", f"{capped.pk}/release/"):
        answer = client.post(f"/c/acme/budgets/{path}", {"amount": "999", "hard": "on", "on_reach": "stop"})
        assert answer.status_code in (302, 403)
    stands(capped)


def test_it_refuses_a_program_without_the_right(acme, capped, client):
    """A key that may only read, another customer's key and an operator's key try to raise, end and release the cap over the API."""
    other = shop.tenant("other")
    tries = [
        (program(acme.tenant, "read").secret, 403),
        (program(other, "read", "write").secret, 404),
        (program(None, "read", "write").secret, 403),
    ]
    for secret, status in tries:
        headers = {"Authorization": f"Bearer {secret}"}
        for method, path, body in (
            ("DELETE", f"/api/v1/budgets/{capped.pk}", ""),
            ("POST", f"/api/v1/budgets/{capped.pk}/release", '{"amount": "999.00"}'),
        ):
            answer = client.generic(method, path, body, "application/json", headers=headers)
            assert answer.status_code == status, (method, path, answer.content)
    stands(capped)


def test_it_refuses_to_be_changed_by_sql(capped):
    """Somebody raises the cap, makes it soft, or moves it in the table itself: a set budget is sealed."""
    for change in ("amount_minor = 999999", "hard = false", "set_at = now()", "meter_id = 1", "on_reach = 'warn'"):
        refuses(f"UPDATE billing_budget SET {change} WHERE id = {capped.pk}", "is sealed")
    refuses(f"DELETE FROM billing_budget WHERE id = {capped.pk}", "is sealed")
    stands(capped)


def test_it_refuses_to_begin_again_by_sql(capped):
    """Somebody ends a cap earlier than it ended, or revives it, in SQL: what has ended stays as it ended."""
    budgets.end(capped, at=NOON, by=None)
    for change in ("ended_at = NULL", "ended_at = '2026-01-02'"):
        refuses(f"UPDATE billing_budget SET {change} WHERE id = {capped.pk}", "has ended already")
    capped.refresh_from_db()
    assert capped.ended_at == NOON


def test_it_refuses_a_second_cap_beside_it_by_sql(acme, capped):
    """Somebody puts a higher cap for the same thing beside the one in force: of each thing one is in force at a time."""
    refuses(
        "INSERT INTO billing_budget (tenant_id, price_code, amount_minor, currency, hard, on_reach, set_by_name, set_at,"
        f" ended_by_name) VALUES ({acme.tenant_id}, '', 999999, 'CNY', true, 'stop', '', '2026-01-02', '')",
        "budget_one_in_force",
    )
    stands(capped)


def test_it_refuses_another_customers_release(acme, capped):
    """Somebody writes a release of this cap under another customer's name in SQL: it is of its own customer or of none."""
    other = shop.tenant("other")
    refuses(
        "INSERT INTO billing_budgetrelease (tenant_id, budget_id, extra_minor, released_by_name, released_at, until)"
        f" VALUES ({other.pk}, {capped.pk}, 999999, '', '2026-01-15', '2026-02-01')",
        "is not of this customer",
    )
    stands(capped)


def test_it_refuses_to_take_back_what_a_cap_gave_by_another_credit(acme, capped):
    """A credit that is no cap takes back what was given of a charge, in SQL: only a cap's own line may."""
    shop.use(acme.tenant, "900", "2026-01-10 12:00")
    close(acme, "2026-02-01 00:00")
    line, usage = Charge.objects.get(reason="cap"), Charge.objects.get(code="calls")
    row = f"({acme.tenant_id}, {usage.pk}, {line.pk}, -5000, -5000)"
    refuses(
        "INSERT INTO billing_chargecredit (tenant_id, credit_id, charge_id, amount_minor, undiscounted_minor)"
        f" VALUES {row}",
        "only a cap takes back",
    )
    assert charged(acme.tenant) == 40_00


def test_it_refuses_more_usage_when_the_cap_is_reached(acme, capped):
    """The service asks whether one more call may be made at the cap: no, within the second; the event itself is never refused."""
    assert entitlements.check(acme.tenant, meter="messages", at=NOON).reason == "costs"
    shop.use(acme.tenant, "395", "2026-01-15 11:59")
    assert entitlements.check(acme.tenant, meter="messages", quantity=5, at=NOON).allowed
    shop.use(acme.tenant, "5", "2026-01-15 12:00")
    answer = entitlements.check(acme.tenant, meter="messages", at=shop.at("2026-01-15 12:00"))
    assert (answer.allowed, answer.reason, answer.used_minor, answer.cap_minor) == (False, "cap_reached", 40_00, 40_00)
    shop.use(acme.tenant, "1", "2026-01-15 12:01")
    assert UsageEvent.objects.count() == 3


def test_it_refuses_a_release_of_what_has_ended_or_of_nothing(acme, capped):
    """More is released of a cap that has ended, of no amount, or after the period's end: there is nothing to release."""
    with pytest.raises(Invalid, match="大于零"):
        budgets.release(capped, 0, at=NOON, by=None)
    with pytest.raises(WrongState, match="账期"):
        budgets.release(capped, 1, at=shop.at("2027-01-01 00:00"), by=None)
    budgets.end(capped, at=NOON, by=None)
    with pytest.raises(WrongState, match="已经结束"):
        budgets.release(capped, 1, at=NOON, by=None)
    assert not BudgetRelease.objects.exists()


def test_it_refuses_to_bound_what_is_not_the_customers(acme, capped):
    """A budget names a price with a fixed amount, an unknown meter or another customer's contract: each is refused by its field."""
    with pytest.raises(Invalid) as fixed:
        budgets.set_one(acme.tenant, budgets.Wish(1, price_code="base"), at=NOON, by=None)
    with pytest.raises(NotFound) as unknown:
        budgets.named(acme.tenant, meter="nothing")
    with pytest.raises(NotFound) as foreign:
        budgets.named(shop.tenant("other"), subscription=acme.pk)
    fields = [wrong.value.field for wrong in (fixed, unknown, foreign)]
    assert fields == ["price_code", "meter", "subscription"]
    stands(capped)
