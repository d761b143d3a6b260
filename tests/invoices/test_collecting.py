"""Nothing is deducted without authorisation and without notice, and never more than announced; what failed is tried again."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import wallets
from billing.models import Subscription
from billing.money import Money
from invoices import allowing, announcing, collection, issuing, rendering
from invoices.allowing import Held
from invoices.models import ChargeNotice, Invoice, Payment
from tenants import agreements, letters
from tenants.errors import Invalid, WrongState
from tenants.models import Authorisation, Notice
from tests import shop
from tests.invoices.deducting import BASE, MESSAGES, deliver, holds, payments, states, tick, top_up

pytestmark = pytest.mark.django_db
DUE = "2026-02-05 00:00"  # the first bill: announced on 31 January, five days later


@pytest.fixture
def acme():
    return shop.tenant()


@pytest.fixture
def sub(qingyu, acme):
    """A monthly plan from 31 January, 500.00 in the wallet."""
    top_up(acme, qingyu, "500.00", "2026-01-30 09:00")
    begun = shop.subscribe(acme, shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-31", pays="wallet")
    tick("2026-01-31 00:00")
    return begun


@pytest.fixture
def bill(sub):
    """Its first bill, issued and not yet collected: the wallet was emptied."""
    wallets.spend(
        sub.tenant,
        seller=sub.seller,
        amount=Money.of("500.00", "CNY"),
        source="test",
        source_id=1,
        at=shop.at("2026-02-01 09:00"),
    )
    shop.bill(DUE)
    return Invoice.objects.get(status="open")


def status():
    return Subscription.objects.get().status


def test_a_deduction_names_its_authorisation_and_its_notice(sub, acme):
    tick(DUE)
    assert payments() == [("02-05 00:00", "automatic", "succeeded", 199_00)]
    payment = Payment.objects.get()
    assert payment.authorisation == Authorisation.objects.get()
    assert payment.notice == ChargeNotice.objects.get(of="bill")
    assert states() == [("paid", 199_00, "02-05")]
    assert holds(acme) == 301_00


def test_nothing_is_deducted_a_moment_early(sub, acme):
    shop.bill("2026-02-04 23:59")
    assert (states(), payments(), holds(acme)) == ([("draft", 199_00, None)], [], 500_00)


def test_a_renewal_is_deducted_with_its_arrears_when_it_is_due(sub, acme):
    tick(DUE)
    shop.use(acme, "800", "2026-02-10 10:00")
    tick("2026-02-21 00:00")
    tick("2026-02-28 00:00")
    assert payments()[1:] == [("02-28 00:00", "automatic", "succeeded", 239_00)]
    assert states()[1:] == [("paid", 239_00, "02-28")]
    assert holds(acme) == 62_00


def test_arrears_at_the_ceiling_are_deducted_with_it(sub, acme):
    tick(DUE)
    shop.use(acme, "800", "2026-02-10 10:00")  # a ceiling of 54.00
    tick("2026-02-21 00:00")
    shop.use(acme, "280", "2026-02-27 10:00")  # 54.00 in all
    tick("2026-02-28 00:00")
    assert payments()[1:] == [("02-28 00:00", "automatic", "succeeded", 253_00)]


def test_arrears_above_the_ceiling_are_deducted_five_days_later(sub, acme):
    tick(DUE)
    shop.use(acme, "800", "2026-02-10 10:00")
    tick("2026-02-21 00:00")
    shop.use(acme, "300", "2026-02-27 10:00")
    tick("2026-02-28 00:00")
    tick("2026-03-05 00:00")
    assert payments()[1:] == [
        ("02-28 00:00", "automatic", "succeeded", 199_00),
        ("03-05 00:00", "automatic", "succeeded", 55_00),
    ]


def test_a_late_notice_puts_the_deduction_off(sub):
    tick(DUE)
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    deliver("2026-02-25 09:00")
    shop.bill("2026-02-28 00:00")
    shop.bill("2026-03-02 08:59")
    assert len(payments()) == 1
    shop.bill("2026-03-02 09:00")
    assert payments()[1:] == [("03-02 09:00", "automatic", "succeeded", 199_00)]
    assert states()[1:] == [("paid", 199_00, "03-02")]


def test_a_notice_that_never_came_lets_nothing_be_deducted(sub, acme):
    tick(DUE)
    announcing.announce(at=shop.at("2026-02-21 00:00"))
    for day in ("2026-02-28 00:00", "2026-03-05 00:00", "2026-03-20 00:00"):
        shop.bill(day)
    assert len(payments()) == 1
    assert states()[1:] == [("open", 199_00, "03-05")]
    assert allowing.right(Invoice.objects.get(status="open"), at=shop.at("2026-03-20 00:00")) == Held("not_delivered")


def test_a_notice_that_came_back_lets_nothing_be_deducted(sub):
    announcing.bounced(ChargeNotice.objects.get(), at=shop.at("2026-02-03 09:00"))
    shop.bill(DUE)
    assert payments() == []


def test_without_an_authorisation_nothing_is_deducted(sub):
    agreements.withdraw(Authorisation.objects.get(), at=shop.at("2026-02-04 10:00"), by=None)
    tick(DUE)
    assert (payments(), states()) == ([], [("open", 199_00, "02-05")])
    assert allowing.right(Invoice.objects.get(), at=shop.at(DUE)) == Held("no_authorisation")


def narrow(who, sold_by, **limits):
    """Let the customer's only authorisation be one with limits."""
    agreements.withdraw(Authorisation.objects.get(), at=shop.at("2026-02-01 10:00"), by=None)
    said = {"text": "t", "text_version": "1", "at": shop.at("2026-02-01 11:00"), "by": None}
    return agreements.authorise(who, seller=sold_by, **said, **limits)


