"""Announced: nothing is deducted that the payer was not told of five days before, above what he was told, or on another day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from invoices import allowing, announcing, charge_reminders, collection, coming_back
from invoices.allowing import Held
from invoices.models import ChargeNotice, Invoice, Payment
from tenants import notices, preferences
from tenants.models import Contact, Member, Notice, NoticePreference, User
from tests import portal, shop
from tests.invoices.deducting import BASE, MESSAGES, holds, top_up
from tests.rows import NOW, broken, furnish
from tests.tenants.returned import letter_of_a_person, returned

pytestmark = [pytest.mark.django_db, pytest.mark.database]
TOLD, DUE = "2026-02-21 00:00", "2026-02-28 00:00"
FINANCE = "finance@acme.example"


@pytest.fixture
def acme(mailoutbox):
    who = shop.tenant()
    Contact.objects.create(tenant=who, name="林", email=FINANCE)
    return who


@pytest.fixture
def notice(qingyu, acme):
    """A renewal of 199.00 on 28 February, announced a week before; its mail was accepted at once."""
    top_up(acme, qingyu, "900.00", "2026-01-30 09:00")
    shop.subscribe(acme, shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-31", pays="wallet")
    settle("2026-01-31 00:00")
    settle("2026-02-05 00:00")
    assert holds(acme) == 701_00
    settle(TOLD)
    return ChargeNotice.objects.get(due_on="2026-02-28")


def settle(when):
    """Let announcements be written, sent and looked up at a local time, and bill."""
    at = shop.at(when)
    announcing.announce(at=at)
    shop.bill(when)
    for letter in Notice.objects.filter(status=Notice.Status.MAKING):
        notices.give_file(letter, [], at=at)
    notices.deliver(at=at)
    announcing.take_deliveries(at=at)


def letter(notice) -> Notice:
    return Notice.objects.get(key=notice.key)


def sealed(sql: str, constraint: str) -> None:
    """Expect that the database refuses a statement."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert constraint in str(refusal.value) + str(refusal.value.__cause__.diag.constraint_name)


def bill_of(acme) -> Invoice:
    return Invoice.objects.filter(tenant=acme).latest("pk")


def test_it_refuses_a_deduction_before_its_day(notice, acme):
    """The run is started a second before the announced day: nothing is deducted until the day has come."""
    shop.bill("2026-02-27 23:59")
    assert (holds(acme), Payment.objects.count()) == (701_00, 1)
    shop.bill(DUE)
    assert holds(acme) == 502_00


def test_it_refuses_a_deduction_whose_notice_came_back(notice, acme):
    """The mail with the notice comes back before the day: its delivery is taken back, and nothing is deducted."""
    assert coming_back.take([returned(letter(notice), FINANCE)], at=shop.at("2026-02-22 09:00")) == 1
    notice.refresh_from_db()
    assert (notice.delivered_at, notice.charge_at) == (None, None)
    shop.bill(DUE)
    shop.bill("2026-03-20 00:00")
    assert holds(acme) == 701_00
    assert allowing.right(bill_of(acme), at=shop.at("2026-03-20 00:00")) == Held("not_delivered")


def test_it_refuses_to_count_five_days_from_a_mail_that_came_back(notice, acme):
    """After the mail came back a member opens the notice: five days are counted from then, not from the dead mail."""
    alice = portal.person(acme, "alice")
    coming_back.take([returned(letter(notice), FINANCE)], at=shop.at("2026-02-24 09:00"))
    announcing.opened(notice, at=shop.at("2026-02-25 09:00"), by=alice)
    notice.refresh_from_db()
    assert notice.charge_at == shop.at("2026-03-02 09:00")
    shop.bill(DUE)
    assert holds(acme) == 701_00
    shop.bill("2026-03-02 09:00")
    assert holds(acme) == 502_00


@pytest.mark.parametrize("forgery", ["guessed", "person", "soft", "late"])
def test_it_refuses_a_forged_bounce(notice, acme, forgery):
    """Somebody writes a false, foreign, soft or late bounce to stop a deduction: the notice stays delivered."""
    said = letter(notice)
    raw = {
        "guessed": returned(said, FINANCE, sent=f"<notice-{said.pk}-{'0' * 24}@mingzhang.example>"),
        "person": letter_of_a_person(said, FINANCE),
        "soft": returned(said, FINANCE, status="4.2.2"),
        "late": returned(said, FINANCE),
    }[forgery]
    when = "2026-02-28 00:00" if forgery == "late" else "2026-02-22 09:00"
    coming_back.take([raw], at=shop.at(when))
    notice.refresh_from_db()
    assert (notice.delivered_at, notice.charge_at) == (shop.at(TOLD), shop.at(DUE))


def test_it_refuses_a_deduction_above_the_notice(notice, acme):
    """The bill is made dearer after the notice by usage: what is above it waits for a notice of its own."""
    shop.use(acme, "4000", "2026-02-25 10:00")
    shop.bill(DUE)
    assert holds(acme) == 502_00  # the renewal alone
    own = ChargeNotice.objects.get(of="bill", due_on="2026-02-28")
    assert (own.total_minor, own.delivered_at) == (200_00, None)
    assert bill_of(acme).status == Invoice.Status.DRAFT


