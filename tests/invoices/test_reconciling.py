"""Statement, payments and book are held against each other; every difference has a cause, a correction and a name."""

import io

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from billing import ledger
from invoices import asking, checking, differing, reconciling, refunding, returning, statements
from invoices.models import Payment, ReconciledDay, StatementRow
from tenants.errors import Conflict, Invalid, NotAllowed, WrongState
from tenants.models import AuditEntry, User
from tests import shop
from tests.invoices.at_provider import begun, billed, simulated, sold
from tests.invoices.bank_samples import bank, customer, row
from tests.invoices.refunds import paid_at_provider
from tests.invoices.stated import DAY, NEXT, READY, account, compared, line, open_rows, stating, sums

pytestmark = pytest.mark.django_db
LATER = shop.at("2026-02-05 10:15")


@pytest.fixture
def seller():
    return sold()


@pytest.fixture
def bill(seller):
    return billed(seller)[0]


@pytest.fixture
def alipay(seller):
    account(seller)
    with simulated() as simulation, stating(simulation) as choose:
        yield choose(seller, "alipay")


@pytest.fixture
def people():
    return [User.objects.create_user(f"{name}@qingyu.example", "x", is_staff=True) for name in ("olivia", "oscar")]


def page(seller, kind):
    return ledger.balance(seller_id=seller.pk, currency="CNY", kind=kind)


def causes():
    return [[cause.code for cause in differing.causes(one)] for one in open_rows()]


def resolve(one, how, by, at=READY, reason="查过了"):
    found = reconciling.resolve(one, how, reason=reason, at=at, by=by)
    assert not list(checking.faults())
    return found


def test_a_day_that_agrees(seller, bill, alipay):
    payment = paid_at_provider(bill)
    day = compared(seller)
    assert sums(day) == ("agrees", 19_900, 19_900, 19_900)
    found = StatementRow.objects.get()
    assert (found.state, found.payment) == ("matched", payment)


def test_a_refund_that_agrees(seller, bill, alipay):
    paid_at_provider(bill)
    asked = shop.at("2026-02-03 11:00")
    alipay.simulated.simulation.clock = lambda: shop.at("2026-02-03 11:02")
    alipay.simulated.simulation.default = "approve"
    (refund, *_more) = refunding.request(bill, amount_minor=5_000, reason="补偿", at=asked, by=None)
    returning.send(at=shop.at("2026-02-03 11:01"))
    refund.refresh_from_db()
    assert refund.status == "succeeded"
    assert sums(compared(seller)) == ("agrees", 14_900, 14_900, 14_900)
    assert StatementRow.objects.get(refund=True).refunded == refund


def test_comparing_again_changes_nothing(seller, bill, alipay):
    paid_at_provider(bill)
    alipay.extra[DAY] = [line("X", 500, fee=3)]
    first = sums(compared(seller))
    assert sums(compared(seller)) == first
    assert page(seller, "fees") == 3


def test_fees_are_booked_once_for_each_file(seller, bill, alipay):
    payment = paid_at_provider(bill)
    alipay.changed[payment.reference] = {"fee_minor": 119}
    assert sums(compared(seller))[0] == "agrees"
    compared(seller)
    assert (page(seller, "fees"), page(seller, "cash_alipay")) == (119, 19_900 - 119)