@pytest.mark.parametrize(("ceiling", "taken"), [(199_00, 1), (198_99, 0)])
def test_an_authorisation_has_a_ceiling(sub, acme, qingyu, ceiling, taken):
    narrow(acme, qingyu, ceiling_minor=ceiling)
    tick(DUE)
    assert len(payments()) == taken


def another(who, sold_by, start):
    """Let a second subscription begin, whose first bill is deducted five days later."""
    version = shop.plan(sold_by, [BASE], code="other")
    shop.subscribe(who, version, start, pays="wallet", renews=False, label="two")
    tick(f"{start} 00:00")


@pytest.mark.parametrize(("per_month", "taken"), [(398_00, 2), (397_99, 1)])
def test_an_authorisation_has_a_ceiling_for_the_month(sub, acme, qingyu, per_month, taken):
    narrow(acme, qingyu, per_month_minor=per_month)
    another(acme, qingyu, "2026-02-02")
    for day in (DUE, "2026-02-07 00:00"):
        tick(day)
    assert len(payments()) == taken


def test_the_month_begins_anew(sub, acme, qingyu):
    narrow(acme, qingyu, per_month_minor=199_00)
    tick(DUE)
    another(acme, qingyu, "2026-02-23")
    for day in ("2026-02-28 00:00", "2026-03-01 00:00"):
        tick(day)
    assert [when for when, *_rest in payments()] == ["02-05 00:00", "03-01 00:00"]


def test_an_authorisation_for_another_subscription_does_not_cover_this_one(sub, acme, qingyu):
    narrow(acme, qingyu, scope=f"subscription:{sub.pk + 1}")
    tick(DUE)
    assert payments() == []


def test_never_more_than_announced(sub):
    notice = ChargeNotice.objects.get()
    for version, total in ((2, 198_99), (3, 199_00)):
        notice.pk, notice.version, notice.total_minor, notice.of = None, version, total, "bill"
        notice.save(force_insert=True)
    shop.bill("2026-02-04 00:00")
    draft = Invoice.objects.get()
    for version, answer in ((2, Held("above_notice")), (3, None)):
        Invoice.objects.filter(pk=draft.pk).update(origin=allowing.origin(notice.due_on, version))
        draft.refresh_from_db()
        draft.due_minor = draft.total_minor
        found = allowing.right(draft, at=shop.at(DUE))
        assert found == answer or (answer is None and not isinstance(found, Held))


def test_one_notice_is_not_used_twice(sub):
    """A second bill under the notice of a paid one, as no verb writes it."""
    tick(DUE)
    paid = Invoice.objects.get()
    assert allowing.right(paid, at=shop.at(DUE)) == Held("nothing_due")
    second = Invoice(pk=paid.pk + 1, status="open", total_minor=1)
    for name in ("tenant", "seller", "currency", "pays", "origin", "zone"):
        setattr(second, name, getattr(paid, name))
    second.due_minor = 1
    assert allowing.right(second, at=shop.at(DUE)) == Held("above_notice")


