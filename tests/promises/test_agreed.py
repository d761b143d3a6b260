"""Agreed: nothing is taken but under a consent in force that covers it, and by what was announced; the database says so too."""

from __future__ import annotations

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from billing.charges import COLUMNS
from billing.models import Charge
from invoices import allowing, collection
from invoices.allowing import Held
from invoices.models import ChargeNotice, Invoice, NoticeUse, Payment
from tenants import agreements, keys
from tenants.bulk import copy_in
from tenants.errors import Invalid
from tenants.models import Authorisation
from tests import portal, shop
from tests.api.conftest import Program
from tests.invoices.deducting import BASE, MESSAGES, holds, tick, top_up
from tests.invoices.test_pages_access import logged_in
from tests.rows import copy_row

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DUE = "2026-02-05 00:00"
GIVEN = shop.at("2026-02-01 10:00")


@pytest.fixture
def acme():
    return shop.tenant()


@pytest.fixture
def sub(qingyu, acme):
    """A monthly plan from 31 January, 500.00 in the balance; its first bill may be deducted on 5 February."""
    top_up(acme, qingyu, "500.00", "2026-01-30 09:00")
    begun = shop.subscribe(acme, shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-31", pays="wallet")
    tick("2026-01-31 00:00")
    return begun


@pytest.fixture
def bill(sub):
    """Its first bill, open on the day of its deduction, and nothing was collected."""
    for one in Authorisation.objects.all():
        agreements.withdraw(one, at=shop.at("2026-02-01 09:00"), by=None)
    shop.bill(DUE)
    return Invoice.objects.get(status="open")


def consent(acme, sold_by, **more):
    said = {"text": "t", "text_version": "1", "at": GIVEN, "by": None}
    return agreements.authorise(acme, seller=sold_by, **said | more)


def forged(bill, consent, *, uses=199_00, at=DUE, **more):
    """Write a deduction without the verbs, as somebody with access to the database would."""
    notice, when = more.get("notice", ChargeNotice.objects.filter(of="bill").first()), shop.at(at)
    known = {"tenant": bill.tenant, "seller": bill.seller, "currency": "CNY", "invoice": bill, "amount_minor": 199_00}
    known |= {"method": "wallet", "provider": "wallet", "reference": "f", "status": "succeeded", "basis": "automatic"}
    known |= {"authorisation": consent, "notice": notice, "received_at": when, "recorded_at": when}
    with transaction.atomic(), connection.cursor() as cursor:
        payment = Payment.objects.create(**known | more)
        if uses:
            NoticeUse.objects.create(tenant=bill.tenant, payment=payment, notice=notice, amount_minor=uses)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return payment


def refused(*asked, match, **more):
    with pytest.raises(IntegrityError, match=match):
        forged(*asked, **more)
    assert not Payment.objects.filter(status="succeeded", basis="automatic").exists()
    assert not NoticeUse.objects.exists()


def taken() -> int:
    return Payment.objects.filter(status="succeeded").count()


def test_what_was_agreed_and_announced_may_be_written(bill, acme, qingyu):
    assert forged(bill, consent(acme, qingyu)).uses.get().amount_minor == 199_00


def test_it_refuses_a_deduction_without_any_consent(bill, acme):
    """The nightly run deducts from who never agreed, and raw SQL does; the run holds the bill, a CHECK refuses the row."""
    collection.collect(at=shop.at(DUE))
    assert allowing.right(bill, at=shop.at(DUE)) == Held("no_authorisation")
    refused(bill, None, match="payment_automatic_was_allowed")
    assert holds(acme) == 500_00


def test_it_refuses_a_deduction_after_the_withdrawal_at_a_clock_that_is_behind(bill, acme, qingyu):
    """A server whose clock is an hour behind deducts after a withdrawal; one that was withdrawn covers nothing at any time."""
    yes = consent(acme, qingyu)
    agreements.withdraw(yes, at=shop.at("2026-02-05 00:30"), by=None)
    assert collection.collect(at=shop.at(DUE)).held == 1
    refused(bill, yes, match="the authorisation was withdrawn")
    assert holds(acme) == 500_00


def test_it_refuses_a_deduction_by_the_consent_of_another(bill, acme, qingyu):
    """Somebody points a deduction at another customer's authorisation; the trigger compares customer, seller and currency."""
    refused(bill, consent(shop.tenant("other"), qingyu), match="of another customer, seller or currency")
    refused(bill, consent(acme, shop.seller("second")), match="of another customer, seller or currency")
    refused(bill, consent(acme, qingyu, currency="USD"), match="of another customer, seller or currency")


@pytest.mark.parametrize(
    ("limits", "reason", "match"),
    [
        ({"ceiling_minor": 198_99}, "above_ceiling", "above the ceiling of a deduction"),
        ({"per_month_minor": 198_99}, "above_month", "above the ceiling of the month"),
        ({"scope": "overage"}, "not_covered", "does not cover every line"),
        ({"scope": "module:crm"}, "not_covered", "does not cover every line"),
        ({"scope": "renews"}, "no_authorisation", "does not cover every line"),
        ({"way": "alipay"}, "no_authorisation", "another way of payment"),
        ({"valid_until": shop.at(DUE)}, "no_authorisation", "not in force at this time"),
        ({"valid_from": shop.at("2026-02-05 00:01")}, "no_authorisation", "not in force at this time"),
        ({"at": shop.at("2026-02-05 00:01")}, "no_authorisation", "not in force at this time"),
    ],
)
def test_it_refuses_a_deduction_beyond_what_was_agreed(bill, acme, qingyu, limits, reason, match):
    """The run and raw SQL deduct above a ceiling, for another item, by another way or on another day; both are refused."""
    yes = consent(acme, qingyu, **limits)
    assert allowing.right(bill, at=shop.at(DUE)) == Held(reason)
    assert collection.collect(at=shop.at(DUE)).held == 1
    refused(bill, yes, match=match)
    assert holds(acme) == 500_00


def test_it_refuses_two_bills_under_what_is_left_of_one_month(bill, acme, qingyu):
    """A second bill is deducted under a month's ceiling that the first one used up; the sum of the month is asked."""
    yes = consent(acme, qingyu, per_month_minor=199_00)
    forged(bill, yes)
    assert allowing.this_month(yes, "Asia/Shanghai", shop.at("2026-02-28 23:59")) == 199_00
    with pytest.raises(IntegrityError, match="above the ceiling of the month"):
        forged(bill, yes, reference="g", amount_minor=1, uses=1, at="2026-02-28 23:59")


def test_it_refuses_a_deduction_before_its_day_at_a_clock_that_is_ahead(bill, acme, qingyu):
    """A deduction is written a minute before the announced day; the notice's own day is asked."""
    refused(bill, consent(acme, qingyu), at="2026-02-04 23:59", match="its day has not come")


def test_it_refuses_a_deduction_whose_notice_came_back(bill, acme, qingyu):
    """The notice bounced and somebody deducts all the same; without delivery no notice can be used."""
    yes = consent(acme, qingyu)
    ChargeNotice.objects.filter(of="bill").update(delivered_at=None, charge_at=None)
    assert allowing.right(bill, at=shop.at(DUE)) == Held("not_delivered")
    refused(bill, yes, match="was not delivered")


def test_it_refuses_more_than_was_announced(bill, acme, qingyu):
    """A notice of 198.99 is used for a bill of 199.00, whole or in part; the uses of a notice stay within it."""
    yes, small = consent(acme, qingyu), ChargeNotice.objects.get(of="bill")
    small.pk, small.version, small.total_minor = None, small.version + 1, 198_99
    small.save(force_insert=True)
    refused(bill, yes, notice=small, match="above what was announced")
    refused(bill, yes, notice=small, uses=198_99, match="19899 was announced of 19900")


def test_it_refuses_a_deduction_that_uses_no_notice(bill, acme, qingyu):
    """A deduction names a notice and takes up none of it, so that it could be named again; asked at commit."""
    refused(bill, consent(acme, qingyu), uses=0, match="0 was announced of 19900")


def test_it_refuses_to_use_a_notice_twice(bill, acme, qingyu):
    """A second bill is deducted under the notice of a paid one; what is left of it is asked."""
    yes = consent(acme, qingyu)
    forged(bill, yes)
    with pytest.raises(IntegrityError, match="above what was announced"):
        forged(bill, yes, reference="g", amount_minor=1, uses=1)
    assert taken() == 1


def test_it_refuses_a_deduction_of_what_is_disputed_or_not_owed(bill, acme, qingyu):
    """More is deducted than the bill owes; the amount is held to total less paid, credited and frozen."""
    refused(bill, consent(acme, qingyu), amount_minor=199_01, match="more than the bill owes")


def test_it_refuses_to_call_an_old_bill_confirmed(bill, acme):
    """Somebody writes “a member confirmed it” on a bill of days ago to pass without consent; only a bill issued now can be."""
    when = shop.at("2026-02-06 00:00")
    with pytest.raises(IntegrityError, match="nobody confirmed this bill now"):
        forged(bill, None, notice=None, basis="confirmed", uses=0, received_at=when, recorded_at=when)
    assert taken() == 0


def test_it_refuses_to_raise_a_ceiling_afterwards(bill, acme, qingyu):
    """An operator raises the ceiling of a consent by SQL; the row is sealed, and only a withdrawal can be added."""
    yes = consent(acme, qingyu, ceiling_minor=1)
    for change in ("ceiling_minor = NULL", "scope = 'overage'", "valid_until = NULL, way = 'wallet'"):
        with (
            pytest.raises(IntegrityError, match="sealed"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE tenants_authorisation SET {change} WHERE id = %s", [yes.pk])
    yes.refresh_from_db()
    assert (yes.ceiling_minor, yes.scope) == (1, "all")


def test_it_refuses_a_charge_of_a_price_that_nobody_accepted(bill, qingyu):
    """A charge is copied in with a price of a version that the customer never accepted; asked once a statement, COPY too."""
    dear = shop.plan(qingyu, [BASE | {"amount": "999.00"}], code="dear").prices.get()
    known = Charge.objects.values_list(*COLUMNS).first()
    row = [
        dear.pk if name == "price_id" else "x" if name == "cause" else value
        for name, value in zip(COLUMNS, known, strict=True)
    ]
    before = Charge.objects.count()
    with pytest.raises(IntegrityError, match="no price that this customer accepted"), transaction.atomic():
        copy_in(Charge, COLUMNS, [row])
    with pytest.raises(IntegrityError, match="no price that this customer accepted"), transaction.atomic():
        copy_row("billing_charge", {"price_id": "NULL", "kind": "'fee'", "amount_minor": "1"})
    with pytest.raises(IntegrityError, match="no price that this customer accepted"), transaction.atomic():
        copy_row("billing_charge", {"price_id": "NULL", "kind": "'minimum'", "amount_minor": "1"})
    assert Charge.objects.count() == before


def test_it_refuses_an_item_that_nothing_would_use(acme, qingyu):
    """A member authorises top-ups, which nothing makes yet; it is refused instead of keeping a promise that nothing uses."""
    with pytest.raises(Invalid, match="自动充值"):
        consent(acme, qingyu, scope="top_up")
    assert not Authorisation.objects.exists()


# Who may give it


@pytest.fixture
def told():
    with time_machine.travel(portal.NOON, tick=False), translation.override("en"):
        yield portal.story()


def gives(who, path="agree/", **more):
    form = {"item": ["renewal", "overage"], "way": "wallet", "ceiling": "500.00", "per_month": "800", "agreed": "yes"}
    client = logged_in(who)
    if "seen" not in more:
        shown = client.get("/c/acme/controls/new/text/", {k: v for k, v in (form | more).items() if k != "agreed"})
        page = shown.content.decode()
        more["seen"] = page.split('name="seen" value="')[1].split('"')[0] if 'name="seen"' in page else ""
    return client.post(f"/c/acme/controls/new/{path}", form | more, follow=True)


def test_a_member_gives_it_with_the_whole_text(told):
    shown = logged_in(told.alice).get("/c/acme/controls/new/").content.decode()
    assert "checked" not in shown
    assert "selected" not in shown
    gives(told.alice)
    given = Authorisation.objects.latest("pk")
    assert (given.scope, given.way, given.ceiling_minor, given.per_month_minor) == (
        "overage,renewal",
        "wallet",
        500_00,
        800_00,
    )
    assert (given.given_by, given.address, given.text_version) == (told.alice, "127.0.0.1", "authorisation-2026-12")
    assert "¥500.00" in given.text


def test_it_refuses_a_consent_by_who_may_not_pay(told):
    """A colleague who may only look gives the company's consent; only the owner or a payer may."""
    before = Authorisation.objects.count()
    assert gives(told.bob, seen="x").status_code == 403
    assert Authorisation.objects.count() == before


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"agreed": ""}, "the box was not ticked"),
        ({"seen": "0" * 64}, "The text has changed since you read it"),
        ({"item": []}, "nothing is chosen for you"),
        ({"item": ["top_up"]}, "Choose from what can be deducted here"),
        ({"item": ["subscription:999999"]}, "Choose from what can be deducted here"),
        ({"way": ""}, "Choose a way of payment"),
        ({"per_month": "1"}, "cannot be less than the most of one deduction"),
        ({"until": "2026-10-19"}, "must not be before"),
    ],
)
def test_it_refuses_a_consent_that_nobody_read_or_chose(told, wrong, said):
    """A form without a tick, of another text than was shown, or with items nobody offered is sent; nothing is recorded."""
    before = Authorisation.objects.count()
    assert said in gives(told.alice, **{"seen": "0" * 64} | wrong).content.decode()
    assert Authorisation.objects.count() == before


def test_it_refuses_a_program_that_consents_for_a_person(told):
    """A program with the customer's own key asks for an authorisation; only a person can consent."""
    _key, secret = keys.issue(told.acme, name="k", scopes=["read", "write"], at=portal.NOON, by=None)
    before = Authorisation.objects.count()
    answer = Program(secret).call("POST", "authorisations", {"items": ["all"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "consent_needs_a_person")
    assert Authorisation.objects.count() == before


def test_a_program_lists_them_and_withdraws_one(told):
    _key, secret = keys.issue(told.acme, name="k", scopes=["read", "write"], at=portal.NOON, by=None)
    program = Program(secret)
    (row,) = program.get("authorisations").json()["results"]
    assert (row["items"], row["in_force"], row["used"]) == (["all"], True, "0.00")
    _key, secret = keys.issue(told.beta, name="k", scopes=["read", "write"], at=portal.NOON, by=None)
    assert Program(secret).call("POST", f"authorisations/{row['id']}/withdraw").status_code == 404
    assert program.call("POST", f"authorisations/{row['id']}/withdraw").json()["in_force"] is False
    assert program.call("POST", f"authorisations/{row['id']}/withdraw").status_code == 409
