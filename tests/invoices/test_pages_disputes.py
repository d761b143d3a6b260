"""Questioning a line: what it freezes, where it stands, both sides beside each other; who may, and nobody else's."""

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile

from invoices import answering_disputes, dispute_evidence
from invoices.models import Dispute
from tenants.models import Member
from tests import portal
from tests.invoices.test_pages_access import logged_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(story):
    with time_machine.travel(portal.NOON, tick=False):
        yield story


@pytest.fixture
def bill(told):
    """The October bill: 2,652.00 and the messages of September, 10.00; not paid."""
    return told.bills[1]


@pytest.fixture
def usage(bill):
    return bill.lines.get(code="messages")


def shown(who, path, language="en"):
    return logged_in(who, language).get(f"/c/acme/{path}").content.decode()


def opened(who, bill, **said):
    body = {"reason": "用量不对", "line": "", "first": "", "last": "", "amount": "10.00"} | said
    return logged_in(who).post(f"/c/acme/bills/{bill.pk}/dispute/", body)


def test_each_line_of_a_bill_can_be_questioned(told, bill, usage):
    page = shown(told.alice, f"bills/{bill.pk}/")
    assert f"/c/acme/bills/{bill.pk}/dispute/?line={usage.pk}" in page
    assert "Question this line" in page
    assert "Dispute this bill" in page


def test_it_shows_what_is_frozen_and_what_still_is_due(told, bill, usage):
    page = shown(told.alice, f"bills/{bill.pk}/dispute/?line={usage.pk}")
    for words in (
        "Frozen from now on",
        "¥10.00",
        "Still to be paid of the bill",
        "Question this day",
        "Dispute ¥10.00",
    ):
        assert words in page
    assert f"line={usage.pk}&amp;first=2026-09-17&amp;last=2026-09-17" in page


def test_a_day_is_its_share(told, bill, usage):
    page = shown(told.alice, f"bills/{bill.pk}/dispute/?line={usage.pk}&first=2026-09-28&last=2026-09-28")
    assert "Dispute ¥5.00" in page


def test_more_than_the_line_is_refused_on_the_page(told, bill, usage):
    page = shown(told.alice, f"bills/{bill.pk}/dispute/?line={usage.pk}&amount=10.01")
    assert "Of this at most" in page
    assert "<textarea" not in page
    assert "This line is not of this bill." in shown(told.alice, f"bills/{bill.pk}/dispute/?line=99999")
    assert "Write a day such as" in shown(told.alice, f"bills/{bill.pk}/dispute/?line={usage.pk}&first=x")


def test_opening_one_leads_to_its_page(told, bill, usage):
    file = SimpleUploadedFile("日志.pdf", b"%PDF-1.7 x", content_type="application/pdf")
    answer = opened(told.alice, bill, line=str(usage.pk), file=file)
    (row,) = Dispute.objects.all()
    assert answer["Location"] == f"/c/acme/disputes/{row.pk}/"
    assert (row.amount_minor, row.opened_by) == (10_00, told.alice)
    page = shown(told.alice, f"disputes/{row.pk}/")
    for words in (
        "Messages",
        "用量不对",
        "We answer by",
        "What you say",
        "What we say",
        "日志.pdf",
        "Take the dispute back",
    ):
        assert words in page
    kept = logged_in(told.alice).get(f"/c/acme/disputes/{row.pk}/evidence/{row.evidence.get().pk}/")
    assert (kept.content, kept["Content-Disposition"], kept["X-Content-Type-Options"]) == (
        b"%PDF-1.7 x",
        "attachment",
        "nosniff",
    )
    assert "¥10.00" in shown(told.alice, "disputes/")
    assert "is in dispute and frozen" in shown(told.alice, f"bills/{bill.pk}/")


def test_the_whole_bill_in_dispute_is_neither_asked_for_nor_overdue(told, bill):
    opened(told.alice, bill, amount=str(bill.total_minor / 100))
    page = shown(told.alice, f"bills/{bill.pk}/")
    assert "All of it is in dispute and frozen" in page
    assert "In dispute, frozen" in page
    assert "in dispute is frozen and is not taken." in shown(told.alice, "").replace("<b>", "").replace("</b>", "")
    assert "1 dispute, its amount frozen" in page


def test_a_stale_amount_is_not_disputed(told, bill, usage):
    opened(told.alice, bill, line=str(usage.pk), amount="10.01")
    assert not Dispute.objects.exists()


def test_an_answer_is_shown_and_may_be_appealed(told, bill, usage):
    opened(told.alice, bill, line=str(usage.pk))
    (row,) = Dispute.objects.all()
    answering_disputes.settle(row, outcome="explain", text="见事件清单", at=portal.NOON, by=None)
    dispute_evidence.add(row, side="seller", text="逐条事件", at=portal.NOON, by=None)
    page = shown(told.alice, f"disputes/{row.pk}/")
    for words in ("见事件清单", "逐条事件", "You can appeal once until", "What has the answer left out?"):
        assert words in page
    logged_in(told.alice).post(f"/c/acme/disputes/{row.pk}/appeal/", {"text": "重复计数"})
    row.refresh_from_db()
    assert (row.state, row.appeal) == ("appealed", "重复计数")
    logged_in(told.alice).post(f"/c/acme/disputes/{row.pk}/withdraw/")
    row.refresh_from_db()
    assert row.state == "settled"


def test_evidence_is_added_by_the_page_and_no_program(told, bill):
    opened(told.alice, bill)
    (row,) = Dispute.objects.all()
    logged_in(told.alice).post(f"/c/acme/disputes/{row.pk}/evidence/", {"text": "还有这个"})
    logged_in(told.alice).post(
        f"/c/acme/disputes/{row.pk}/evidence/", {"file": SimpleUploadedFile("x.pdf", b"MZ\x90\x00")}
    )
    assert list(row.evidence.values_list("text", flat=True)) == ["还有这个"]


def test_only_who_pays_or_manages_may(told, bill):
    admin = portal.person(told.acme, "dora", Member.Role.ADMIN)
    assert opened(told.bob, bill).status_code == 403
    assert opened(admin, bill).status_code == 302
    (row,) = Dispute.objects.all()
    page = shown(told.bob, f"disputes/{row.pk}/")
    assert "Take the dispute back" not in page
    for act in ("appeal", "withdraw", "evidence"):
        assert logged_in(told.bob).post(f"/c/acme/disputes/{row.pk}/{act}/", {"text": "x"}).status_code == 403
        assert logged_in(told.charlie).post(f"/c/beta/disputes/{row.pk}/{act}/", {"text": "x"}).status_code == 404
    assert logged_in(told.charlie).get(f"/c/beta/disputes/{row.pk}/").status_code == 404


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_it_opens_in_both_languages(told, bill, usage, language):
    opened(told.alice, bill, line=str(usage.pk))
    (row,) = Dispute.objects.all()
    for path in ("disputes/", f"disputes/{row.pk}/", f"bills/{bill.pk}/dispute/"):
        assert logged_in(told.alice, language).get(f"/c/acme/{path}").status_code == 200