def test_nothing_is_debited_without_an_agreement(sub):
    Invoice.objects.update(pays="mandate")
    tick(DUE)
    assert payments() == []
    assert allowing.right(Invoice.objects.get(), at=shop.at(DUE)) == Held("no_mandate")


def test_what_failed_is_kept_and_told(bill):
    assert payments() == [("02-05 00:00", "automatic", "failed", 199_00)]
    assert Payment.objects.get().failure == "wallet_too_low"
    (told,) = Notice.objects.filter(kind="payment_failed")
    assert (told.payload["amount_minor"], told.payload["balance_minor"]) == (199_00, 0)


def test_what_failed_is_not_tried_again_in_the_same_state(bill):
    for when in (DUE, "2026-02-05 12:00", "2026-02-09 00:00"):
        shop.bill(when)
    assert len(payments()) == 1


def test_what_failed_is_tried_again_after_a_top_up_and_taken_whole(bill, qingyu, acme):
    top_up(acme, qingyu, "198.99", "2026-02-06 09:00")
    shop.bill("2026-02-06 10:00")
    assert [state for _at, _basis, state, _amount in payments()] == ["failed", "failed"]
    assert holds(acme) == 198_99
    top_up(acme, qingyu, "0.01", "2026-02-07 09:00")
    shop.bill("2026-02-07 10:00")
    assert payments()[2:] == [("02-07 10:00", "automatic", "succeeded", 199_00)]
    assert holds(acme) == 0


def test_it_is_overdue_when_not_paid_by_the_day_of_deduction_and_active_once_paid(bill, qingyu, acme):
    assert status() == "active"
    shop.bill("2026-02-06 00:00")
    assert status() == "past_due"
    top_up(acme, qingyu, "199.00", "2026-02-06 09:00")
    shop.bill("2026-02-06 10:00")
    assert status() == "active"


def test_collecting_twice_takes_once(sub, acme):
    shop.bill(DUE)
    collection.collect(at=shop.at(DUE))
    collection.collect(at=shop.at("2026-02-06 00:00"))
    assert len(payments()) == 1
    assert holds(acme) == 301_00


def test_it_collects_of_the_named_payers_only(sub):
    shop.bill("2026-02-04 00:00")
    assert collection.collect(at=shop.at(DUE), tenants=[sub.tenant_id + 1]).paid == 0


def test_a_transfer_that_is_too_much_pays_what_failed(bill, acme):
    shop.pay(bill, "199.00", "2026-02-06 09:00")
    shop.pay(bill, "50.00", "2026-02-06 09:01")
    assert holds(acme) == 50_00


def test_a_member_pays_from_the_balance_by_hand(bill, qingyu, acme):
    top_up(acme, qingyu, "300.00", "2026-02-06 08:00")
    part = collection.pay_now(bill, amount=99_00, at=shop.at("2026-02-06 09:00"), by=None)
    assert (part.basis, part.status, part.amount_minor) == ("by_hand", "succeeded", 99_00)
    collection.pay_now(bill, at=shop.at("2026-02-06 09:01"), by=None)
    assert states() == [("paid", 199_00, "02-05")]
    assert holds(acme) == 101_00


@pytest.mark.parametrize("amount", [0, -1, 199_01])
def test_a_member_pays_no_more_than_is_due(bill, qingyu, acme, amount):
    top_up(acme, qingyu, "300.00", "2026-02-06 08:00")
    with pytest.raises(Invalid) as refusal:
        collection.pay_now(bill, amount=amount, at=shop.at("2026-02-06 09:00"), by=None)
    assert refusal.value.field == "amount"


def test_a_member_cannot_pay_more_than_there_is(bill):
    with pytest.raises(wallets.NotEnough):
        collection.pay_now(bill, at=shop.at("2026-02-06 09:00"), by=None)
    assert len(payments()) == 1


def test_a_paid_bill_is_not_paid_again(sub, qingyu, acme):
    tick(DUE)
    with pytest.raises(WrongState):
        collection.pay_now(Invoice.objects.get(), at=shop.at("2026-02-06 09:00"), by=None)


def test_a_draft_cannot_be_paid(sub):
    with pytest.raises(WrongState):
        collection.pay_now(Invoice.objects.get(), at=shop.at("2026-02-01 09:00"), by=None)


