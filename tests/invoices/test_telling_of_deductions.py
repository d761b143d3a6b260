"""The notice of a deduction as a file, its message that waits for it, the pages of notices, and letters about terms and trials."""

from datetime import timedelta
from io import BytesIO, StringIO

import pytest
import time_machine
from django.core.management import call_command
from pypdf import PdfReader

from billing.models import Subscription
from invoices import announcing, composing_notices, pdf, rendering_notices, term_letters
from invoices.document import DoesNotAddUp
from invoices.models import ChargeNotice, Document
from tenants import files, notices
from tenants.models import Bounce, Notice, NoticePreference, WeComBot
from tests import portal, shop
from tests.invoices.deducting import BASE, top_up
from tests.tenants.returned import returned

pytestmark = pytest.mark.django_db
AT, PAGE = shop.at("2026-10-25 00:00"), "/c/acme/settings/notifications/"


@pytest.fixture
def told():
    """Acme is deducted from its balance; its bill of 1 November was announced on 25 October."""
    told = portal.story()
    Subscription.objects.filter(tenant=told.acme).update(pays="wallet")
    top_up(told.acme, told.subscription.seller, "4120.50", "2026-10-02 09:00")
    announcing.announce(at=AT)
    return told


def notice() -> ChargeNotice:
    return ChargeNotice.objects.select_related("tenant", "seller").get()


def letter() -> Notice:
    return Notice.objects.get(key=notice().key)


def test_the_message_waits_for_its_file_and_goes_with_it(told, mailoutbox):
    assert letter().status == "making"
    notices.deliver(at=AT)
    assert not [mail for mail in mailoutbox if "2,643" in mail.subject and "11月1日" in mail.subject]
    (row,) = rendering_notices.waiting(5)
    document = rendering_notices.render(row, pdf.render, at=AT)
    assert rendering_notices.waiting(5) == []
    notices.deliver(at=AT)
    assert mailoutbox[-1].attachments[0][0] == document.name == f"TZ-2026-{row.pk:06d}.pdf"
    assert announcing.take_deliveries(at=AT) == 1
    assert notice().charge_at == shop.at("2026-11-01 00:00")


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("zh-hans", ["扣费通知单", "这是通知，不是账单", "¥2,643.00", "已确定", "核对码", "400-000-0000"]),
        ("en", ["Charge notice", "not a bill", "¥2,643.00", "fixed", "To change or stop"]),
    ],
)
def test_the_file_says_all_of_it(told, language, texts):
    paper = composing_notices.compose(notice(), letter(), language)
    pages = PdfReader(BytesIO(pdf.render(paper))).pages
    said = "".join(page.extract_text() for page in pages).replace("\n", "")
    assert [text for text in texts if text.replace(" ", "") not in said.replace(" ", "")] == []
    assert paper.verification_code in said


def test_a_paper_that_does_not_add_up_is_not_made(told):
    row = notice()
    row.total_minor, row.lines = 5, []
    row.renewal_minor = row.ceiling_minor = 0
    assert composing_notices.compose(row, letter(), "en").total_minor == 5  # the rest is a line of its own
    with pytest.raises(DoesNotAddUp):
        type(composing_notices.compose(row, letter(), "en"))(**_fields(composing_notices.compose(row, letter(), "en")))


def _fields(paper):
    return {name: getattr(paper, name) for name in paper.__dataclass_fields__} | {"total_minor": 6}


def test_a_file_that_is_late_or_cannot_be_made_holds_nothing_up(told):
    assert rendering_notices.latest(notice()) == AT + timedelta(days=1)
    assert rendering_notices.send_without(at=AT + timedelta(hours=23)) == 0
    assert rendering_notices.send_without(at=AT + timedelta(days=1)) == 1
    assert (letter().status, letter().attachments) == ("pending", [])


def test_what_cannot_be_printed_goes_at_once(told):
    def typeset(_paper):
        raise ValueError("no such glyph")

    assert rendering_notices.render(notice(), typeset, at=AT) is None
    assert letter().status == "pending"
    assert not Document.objects.filter(kind="notice").exists()


def test_the_pages_show_it_and_opening_delivers_it(told, client):
    document = rendering_notices.render(notice(), pdf.render, at=AT)
    with time_machine.travel(shop.at("2026-10-26 12:00"), tick=False):
        client.force_login(told.alice)
        assert "正在发送" in client.get("/c/acme/notices/").content.decode()
        assert notice().delivered_at is None  # the list opens none
        assert "<small>最多</small> ¥2,643.00" in client.get("/c/acme/").content.decode()
        assert client.get(f"/c/acme/notices/{letter().pk}/").status_code == 200
        assert letter().delivered_at == shop.at("2026-10-26 12:00")
        answer = client.get(f"/c/acme/deductions/{notice().pk}/zh-hans.pdf")
        assert answer.content == files.fetch(document.sha256)
        client.force_login(told.charlie)
        assert client.get(f"/c/acme/notices/{letter().pk}/").status_code == 404
        assert client.get(f"/c/acme/deductions/{notice().pk}/zh-hans.pdf").status_code == 404
    announcing.take_deliveries(at=shop.at("2026-10-26 12:01"))
    assert notice().delivered_at == shop.at("2026-10-26 12:00")