class TestCauses:
    def test_a_lost_callback_is_asked_for_and_then_agrees(self, seller, bill, alipay):
        payment = begun(bill, at=shop.at("2026-02-03 10:00"))
        alipay.pay(payment.reference, at=shop.at("2026-02-03 10:05"))
        assert sums(compared(seller)) == ("open", 19_900, 0, 0)
        (one,) = open_rows()
        assert (causes(), one.payment, differing.can_ask(one)) == ([["callback_lost"]], payment, True)

    def test_asking_settles_the_payment(self, seller, bill, alipay):
        payment = begun(bill, at=shop.at("2026-02-03 10:00"))
        alipay.pay(payment.reference, at=shop.at("2026-02-03 10:05"))
        compared(seller)
        asking.ask(at=READY, payments=[payment])
        assert sums(compared(seller)) == ("agrees", 19_900, 19_900, 19_900)
        assert Payment.objects.get().status == "succeeded"

    def test_paid_twice_under_one_number(self, seller, bill, alipay, people):
        payment = paid_at_provider(bill)
        alipay.extra[DAY] = [line(payment.reference, 19_900, "2026-02-03 10:09", number="second")]
        assert sums(compared(seller)) == ("open", 39_800, 19_900, 19_900)
        assert causes() == [["paid_twice"]]
        resolve(open_rows()[0], "suspense", people[0])
        assert sums(ReconciledDay.objects.get()) == ("agrees", 39_800, 39_800, 39_800)
        assert page(seller, "suspense") == -19_900

    def test_a_fee_that_was_taken_off(self, seller, bill, alipay, people):
        payment = paid_at_provider(bill)
        alipay.changed[payment.reference] = {"amount_minor": 19_781, "fee_minor": 119}
        compared(seller)
        assert causes() == [["fee", "amount"]]
        assert open_rows()[0].state == "amount_differs"

    def test_another_amount(self, seller, bill, alipay, people):
        payment = paid_at_provider(bill)
        alipay.changed[payment.reference] = {"amount_minor": 19_000}
        assert sums(compared(seller)) == ("open", 19_000, 19_900, 19_900)
        assert causes() == [["amount"]]
        resolve(open_rows()[0], "differences", people[0])
        assert sums(ReconciledDay.objects.get()) == ("agrees", 19_000, 19_000, 19_000)
        assert page(seller, "differences") == 900

    def test_a_refund_outside(self, seller, bill, alipay, people):
        paid_at_provider(bill)
        alipay.extra[DAY] = [line("R9", 500, "2026-02-03 15:00", refund=True)]
        compared(seller)
        assert causes() == [["refund_outside"]]
        resolve(open_rows()[0], "differences", people[0])
        assert sums(ReconciledDay.objects.get()) == ("agrees", 19_400, 19_400, 19_400)
        assert page(seller, "differences") == 500

    def test_a_test_row_and_an_unknown_payer(self, seller, alipay):
        alipay.extra[DAY] = [line("t", 1), line("u", 8_800)]
        compared(seller)
        assert causes() == [["test_row", "unknown_payer"], ["unknown_payer"]]

    def test_not_on_the_statement(self, seller, bill, alipay, people):
        payment = paid_at_provider(bill)
        alipay.hidden.add(payment.reference)
        assert sums(compared(seller)) == ("open", 0, 19_900, 19_900)
        (one,) = open_rows()
        assert (one.line, one.state, one.payment, causes()) == (None, "missing_there", payment, [["not_there"]])
        resolve(one, "differences", people[0])
        assert sums(ReconciledDay.objects.get()) == ("agrees", 0, 0, 0)

    def test_at_midnight_the_other_day_s_statement_resolves_it(self, seller, bill, alipay):
        payment = paid_at_provider(bill, at=shop.at("2026-02-03 23:59:59"))
        alipay.hidden.add(payment.reference)
        alipay.extra[NEXT] = [line(payment.reference, 19_900, "2026-02-04 00:00:02")]
        compared(seller)
        assert causes() == [["other_day", "not_there"]]
        next_day = compared(seller, NEXT, at=LATER)
        assert sums(next_day) == ("agrees", 19_900, 19_900, 19_900)
        assert sums(ReconciledDay.objects.get(day=DAY)) == ("agrees", 0, 0, 0)
        found = StatementRow.objects.get(line=None)
        assert (found.state, found.resolution, found.resolved_by) == ("resolved", "other_day", None)

    def test_the_other_way_round_at_midnight(self, seller, bill, alipay):
        payment = paid_at_provider(bill, at=shop.at("2026-02-04 00:00:01"))
        alipay.hidden.add(payment.reference)
        alipay.extra[DAY] = [line(payment.reference, 19_900, "2026-02-03 23:59:59")]
        assert reconciling.reconcile(at=LATER) == 0
        assert [sums(day) for day in ReconciledDay.objects.order_by("day")] == [
            ("closed", 19_900, 19_900, 19_900),
            ("closed", 0, 0, 0),
        ]