def test_a_bill_is_not_paid_by_a_way_there_is_not(bill):
    with pytest.raises(Invalid) as refusal:
        collection.pay_now(bill, method="alipay", at=shop.at("2026-02-06 09:00"), by=None)
    assert refusal.value.field == "method"


@pytest.fixture
def bought(qingyu, acme):
    """A bill of a purchase that is to be paid at once from the balance."""
    begun = shop.subscribe(acme, shop.plan(qingyu, [BASE]), "2026-01-31")
    shop.bill("2026-01-31 09:00")
    Invoice.objects.get()
    return begun


def confirm(when):
    """Pay the bills of a purchase as the checkout does."""
    bills = Invoice.objects.open()
    return collection.pay_confirmed([bill.pk for bill in bills], at=shop.at(when), by=None)


def of_wallet(monkeypatch):
    """Let the bills of the test say that they are paid from the balance, which issued bills cannot change."""
    was = Invoice.from_db.__func__

    def from_db(cls, *row):
        bill = was(cls, *row)
        bill.pays = "wallet"
        return bill

    monkeypatch.setattr(Invoice, "from_db", classmethod(from_db))


def test_what_is_paid_by_hand_is_not_taken_at_once(bought, qingyu, acme):
    top_up(acme, qingyu, "199.00", "2026-01-31 08:00")
    assert confirm("2026-01-31 09:00") == []
    assert payments() == []


def test_a_confirmed_purchase_is_paid_at_once(bought, qingyu, acme, monkeypatch):
    of_wallet(monkeypatch)
    top_up(acme, qingyu, "199.00", "2026-01-31 08:00")
    (paid,) = confirm("2026-01-31 09:00")
    assert paid == Invoice.objects.get().pk
    assert payments() == [("01-31 09:00", "confirmed", "succeeded", 199_00)]


def test_a_confirmed_purchase_is_paid_whole_or_not_at_all(bought, qingyu, acme, monkeypatch):
    of_wallet(monkeypatch)
    top_up(acme, qingyu, "198.99", "2026-01-31 08:00")
    assert confirm("2026-01-31 09:00") == []
    assert payments() == [("01-31 09:00", "confirmed", "failed", 199_00)]
    assert holds(acme) == 198_99


def test_bills_that_stay_open_after_a_withdrawal_cost_a_pass_nothing_more(sub, acme, qingyu, django_assert_num_queries):
    for day in ("02-05", "02-28", "03-31", "04-30", "05-31", "06-30"):  # 500.00 pay the first two
        tick(f"2026-{day} 00:00")
    at = shop.at("2026-07-01 00:00")
    agreements.withdraw(Authorisation.objects.get(), at=at, by=None)
    bills = list(Invoice.objects.open())
    assert [allowing.right(one, at=at) for one in bills] == [Held("no_authorisation")] * 3
    assert allowing.beyond_agreement(bills, None, at=at) == {one.pk for one in bills}
    with CaptureQueriesContext(connection) as all_three:
        assert collection.collect(at=at) == collection.Collected(held=3)
    top_up(acme, qingyu, "199.00", "2026-07-01 00:00")
    collection.pay_now(bills[0], at=at, by=None)
    with django_assert_num_queries(len(all_three)):
        assert collection.collect(at=at) == collection.Collected(held=2)


def letter(bill):
    bill.refresh_from_db()
    rendering.store(bill, b"%PDF", at=shop.at(DUE))
    written = Notice.objects.get(kind="invoice_issued")
    return letters.compose(written.kind, written.payload, "en", bill.seller)


def test_the_letter_of_a_bill_says_that_it_is_deducted(sub):
    shop.bill("2026-02-04 23:59")
    bill = Invoice.objects.get(status="draft")
    issuing.issue([bill.pk], at=shop.at(DUE))
    said = letter(bill)
    assert "is deducted on" in said.subject
    assert "You need not do anything." in said.text
    assert "please pay" not in said.subject + said.text


def test_the_letter_of_a_bill_that_was_deducted_asks_for_nothing(sub):
    tick(DUE)
    assert "Nothing is left to pay" in letter(Invoice.objects.get()).text


def test_the_letter_of_a_bill_that_could_not_be_deducted_asks_for_it(bill):
    assert "please pay by" in letter(bill).subject
