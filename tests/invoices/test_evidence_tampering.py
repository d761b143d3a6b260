"""Whatever is changed in a pack is found and named, also by whoever makes the hashes fit again."""

from decimal import Decimal

import pytest

from billing import defining, discounts
from invoices import announcing
from invoices.models import Payment, SigningKey
from tenants import delivery, notices
from tenants.models import Notice
from tests import evidence, shop
from tests.invoices import deducting
from tests.shop import NewContact

pytestmark = pytest.mark.django_db
PRICES = [deducting.BASE, deducting.MESSAGES | {"included": "1000"}]
SPRING = {"code": "SPRING", "percent": "10", "duration": "forever"}


def story():
    """Tell of a year that is announced by mail and deducted: 1,200 messages in January, a coupon on everything."""
    sold_by = shop.seller(tax_rate=Decimal("0.06"))
    defining.define_meters(sold_by, [shop.MESSAGES], at=shop.OPENED)
    discounts.define(sold_by, SPRING, at=shop.OPENED, by=None)
    version = shop.plan(sold_by, PRICES)
    acme = shop.tenant(contacts=[NewContact(name="Lin", email="lin@acme.example")])
    subscription = shop.subscribe(acme, version, "2026-01-01", pays="wallet")
    discounts.redeem(subscription, "SPRING", at=shop.at("2026-01-01 08:00"), by=None)
    deducting.top_up(acme, sold_by, "2000.00", "2026-01-01 00:00")
    for day, quantity in ((3, "700"), (17, "400"), (28, "100")):
        shop.use(acme, quantity, f"2026-01-{day:02d} 10:00")
    for day in ("2026-01-01", *(f"2026-01-{n}" for n in range(22, 32)), "2026-02-01", "2026-02-02", "2026-02-08"):
        pass_day(f"{day} 00:00")
    return acme


def pass_day(when):
    """Announce, let the mail server take what is to be mailed, and bill."""
    announcing.announce(at=shop.at(when))
    for notice in Notice.objects.filter(status=Notice.Status.MAKING):
        notices.give_file(notice, [], at=shop.at(when))
    delivery.deliver(at=shop.at(when))
    announcing.take_deliveries(at=shop.at(when))
    shop.bill(when)


@pytest.fixture
def pack(tmp_path):
    return evidence.packed(tmp_path, story(), "2026-01-01", "2026-03-01", shop.at("2026-03-01 09:00"))


def first(rows, **wanted):
    return next(row for row in rows if all(row[key] == value for key, value in wanted.items()))


def test_the_story_is_worth_tampering_with(pack):
    code, report = evidence.verified(pack)
    assert (code, report["faults"]) == (0, [])
    assert Payment.objects.filter(basis="automatic", status="succeeded").exists()
    for kind in ("lines", "measures", "discounts", "deductions", "notices", "texts", "ledger"):
        assert report["checked"][kind] > 0, kind


def usage_quantity(rows):
    rows[0]["quantity"] = "701"


def usage_gone(rows):
    del rows[0]


def usage_twice(rows):
    rows.append(dict(rows[0]))


def price(lines):
    first(lines, code="messages", reason="period")["price"]["params"]["unit_amount"] = "0.06"


def amount(lines):
    first(lines, code="base")["amount_minor"] += 100


def discount(lines):
    first(lines, code="base")["discounts"][0]["amount_minor"] -= 1


def tax(lines):
    first(lines, code="base")["tax_minor"] += 1


def days(lines):
    first(lines, code="base")["service"][1] = "2026-01-20"


def total(bills):
    bills[0]["total_minor"] += 100


def coupon(bills):
    bills[0]["coupons"][0]["percent"] = "5"


def text(rows):
    rows[0]["text"] += " Everything else too."


def version(rows):
    rows[0]["text"] = rows[0]["text"].replace("199.00", "209.00")


def ceiling(rows):
    for row in rows:
        row["ceiling_minor"] = 5


def withdrawn(rows):
    for row in rows:
        row["withdrawn_at"] = "2026-01-02T00:00:00Z"


def scope(rows):
    for row in rows:
        row["scope"] = "top_up"


def delivered(told):
    for message in told["messages"]:
        for one in message["deliveries"]:
            one["at"] = "2026-01-31T00:00:00Z"
        if message["delivered_at"]:
            message["delivered_at"] = "2026-01-31T00:00:00Z"
    for notice in told["deductions"]:
        if notice["via"] == "notice" and notice["delivered_at"]:
            notice["delivered_at"] = "2026-01-20T00:00:00Z"


def too_late(told):
    for notice in told["deductions"]:
        if notice["delivered_at"]:
            notice["delivered_at"], notice["charge_at"] = "2026-01-31T00:00:00Z", "2026-02-05T00:00:00Z"


def less_announced(told):
    for notice in told["deductions"]:
        notice["total_minor"] = 1


def booked(rows):
    rows[0]["amount_minor"] = str(int(rows[0]["amount_minor"]) + 1)


def booked_both(rows):
    same = [row for row in rows if row["transaction"] == rows[0]["transaction"]]
    same[0]["amount_minor"], same[1]["amount_minor"] = (
        str(int(same[0]["amount_minor"]) + 1),
        str(int(same[1]["amount_minor"]) - 1),
    )


TAMPERED = [
    ("usage.csv", usage_quantity, "line_measure"),
    ("usage.csv", usage_gone, "line_measure"),
    ("usage.csv", usage_twice, "event_repeated"),
    ("lines.json", price, "price_changed"),
    ("lines.json", amount, "line_amount"),
    ("lines.json", discount, "discount"),
    ("lines.json", tax, "tax"),
    ("lines.json", days, "line_days"),
    ("invoices.json", total, "total"),
    ("invoices.json", coupon, "discount"),
    ("authorisations.json", text, "text_hash"),
    ("prices.json", version, "text_hash"),
    ("authorisations.json", ceiling, "above_ceiling"),
    ("authorisations.json", withdrawn, "authorisation_not_in_force"),
    ("authorisations.json", scope, "out_of_scope"),
    ("notices.json", delivered, "delivery"),
    ("notices.json", too_late, "notice_late"),
    ("notices.json", less_announced, "above_notice"),
    ("ledger.csv", booked, "ledger_unbalanced"),
    ("ledger.csv", booked_both, "ledger_hash"),
]


def test_it_finds_every_change_and_names_it(pack):
    own = SigningKey.objects.get().public_key
    for name, change, code in TAMPERED:
        changed = evidence.rewritten(pack, name, change, hashed=False)
        assert evidence.codes(changed) >= {"file_changed", code}, change.__name__
        # Whoever makes the hashes fit has not the key; whoever signs with another key is not the seller.
        fitting = evidence.rewritten(pack, name, change)
        assert evidence.codes(fitting) >= {"signature", code}, change.__name__
        forged = evidence.rewritten(pack, name, change, signed=True)
        assert evidence.codes(forged, "--public-key", own) >= {"key", code}, change.__name__


def test_it_finds_what_is_missing_and_what_was_put_in(pack, tmp_path):
    files = evidence.members(pack)
    more = evidence.written(tmp_path / "more.zip", files | {"extra.txt": b"trust me"})
    assert evidence.codes(more) == {"file_unlisted"}
    del files["usage.csv"]
    code, report = evidence.verified(evidence.written(tmp_path / "less.zip", files))
    assert (code, report) == (2, {"unreadable": "usage.csv is missing."})