class TestTheBook:
    def test_a_payment_that_is_not_in_the_book_disagrees(self, seller, bill, alipay):
        paid_at_provider(bill)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE billing_posting DISABLE TRIGGER USER")
            cursor.execute("UPDATE billing_posting SET amount_minor = amount_minor * 2")
            cursor.execute("ALTER TABLE billing_posting ENABLE TRIGGER USER")
        statements.fetch(seller, "alipay", DAY, at=READY)
        day = reconciling.compare(seller, "alipay", DAY, "CNY", at=READY)
        assert sums(day) == ("open", 19_900, 19_900, 39_800)

    def test_a_stray_booking_disagrees(self, seller, bill, alipay):
        paid_at_provider(bill)
        with transaction.atomic():
            ledger.post(
                [
                    ledger.Entry(
                        seller_id=seller.pk,
                        currency="CNY",
                        tenant_id=None,
                        source="whim",
                        source_id=1,
                        kind="x",
                        at=shop.at("2026-02-03 12:00"),
                        sides=[("cash_alipay", 5), ("differences", -5)],
                    )
                ]
            )
        assert sums(compared(seller)) == ("open", 19_900, 19_900, 19_905)


class TestResolving:
    @pytest.fixture
    def row(self, seller, alipay):
        alipay.extra[DAY] = [line("u", 8_800)]
        compared(seller)
        return open_rows()[0]

    def test_it_says_who_why_and_what(self, row, people):
        resolve(row, "suspense", people[0], reason="客户确认中")
        entry = AuditEntry.objects.get(verb="statement.resolved")
        assert (entry.by, entry.detail["reason"], entry.detail["corrected_minor"]) == (people[0], "客户确认中", 8_800)

    @pytest.mark.parametrize(("how", "reason"), [("suspense", " "), ("whim", "x"), ("other_day", "x")])
    def test_it_refuses_what_makes_no_sense(self, row, people, how, reason):
        with pytest.raises(Invalid):
            reconciling.resolve(row, how, reason=reason, at=READY, by=people[0])

    def test_it_is_resolved_once(self, row, people):
        resolve(row, "suspense", people[0])
        with pytest.raises(WrongState):
            resolve(row, "suspense", people[0])

    def test_above_the_limit_a_second_person_confirms(self, row, seller, people):
        type(seller).objects.update(refund_limit_minor=8_799)
        asked = resolve(row, "suspense", people[0])
        assert (asked.state, asked.needs_second, asked.asked_by) == ("missing_here", True, people[0])
        assert page(seller, "suspense") == 0
        with pytest.raises(NotAllowed):
            resolve(row, "suspense", people[0])
        assert resolve(row, "suspense", people[1]).state == "resolved"
        assert page(seller, "suspense") == -8_800

    def test_a_second_person_who_decides_otherwise_asks_anew(self, row, seller, people):
        type(seller).objects.update(refund_limit_minor=0)
        resolve(row, "suspense", people[0])
        assert resolve(row, "differences", people[1]).asked_by == people[1]
        assert resolve(row, "differences", people[0]).state == "resolved"

    def test_the_database_wants_the_second_person_too(self, row, people):
        row.state, row.resolution, row.reason, row.resolved_at = "resolved", "suspense", "x", READY
        row.needs_second, row.asked_by, row.resolved_by = True, people[0], people[0]
        with pytest.raises(IntegrityError, match="statement_row_second_person"), transaction.atomic():
            row.save()


