"""What comes to less than nothing: credited on the bills that charged it, no more than is left of each (rules 9, 12)."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from billing import closing, discounts, wallets
from billing.models import AppliedDiscount, Charge, ChargeCredit, Subscription
from invoices import checking, crediting, drafting, issuing
from invoices.models import CreditedCharge, CreditNote, Invoice
from invoices.tax import credit_tax, line_tax
from tests import shop

BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "100.00"}
NOW, LATER = shop.at("2026-01-01 09:00"), shop.at("2026-01-10 09:00")
pytestmark = pytest.mark.django_db
changes = iter(range(1, 10**6))


@pytest.fixture
def contract(qingyu):
    subscription = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-01")
    shop.bill("2026-01-01 09:00")
    return subscription


def base() -> Charge:
    return Charge.objects.order_by("pk").first()


def charge(like: Charge, minor: int, cause: str, **changes) -> Charge:
    """Put a line of a change on the shelf."""
    row = Charge.objects.get(pk=like.pk)
    told = {"pk": None, "reason": "change", "cause": cause, "corrects": None, "taken_at": None, "created_at": LATER}
    amounts = {"amount_minor": minor, "undiscounted_minor": minor, "exact": Decimal(minor) / 100}
    for name, value in (told | amounts | changes).items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


def credit(of: Charge, minor: int, cause: str, **changes) -> Charge:
    """Put a line on the shelf that gives back so much of an earlier one."""
    row = charge(of, -minor, cause, code=f"{of.code}-back", **changes)
    ChargeCredit.objects.create(tenant=row.tenant, credit=row, charge=of, amount_minor=minor, undiscounted_minor=minor)
    return row


def change(*lines, at=LATER):
    """Draft the lines of a change and issue what comes of it; each is (what, amount), a credit or a charge."""
    cause = f"change:{next(changes)}"
    rows = [credit(of, -minor, cause) if minor < 0 else charge(of, minor, cause) for of, minor in lines]
    drafted = drafting.draft_alone([row.pk for row in rows], origin=cause, at=at)
    issuing.issue(drafted.invoices, at=at)
    assert not list(checking.faults())
    return drafted, rows


def notes():
    """Return (place of the bill, minor units) of all credit notes."""
    place = {bill.pk: number for number, bill in enumerate(Invoice.objects.order_by("pk"), start=1)}
    return [(place[note.invoice_id], note.total_minor) for note in CreditNote.objects.order_by("sequence")]


def test_it_bills_a_change_at_once_and_alone(contract):
    drafted, _rows = change((base(), -30_00), (base(), 50_00))
    bill = Invoice.objects.get(pk=drafted.invoices[0])
    assert (bill.status, bill.total_minor, bill.origin.split(":")[0]) == ("open", 20_00, "change")


def test_it_bills_lines_that_cancel_out_as_zero_and_paid(contract):
    drafted, _rows = change((base(), -50_00), (base(), 50_00))
    bill = Invoice.objects.get(pk=drafted.invoices[0])
    assert (bill.status, bill.total_minor) == ("paid", 0)


def test_it_lets_lines_of_zero_wait_for_the_next_bill(contract):
    zero = charge(base(), 0, "change:0")
    assert drafting.draft_alone([zero.pk], origin="change:0", at=LATER) == drafting.Drafted()
    shop.bill("2026-02-01 00:00")
    assert len(shop.bills(contract.tenant)[-1].lines.all()) == 2


def test_it_credits_a_sum_below_zero_on_the_bill_that_charged_it(contract):
    drafted, rows = change((base(), -60_00), (base(), 20_00))
    assert (drafted.invoices, notes()) == ([], [(1, 40_00)])
    bill = Invoice.objects.get()
    assert (bill.credited_minor, bill.due_minor, bill.status) == (40_00, 60_00, "open")
    kept = CreditedCharge.objects.order_by("position").values_list("charge", "amount_minor", "credit_note")
    assert list(kept) == [(rows[0].pk, -60_00, drafted.credit_notes[0]), (rows[1].pk, 20_00, drafted.credit_notes[0])]
    assert not Charge.objects.waiting().exists()


def test_it_lowers_what_is_due_first_and_returns_what_was_paid_to_the_wallet(contract):
    shop.pay(Invoice.objects.get(), "70.00", "2026-01-02 09:00")
    change((base(), -60_00))
    bill, note = Invoice.objects.get(), CreditNote.objects.get()
    # 30.00 were still due
    assert (bill.due_minor, bill.status, note.returned_minor) == (0, "paid", 30_00)
    assert wallets.balance(contract.tenant, contract.seller, "CNY").paid == 30_00


def test_it_sends_what_a_bill_cannot_give_to_those_that_its_own_credits_came_from(contract):
    _drafted, rows = change((base(), -40_00), (base(), 70_00))  # bill 2, over 30.00
    change((rows[1], -50_00))
    # 30.00 are left of bill 2; 40.00 came from bill 1, which takes the other 20.00
    assert notes() == [(2, 30_00), (1, 20_00)]
    first, second = CreditNote.objects.order_by("pk")
    assert (first.first, second.first) == (None, first)
    assert CreditedCharge.objects.get().credit_note == first
    assert Invoice.objects.order_by("pk").last().status == "void"


def test_it_goes_back_over_several_bills(contract):
    _drafted, second = change((base(), -40_00), (base(), 70_00))  # bill 2, over 30.00
    _drafted, third = change((second[1], -50_00), (base(), 65_00))  # bill 3, over 15.00
    change((third[1], -60_00))
    # 15.00 of bill 3; bill 2 had given 50.00, of which 30.00 are left; bill 1 had given 40.00: 15.00
    assert notes() == [(3, 15_00), (2, 30_00), (1, 15_00)]


def test_it_sends_no_more_back_than_came_from_a_bill(contract):
    _drafted, rows = change((base(), -10_00), (base(), 70_00))  # bill 2, over 60.00
    crediting.credit(Invoice.objects.last(), reason="Sorry", at=LATER, by=None)  # nothing is left of it
    change((rows[1], -50_00))
    # of bill 1 only the 10.00 that came from it; the other 40.00 were returned by hand
    assert notes() == [(2, 60_00), (1, 10_00)]


def test_it_lets_wait_what_no_bill_can_give_back(contract):
    crediting.credit(Invoice.objects.get(), reason="Sorry", at=LATER, by=None)
    drafted, _rows = change((base(), -5_00))
    assert (drafted, Charge.objects.waiting().count()) == (drafting.Drafted(), 1)


def test_it_goes_back_through_a_note(contract):
    _drafted, second = change((base(), -100_00), (base(), 130_00))  # bill 2, over 30.00
    _drafted, inside = change((second[1], -130_00), (base(), 100_00))  # all of bill 2
    _drafted, third = change((inside[1], -100_00), (base(), 130_00))  # bill 3, over 30.00
    change((third[1], -80_00))
    # 30.00 of bill 3; its credit line came from the note on bill 2, which has nothing left and came from bill 1
    assert notes() == [(2, 30_00), (3, 30_00), (1, 50_00)]


def test_it_credits_a_charge_inside_a_note_on_that_notes_bill(contract):
    _drafted, rows = change((base(), -60_00), (base(), 20_00))
    change((rows[1], -15_00))
    assert notes() == [(1, 40_00), (1, 15_00)]


def test_it_gives_back_of_each_bill_its_part_newest_first(contract):
    _drafted, rows = change((base(), 40_00))
    cause = f"change:{next(changes)}"
    both = charge(base(), -50_00, cause)
    for of, minor in ((base(), 20_00), (rows[0], 30_00)):
        ChargeCredit.objects.create(
            tenant=both.tenant, credit=both, charge=of, amount_minor=minor, undiscounted_minor=minor
        )
    drafting.draft_alone([both.pk], origin=cause, at=LATER)
    assert notes() == [(2, 30_00), (1, 20_00)]
    assert not list(checking.faults())


def test_it_joins_the_draft_on_which_its_line_stands(qingyu):
    subscription = shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE]), "2026-01-01")
    closing.close([subscription.pk], at=NOW)
    (pk,) = drafting.draft([subscription.payer_id], at=NOW)
    drafted, _rows = change((base(), -30_00), at=NOW)
    assert drafted == drafting.Drafted()
    assert Invoice.objects.get(pk=pk).total_minor == 70_00
    issuing.issue([pk], at=NOW)
    assert not list(checking.faults())


def test_the_database_credits_a_charge_once(contract):
    change((base(), -60_00))
    row = CreditedCharge.objects.get()
    row.pk, row.position = None, 2
    with pytest.raises(IntegrityError, match="charge_id"), transaction.atomic():
        row.save(force_insert=True)


def test_it_uses_a_coupon_up_where_a_note_gives_it(contract, qingyu):
    discounts.define(qingyu, {"code": "TEN", "percent": "10"}, at=NOW, by=None)
    redeemed = discounts.redeem(contract, "TEN", at=LATER, by=None)
    change((base(), -99_67), (base(), 66_33))
    # −99.67 + 66.33 − 6.63
    assert notes() == [(1, 39_97)]
    redeemed.refresh_from_db()
    assert redeemed.used_up_at == LATER
    assert AppliedDiscount.objects.get().final_at == LATER


def test_a_note_without_a_discount_uses_no_coupon_up(contract, qingyu):
    discounts.define(qingyu, {"code": "TEN", "percent": "10"}, at=NOW, by=None)
    discounts.redeem(contract, "TEN", at=LATER, by=None)
    change((base(), -30_00))
    shop.bill("2026-02-01 00:00")
    assert shop.bills(contract.tenant)[-1].discount_minor == 10_00


def test_it_lets_late_usage_below_zero_wait_while_the_contract_goes_on(contract):
    credit(base(), 30_00, "1", reason="late", due_on=LATER.date())
    assert (drafting.draft([contract.payer_id], at=LATER), notes()) == ([], [])
    shop.bill("2026-02-01 00:00")
    assert [bill.total_minor for bill in shop.bills(contract.tenant)] == [100_00, 70_00]
    assert not list(checking.faults())


def test_it_credits_late_usage_of_a_contract_that_is_over(contract):
    credit(base(), 30_00, "1", reason="late", due_on=LATER.date())
    Subscription.objects.filter(pk=contract.pk).update(next_at=None, status="ended", ended_at=LATER)
    drafting.draft([contract.payer_id], at=LATER)
    assert notes() == [(1, 30_00)]
    assert not list(checking.faults())


@pytest.mark.parametrize("inclusive", [True, False])
def test_a_full_credit_in_parts_returns_exactly_the_tax(qingyu, inclusive):
    qingyu.tax_rate, qingyu.tax_inclusive = "0.06", inclusive
    qingyu.save()
    odd = BASE | {"amount": "100.07"}
    contract = shop.subscribe(shop.tenant(), shop.plan(qingyu, [odd]), "2026-01-01")
    shop.bill("2026-01-01 09:00")
    for part in (33_33, 33_33, 33_41):
        change((base(), -part))
    bill = shop.bills(contract.tenant)[0]
    assert bill.status == "void"
    assert sum(note.tax_minor for note in CreditNote.objects.all()) == bill.tax_minor
    assert sum(note.total_minor for note in CreditNote.objects.all()) == bill.total_minor


def test_a_credit_on_a_bill_counts_for_the_tax_of_the_next(qingyu):
    qingyu.tax_rate = "0.06"
    qingyu.save()
    shop.subscribe(shop.tenant(), shop.plan(qingyu, [BASE | {"amount": "0.18"}]), "2026-01-01")
    shop.bill("2026-01-01 09:00")
    change((base(), -9), (base(), 50_00))
    change((base(), -9), (base(), 50_00))
    taxes = [line.tax_minor for line in Invoice.objects.order_by("pk")[1].lines.filter(amount_minor__lt=0)] + [
        line.tax_minor for line in Invoice.objects.order_by("pk")[2].lines.filter(amount_minor__lt=0)
    ]
    # tax(0.18) = 0.01 = tax(0.09): the first returns 0.01, the second nothing
    assert taxes == [-1, 0]


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=6),
    st.sampled_from([Decimal("0.06"), Decimal("0.13"), Decimal("0.03"), Decimal(0)]),
    st.booleans(),
)
def test_credits_in_any_parts_return_what_the_whole_was_taxed(parts, rate, inclusive):
    whole, so_far, returned = line_tax(sum(parts), rate, inclusive, "CNY"), 0, []
    for part in parts:
        returned.append(credit_tax(so_far, part, rate, inclusive, "CNY"))
        so_far += part
    assert sum(one.tax for one in returned) == whole.tax
    assert sum(one.gross for one in returned) == whole.gross
    assert all(one.tax >= 0 for one in returned)