def test_a_viewer_looks_at_preferences_and_changes_none(told, client):
    client.force_login(told.bob)
    assert "disabled" in client.get(PAGE).content.decode()
    assert client.post(PAGE, {"mail:balance_low": "on"}).status_code == 403
    assert not NoticePreference.objects.exists()


def test_an_owner_chooses_and_cannot_switch_off_what_is_needed(told, client):
    client.force_login(told.alice)
    form = client.get(PAGE).context["page"]
    needed = {f"mail:{c.code}": "on" for section in form.sections for c in section.choices if c.why}
    client.post(PAGE, needed | {"days": ["30", "1"]})
    told.acme.refresh_from_db()
    assert told.acme.reminder_days == [30, 1]
    assert NoticePreference.objects.get(kind="balance_low").mail is False
    before = set(NoticePreference.objects.values_list("kind", "mail", "wecom"))
    client.post(PAGE, {})
    assert set(NoticePreference.objects.values_list("kind", "mail", "wecom")) == before


def test_the_page_never_shows_the_key(told, client):
    key = "693a91f6-7000-4bc4-97a0-0ec21fa5aaa0"
    client.force_login(told.alice)
    client.post(f"{PAGE}wecom/", {"address": f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={key}"})
    shown = client.get(PAGE).content.decode()
    assert WeComBot.objects.get().fingerprint[:16] in shown
    assert key not in shown
    client.post(f"{PAGE}wecom/", {"leave": "1"})
    assert not WeComBot.objects.exists()


def test_the_command_reads_a_folder_of_returned_mails(told, tmp_path):
    notices.give_file(letter(), [], at=AT)
    notices.deliver(at=AT)
    (tmp_path / "1.eml").write_bytes(returned(letter(), "alice@example.com"))
    (tmp_path / "2.eml").write_bytes(b"Subject: hello\r\n\r\nx")
    said = StringIO()
    call_command("take_bounces", str(tmp_path), stdout=said)
    assert said.getvalue() == "1 deliveries came back.\n"
    assert Bounce.objects.get().address == "alice@example.com"


def test_a_long_term_is_told_of_a_month_before_and_once(qingyu):
    acme = shop.tenant()
    shop.subscribe(acme, shop.plan(qingyu, [BASE], interval="year", term="year"), "2026-01-31", pays="wallet")
    shop.bill("2026-01-31 00:00")
    assert term_letters.tell(at=shop.at("2026-12-31 23:59")) == 0
    assert [term_letters.tell(at=shop.at(f"2027-01-{day} 00:00")) for day in ("01", "01", "20")] == [1, 0, 0]
    said = Notice.objects.get(kind="renewal_coming").payload
    assert (said["last_day"], said["next_day"], said["amount_minor"]) == ("2027-01-30", "2027-01-31", 199_00)


def test_nothing_is_told_of_a_term_that_does_not_renew(qingyu):
    acme = shop.tenant()
    plan = shop.plan(qingyu, [BASE], interval="year", term="year")
    shop.subscribe(acme, plan, "2026-01-31", pays="wallet", renews=False)
    shop.bill("2026-01-31 00:00")
    assert term_letters.tell(at=shop.at("2027-01-20 00:00")) == 0


def test_who_pays_by_hand_is_told_a_week_before(qingyu):
    acme = shop.tenant()
    shop.subscribe(acme, shop.plan(qingyu, [BASE]), "2026-01-31")
    shop.bill("2026-01-31 00:00")
    assert [term_letters.tell(at=shop.at(f"2026-02-{day} 00:00")) for day in ("20", "21")] == [0, 1]


@pytest.mark.parametrize(("after", "said"), [("ends", "ends"), ("pays", "pays")])
def test_the_end_of_a_trial_says_what_comes(qingyu, after, said):
    acme = shop.tenant()
    plan = shop.plan(qingyu, [BASE], trial_days=14, after_trial=after)
    shop.subscribe(acme, plan, "2026-01-01", pays="wallet")
    shop.bill("2026-01-01 00:00")
    assert [term_letters.tell(at=shop.at(f"2026-01-{day} 00:00")) for day in ("11", "12", "13")] == [0, 1, 0]
    told = Notice.objects.get(kind="trial_ending").payload
    assert (told["afterwards"], told["last_day"]) == (said, "2026-01-14")