class TestClosing:
    def test_the_tick_fetches_compares_and_closes_what_agrees(self, seller, bill, alipay):
        paid_at_provider(bill)
        assert reconciling.reconcile(at=READY) == 0
        day = ReconciledDay.objects.get()
        assert (day.state, day.closed_at, day.closed_by) == ("closed", READY, None)
        assert reconciling.reconcile(at=LATER) == 0
        assert alipay.asked == [DAY, NEXT]

    def test_a_day_that_does_not_agree_stays_open(self, seller, alipay):
        alipay.extra[DAY] = [line("u", 8_800)]
        assert reconciling.reconcile(at=READY) == 1
        with pytest.raises(Conflict):
            reconciling.close(ReconciledDay.objects.get(), at=READY, by=None)

    def test_a_closed_day_is_sealed(self, seller, bill, alipay, people):
        paid_at_provider(bill)
        reconciling.reconcile(at=READY)
        found = StatementRow.objects.select_related("file__seller").get()
        with pytest.raises(reconciling.DayClosed):
            reconciling.resolve(found, "differences", reason="x", at=LATER, by=people[0])
        for statement in (
            "UPDATE invoices_reconciledday SET state = 'open', closed_at = null",
            "UPDATE invoices_reconciledday SET statement_minor = 1",
            "UPDATE invoices_statementrow SET reason = 'x'",
            "DELETE FROM invoices_reconciledday",
        ):
            with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)

    def test_closing_again_changes_nothing(self, seller, bill, alipay, people):
        paid_at_provider(bill)
        reconciling.reconcile(at=READY)
        day = ReconciledDay.objects.get()
        assert reconciling.close(day, at=LATER, by=people[0]).closed_at == READY


class TestBanks:
    MARCH = shop.at("2026-03-02 09:30")

    def compared(self, seller, day="2026-03-01"):
        found = reconciling.compare(seller, "bank", shop.at(f"{day} 00:00").date(), "CNY", at=self.MARCH)
        assert not list(checking.faults())
        return found

    def test_what_came_in_agrees_matched_or_not(self, qingyu):
        customer(qingyu)
        bank(qingyu, row("A1"), row("A2", "5.00", payer="陌生人"))
        assert sums(self.compared(qingyu)) == ("agrees", 20_400, 20_400, 20_400)

    def test_recorded_by_hand_and_not_on_the_statement(self, qingyu, people):
        acme = customer(qingyu)
        shop.pay(shop.bills(acme)[0], "100.00", "2026-03-01 12:00", reference="typo")
        bank(qingyu, row("A2", "5.00", payer="陌生人"))
        assert sums(self.compared(qingyu)) == ("open", 500, 10_500, 10_500)
        assert causes() == [["by_hand"]]

    def test_recorded_by_hand_and_on_the_statement(self, qingyu):
        acme = customer(qingyu)
        shop.pay(shop.bills(acme)[0], "199.00", "2026-03-01 12:00", reference="A1")
        bank(qingyu, row("A1"))
        assert sums(self.compared(qingyu)) == ("agrees", 19_900, 19_900, 19_900)

    def test_the_tick_closes_no_day_of_a_bank(self, qingyu):
        bank(qingyu, row("A1"))
        reconciling.reconcile(at=self.MARCH)
        assert ReconciledDay.objects.get().state == "agrees"

    def test_a_day_that_is_not_over_is_not_closed(self, qingyu):
        bank(qingyu, row("A1", day="2026-03-02 08:00:00"))
        day = self.compared(qingyu, "2026-03-02")
        with pytest.raises(Conflict):
            reconciling.close(day, at=self.MARCH, by=None)


class TestTheCommand:
    def run(self, *options):
        out = io.StringIO()
        try:
            call_command("reconcile", *options, stdout=out)
        except SystemExit as end:
            return end.code, out.getvalue()
        return 0, out.getvalue()

    def test_it_says_that_a_day_agrees(self, seller, bill, alipay, time_machine):
        paid_at_provider(bill)
        time_machine.move_to(READY, tick=False)
        code, said = self.run("--day", "2026-02-03")
        assert (code, "qingyu alipay 2026-02-03 agrees: ¥199.00 / ¥199.00 / ¥199.00" in said) == (0, True)

    def test_it_ends_with_one_and_says_what_differs(self, seller, alipay, time_machine):
        alipay.extra[DAY] = [line("u", 8_800)]
        time_machine.move_to(READY, tick=False)
        code, said = self.run("--day", "2026-02-03", "--seller", "qingyu")
        assert (code, "missing_here u ¥88.00: unknown_payer" in said) == (1, True)

    def test_without_a_day_it_does_what_is_due(self, seller, bill, alipay, time_machine):
        paid_at_provider(bill)
        time_machine.move_to(READY, tick=False)
        assert self.run()[0] == 0
        assert ReconciledDay.objects.get().state == "closed"