def test_it_refuses_to_put_a_deduction_on_an_earlier_day(notice):
    """Somebody with the database moves the deduction to an earlier day: a trigger and two CHECKs refuse it."""
    day = f"WHERE id = {notice.pk}"
    sealed(
        f"UPDATE invoices_chargenotice SET charge_at = charge_at - interval '1 second' {day}",
        "charge_notice_never_earlier",
    )
    sealed(
        f"UPDATE invoices_chargenotice SET delivered_at = delivered_at - interval '1 day' {day}",
        "charge_notice_never_earlier",
    )
    sealed(f"UPDATE invoices_chargenotice SET due_at = due_at - interval '3 days' {day}", "sealed")
    sealed(f"UPDATE invoices_chargenotice SET total_minor = total_minor * 2 {day}", "sealed")
    sealed(f"DELETE FROM invoices_chargenotice {day}", "sealed")


def test_it_refuses_a_notice_that_was_known_before_it_was_written(notice):
    """Somebody takes the delivery back by SQL and writes one from before the notice: a CHECK refuses it."""
    ChargeNotice.objects.filter(pk=notice.pk).update(delivered_at=None, charge_at=None)
    early = "announced_at - interval '10 days'"
    sealed(
        f"UPDATE invoices_chargenotice SET delivered_at = {early}, charge_at = due_at WHERE id = {notice.pk}",
        "charge_notice_not_known_before",
    )


def test_it_refuses_to_deduct_at_a_shifted_clock(notice, acme):
    """The clock of a worker runs a week ahead when it looks for arrivals: the mail server's own moment counts."""
    ChargeNotice.objects.filter(pk=notice.pk).update(delivered_at=None, charge_at=None)
    announcing.take_deliveries(at=shop.at("2026-03-07 00:00"))
    notice.refresh_from_db()
    assert notice.delivered_at == shop.at(TOLD)
    collection.collect(at=shop.at("2026-02-27 23:59"))
    assert holds(acme) == 701_00


def test_it_refuses_to_switch_off_what_the_law_needs(notice, acme):
    """A member, by the verb, switches the announcements off: refused with the reason, and nothing is changed."""
    with pytest.raises(preferences.Needed) as refusal:
        preferences.choose(acme, "charge_announced", mail=False, wecom=False, at=shop.at(TOLD), by=None)
    assert refusal.value.code == "notice_needed"
    assert not NoticePreference.objects.exists()


def test_it_refuses_to_switch_off_what_the_law_needs_by_sql():
    """Somebody with the database switches the announcements off: a CHECK refuses it, also for a kind that nobody knows."""
    furnish()
    for kind in ("charge_announced", "invoice_issued", "made_up"):
        assert broken("tenants_noticepreference", {"kind": f"'{kind}'"}) == "preference_keeps_what_is_needed"


@pytest.mark.parametrize("who", ["operator", "stranger"])
def test_it_refuses_an_opening_by_others_than_the_payer(notice, acme, who):
    """An operator who made himself a member, or a stranger, opens the notice to have it delivered: it does not count."""
    coming_back.take([returned(letter(notice), FINANCE)], at=shop.at("2026-02-22 09:00"))
    person = User.objects.create_user(f"{who}@example.com", "x", name=who, is_staff=who == "operator")
    if who == "operator":
        Member.objects.create(tenant=acme, user=person, role="owner", joined_at=NOW)
    announcing.opened(notice, at=shop.at("2026-02-22 10:00"), by=person)
    notice.refresh_from_db()
    assert notice.delivered_at is None
    assert not letter(notice).openings.exists()


def test_it_refuses_to_exchange_the_file_of_a_sent_notice(notice):
    """Somebody puts another paper under a notice that was sent: the row keeps its files."""
    said = letter(notice)
    assert not notices.give_file(said, [notices.Attachment("other.pdf", "0" * 64)], at=shop.at(TOLD))
    sealed(f"UPDATE tenants_notice SET attachments = '[]'::jsonb || '[1]' WHERE id = {said.pk}", "keeps its files")


def test_it_refuses_to_remind_of_what_was_cancelled_or_is_no_longer_allowed(notice, acme):
    """The consent is withdrawn after the notice: no reminder says any more that something will be deducted."""
    at = shop.at("2026-02-25 08:00")
    assert charge_reminders.is_still_due(notice, at=at)
    acme.authorisations.update(withdrawn_at=at, withdrawn_by_name="Alice")
    assert charge_reminders.remind(at=at) == 0
    assert not Notice.objects.filter(kind="charge_reminder").exists()


def test_it_refuses_to_remind_twice(notice):
    """The tick of reminders runs again and again: each day before the deduction is reminded of once, and only within hours."""
    sent = []
    for hour in range(0, 24 * 8):
        at = shop.at(TOLD) + timedelta(hours=hour)
        sent += [at] * charge_reminders.remind(at=at)
    assert [f"{at.astimezone(shop.SHANGHAI):%m-%d %H}" for at in sent] == ["02-25 07", "02-27 07"]
