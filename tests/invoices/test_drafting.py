"""Drafting: one bill per payer and day, no charge twice, zero lines along, what is below zero apart (CONTRACTS rule 9)."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from billing import closing
from billing.models import Charge
from invoices import checking, drafting, issuing
from invoices.grouping import Waiting, group_up
from invoices.models import Invoice, InvoiceLine
from tests import shop

pytestmark = pytest.mark.django_db
BASE = {"code": "base", "kind": "base", "model": "flat", "amount": "100.00"}
MESSAGES = {"code": "messages", "kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "0.05"}
NOW = shop.at("2026-01-01 09:00")


def drafted(who, version, *, start="2026-01-01", now=NOW):
    subscription = shop.subscribe(who, version, start)
    closing.close([subscription.pk], at=now)
    return drafting.draft([who.payer_id], at=now)


def test_it_drafts_one_bill_for_several_subscriptions(qingyu):
    who = shop.tenant()
    for label in ("north", "south"):
        subscription = shop.subscribe(who, shop.plan(qingyu, [BASE], code=label), "2026-01-01", label=label)
        closing.close([subscription.pk], at=NOW)
    (pk,) = drafting.draft([who.pk], at=NOW)
    assert Invoice.objects.get(pk=pk).total_minor == 200_00


def test_it_bills_the_parent_for_its_children(qingyu):
    shop.tenant("group")
    child = shop.tenant("child", parent="group")
    (pk,) = drafted(child, shop.plan(qingyu, [BASE]))
    assert Invoice.objects.get(pk=pk).tenant.code == "group"


def test_it_drafts_nothing_of_zero_and_takes_zero_lines_along(qingyu):
    who = shop.tenant()
    free = BASE | {"amount": "0"}
    assert drafted(who, shop.plan(qingyu, [free, MESSAGES], code="free")) == []
    shop.use(who, "100", "2026-01-05 12:00")
    closing.close(Charge.objects.values_list("subscription", flat=True), at=shop.at("2026-02-01 00:00"))
    (pk,) = drafting.draft([who.pk], at=shop.at("2026-02-01 00:00"))
    # 100 × 0.05, and the zero base of January and of February
    assert shop.lines(Invoice.objects.get(pk=pk)) == [
        ("base", "2026-01-01", "2026-02-01", "1", 0),
        ("base", "2026-02-01", "2026-03-01", "1", 0),
        ("messages", "2026-01-01", "2026-02-01", "100", 5_00),
    ]


def test_it_waits_until_nothing_of_the_payer_is_due(qingyu):
    who = shop.tenant()
    subscription = shop.subscribe(who, shop.plan(qingyu, [BASE]), "2026-01-01")
    closing.close([subscription.pk], at=NOW)
    shop.subscribe(who, shop.plan(qingyu, [BASE], code="second"), "2026-01-01", label="second")
    assert drafting.draft([who.pk], at=NOW) == []


def test_it_computes_tax_per_line(qingyu):
    qingyu.tax_rate = "0.06"
    qingyu.save()
    (pk,) = drafted(shop.tenant(), shop.plan(qingyu, [BASE, BASE | {"code": "more", "amount": "0.10"}]))
    invoice = Invoice.objects.get(pk=pk)
    # 100.00 × 6 ÷ 106 = 5.660… → 5.66; 0.10 × 6 ÷ 106 = 0.0056… → 0.01
    assert (invoice.tax_minor, invoice.total_minor) == (5_67, 100_10)


def test_it_adds_tax_on_top_of_prices_without_tax(qingyu):
    qingyu.tax_rate, qingyu.tax_inclusive = "0.06", False
    qingyu.save()
    (pk,) = drafted(shop.tenant(), shop.plan(qingyu, [BASE]))
    invoice = Invoice.objects.get(pk=pk)
    assert (invoice.subtotal_minor, invoice.tax_minor, invoice.total_minor) == (100_00, 6_00, 106_00)


def test_it_frees_the_charges_of_a_discarded_draft(qingyu):
    who = shop.tenant()
    drafts = drafted(who, shop.plan(qingyu, [BASE]))
    assert drafting.discard(drafts, at=NOW, by=None) == 1
    assert Charge.objects.waiting().count() == 1
    assert len(drafting.draft([who.pk], at=NOW)) == 1


def test_it_does_not_discard_an_issued_bill(qingyu):
    drafts = drafted(shop.tenant(), shop.plan(qingyu, [BASE]))
    issuing.issue(drafts, at=NOW)
    assert drafting.discard(drafts, at=NOW, by=None) == 0


def test_the_database_bills_a_charge_once(qingyu):
    drafted(shop.tenant(), shop.plan(qingyu, [BASE]))
    line = InvoiceLine.objects.get()
    line.pk, line.position = None, 2
    with pytest.raises(IntegrityError, match="charge_id"), transaction.atomic():
        line.save(force_insert=True)


def charge(minor: int, due: str, *, reason: str = "period", cause: str = "", goes_on: bool = True) -> Waiting:
    day = date.fromisoformat(due)
    blank = dict.fromkeys(Waiting._fields, "") | dict.fromkeys(
        ("pk", "tenant_id", "payer_id", "seller_id", "subscription_id", "period_id"), 1
    )
    told = {"amount_minor": minor, "due_on": day, "service_start_on": day, "currency": "CNY", "kind": "base"}
    stands = {"subscription__status": "active", "subscription__next_at": NOW if goes_on else None}
    return Waiting(**blank | told | stands | {"reason": reason, "cause": cause})


@pytest.mark.parametrize(
    ("rows", "sums"),
    [
        ([charge(100, "2026-01-01"), charge(-30, "2026-01-01")], [70]),
        # what is below zero is credited, and does not wait for a later bill
        ([charge(-30, "2026-01-01"), charge(100, "2026-02-01")], [-30, 100]),
        # late usage goes on the next periodic bill
        ([charge(-30, "2026-01-01", reason="late"), charge(100, "2026-02-01")], [70]),
        # and waits when there is none yet
        ([charge(-30, "2026-01-01", reason="late")], []),
        # but not when none will follow
        ([charge(-30, "2026-01-01", reason="late", goes_on=False)], [-30]),
        # nor when the periodic bill has only zero lines
        ([charge(-30, "2026-01-01", reason="late"), charge(0, "2026-01-01")], [-30]),
        # lines that cancel out give a bill of zero
        ([charge(100, "2026-01-01"), charge(-100, "2026-01-01")], [0]),
        ([charge(0, "2026-01-01")], []),
        # lines of a change stand alone, each change by itself, with its zero lines
        (
            [
                charge(100, "2026-01-01"),
                charge(20, "2026-01-01", reason="change", cause="change:1"),
                charge(0, "2026-01-01", reason="change", cause="change:1"),
                charge(30, "2026-01-01", reason="change", cause="change:2"),
            ],
            [100, 20, 30],
        ),
    ],
)
def test_it_groups_charges_into_documents(rows, sums):
    groups = list(group_up(rows))
    assert [group.amount_minor for group in groups] == sums
    assert sum(len(group.charges) for group in groups) in (0, len(rows), len(rows) - 1)


def test_it_makes_one_bill_of_a_day_that_begins_at_several_instants(qingyu):
    shop.tenant("parent", zone="America/Los_Angeles")
    version = shop.plan(qingyu, [BASE])
    for code, zone in (("a", "Pacific/Auckland"), ("b", "Asia/Shanghai")):
        shop.subscribe(shop.tenant(code, zone=zone, parent="parent"), version, "2026-01-01")
        assert shop.bill("2026-01-01 00:00", zone).parked == 0
    shop.bill("2026-01-01 00:00", "America/Los_Angeles")
    assert [bill.total_minor for bill in Invoice.objects.issued()] == [200_00]
    assert not list(checking.faults())


def test_it_passes_over_whom_nothing_is_worth_a_bill(qingyu):
    who = shop.tenant()
    free = shop.subscribe(who, shop.plan(qingyu, [BASE | {"amount": "0"}]), "2026-01-01")
    closing.close([free.pk], at=NOW)
    assert Charge.objects.waiting().exists()
    assert not drafting.waiting_payers(NOW).exists()
