"""What the pages say: every amount a literal, every language whole, and nothing that needs another host."""

import csv
import io

import pytest
import time_machine

from invoices.models import Document
from tenants import files
from tests import portal, shop
from tests.invoices.test_pages_access import logged_in

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def told(story):
    with time_machine.travel(portal.NOON, tick=False):
        yield story


@pytest.fixture
def alice(told):
    return logged_in(told.alice)


def test_every_page_renders_in_both_languages(told):
    for language, word in (("en", "Billing"), ("zh-hans", "费用中心")):
        client = logged_in(told.alice, language)
        for address in portal.addresses(told):
            page = client.get(address)
            assert page.status_code == 200, address
            assert word in page.content.decode()


def test_an_empty_company_has_every_page(told):
    person = portal.person(shop.tenant("fresh"), "dora")
    for page in portal.PAGES:
        assert logged_in(person).get(f"/c/fresh/{page}").status_code == 200, page


def test_the_overview_says_what_comes_next(alice):
    page = alice.get("/c/acme/").content.decode()
    # 1,299 + 18 × 58 + 300 = 2,643; the September bill was the same, and October's carries 200 × 0.05 = 10 more
    assert "¥2,643.00" in page
    assert "¥2,653.00" in page
    # 620 of 1,000 by noon of the 20th: 620 × 31 ÷ 19.5 = 985.6
    assert "620\u00a0messages</b> / 1,000\u00a0messages" in page
    assert "986\u00a0messages" in page


def test_the_banner_asks_for_the_open_bill(alice):
    page = alice.get("/c/acme/").content.decode()
    assert "October bill: ¥2,653.00 still to pay." in page
    assert '<section class="next danger"' in page


def test_the_list_has_bills_newest_first_and_a_sum(alice):
    page = alice.get("/c/acme/bills/").content.decode()
    assert page.index("October bill</a>") < page.index("September bill</a>")
    # 2,643 + 2,653
    assert "2 bills, ¥5,296.00 in all" in page
    assert "+¥10.00 against September" in page


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("state=paid", 1),
        ("state=overdue", 1),
        ("text=2,653.00", 1),
        ("text=消息", 1),
        ("year=2025", 0),
        ("year=%26", 2),
    ],
)
def test_the_filters_live_in_the_address(alice, query, count):
    page = alice.get(f"/c/acme/bills/?{query}").content.decode()
    assert page.count('<tr class="whole">') == count


def test_the_export_obeys_the_filters(alice):
    answer = alice.get("/c/acme/bills.csv?state=paid")
    text = answer.content.decode()
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row[4] for row in rows] == ["Amount", "2643.00"]
    assert answer["Content-Disposition"].startswith('attachment; filename="acme-bills-')


def test_a_line_unfolds_into_its_sum(told, alice):
    page = alice.get(f"/c/acme/bills/{told.bills[1].pk}/").content.decode()
    assert "1,200\u00a0messages were used, 1,000\u00a0messages are included, 200\u00a0messages are paid for." in page
    assert "Above what is included from 28 Sep on" not in page
    # 700 on the 3rd, 400 on the 17th: there the thousand is passed
    assert "Above what is included from 17 Sep on" in page
    assert "See 3 records" in page


def test_a_bill_in_chinese_has_its_total_in_capitals(told):
    page = logged_in(told.alice, "zh-hans").get(f"/c/acme/bills/{told.bills[1].pk}/").content.decode()
    assert "人民币贰仟陆佰伍拾叁元整" in page
    assert "怎么算的" in page


def test_a_line_is_computed_again_and_agrees(told, alice):
    bill = told.bills[1]
    line = bill.lines.get(code="messages")
    said = alice.post(f"/c/acme/bills/{bill.pk}/lines/{line.pk}/again/").content.decode()
    assert "from 3 records: ¥10.00, the same as charged." in said


def test_a_line_that_lost_a_record_no_longer_agrees(told, alice):
    bill = told.bills[1]
    line = bill.lines.get(code="messages")
    shop.ingest.accept(told.acme, [{"key": "v", "void": "messages-2026-09-28 10:00-100"}], at=portal.NOON)
    said = alice.post(
        f"/c/acme/bills/{bill.pk}/lines/{line.pk}/again/", headers={"hx-request": "true"}
    ).content.decode()
    assert "¥5.00, charged ¥10.00" in said


def test_a_fixed_line_is_added_up_again(told, alice):
    bill = told.bills[1]
    line = bill.lines.get(code="seat")
    said = alice.post(f"/c/acme/bills/{bill.pk}/lines/{line.pk}/again/").content.decode()
    assert "from price, quantity and days: ¥1,044.00, the same as on the bill." in said


def test_a_pdf_is_handed_out_as_it_is_kept(told, alice):
    bill = told.bills[0]
    assert alice.get(f"/c/acme/bills/{bill.pk}/en.pdf").status_code == 404
    digest = files.keep(b"%PDF-1.7 kept")
    Document.objects.create(
        tenant=told.acme,
        kind="invoice",
        source_id=bill.pk,
        language="zh-hans",
        name="QY-1.pdf",
        sha256=digest,
        bytes=13,
        made_at=portal.NOON,
    )
    answer = alice.get(f"/c/acme/bills/{bill.pk}/zh-hans.pdf")
    assert (answer.content, answer["Content-Type"]) == (b"%PDF-1.7 kept", "application/pdf")
    assert logged_in(told.charlie).get(f"/c/beta/bills/{bill.pk}/zh-hans.pdf").status_code == 404


def test_it_tells_how_to_pay(told, alice):
    page = alice.get(f"/c/acme/bills/{told.bills[1].pk}/").content.decode()
    assert "5719 0000 0000 001" in page
    assert f"<b>{told.bills[1].number}</b>" in page


def test_the_page_of_costs_has_every_price_of_the_version(alice):
    page = alice.get("/c/acme/controls/prices/").content.decode()
    for words in (
        "¥1,299.00",
        "¥58.00 / seat",
        "¥300.00",
        "¥0.05 / messages",
        "1,000\u00a0messages included; at most ¥200.00",
    ):
        assert words in page


def test_the_events_are_listed_and_exported(alice):
    page = alice.get("/c/acme/usage/events/?meter=messages&from=2026-09-01").content.decode()
    assert "messages-2026-09-17 10:00-400" in page
    rows = alice.get("/c/acme/usage/events.csv?meter=messages&from=2026-09-01").content.decode().splitlines()
    assert len(rows) == 4
    assert rows[1].split(",")[3] == "700"


def test_the_seller_s_colour_is_refused_when_white_on_it_cannot_be_read(told, alice):
    assert "--primary:#1f4e8c" in alice.get("/c/acme/brand.css").content.decode()
    told.subscription.seller.__class__.objects.update(colour="#8fb8ee")
    assert alice.get("/c/acme/brand.css").content == b""


def test_a_withdrawn_authorisation_shows_in_the_banner(told, alice):
    told.subscription.__class__.objects.filter(pk=told.subscription.pk).update(pays="wallet")
    shop.agreements.withdraw(told.acme.authorisations.get(), at=portal.NOON, by=told.alice)
    last = told.bills[1]
    amount = shop.defining.Money(last.total_minor, "CNY")
    portal.payments.receive_transfer(
        told.acme, seller=last.seller, amount=amount, reference="T-2", received_at=portal.NOON, at=portal.NOON, by=None
    )
    page = alice.get("/c/acme/").content.decode()
    assert "You have withdrawn the authorisation (Tue 20 Oct)." in page


def test_a_parent_sees_how_a_subsidiary_s_line_is_computed_and_not_its_records(told):
    child = shop.tenant("child", parent="acme")
    shop.subscribe(child, told.subscription.version, "2026-10-01")
    shop.use(child, "1500", "2026-10-05 10:00", key="of-the-child")
    shop.bill("2026-11-01 00:00")
    bill = shop.bills(told.acme)[-1]
    line = bill.lines.get(charge__tenant=child, code="messages")
    with time_machine.travel(shop.at("2026-11-02 12:00"), tick=False):
        alice = logged_in(told.alice)
        page = alice.get(f"/c/acme/bills/{bill.pk}/").content.decode()
        assert "苏州child家居有限公司" in page
        # 1,500 − 1,000 = 500 at 0.05 is 25.00
        assert (
            "1,500\u00a0messages were used, 1,000\u00a0messages are included, 500\u00a0messages are paid for." in page
        )
        assert f"/lines/{line.pk}/again/" not in page
        assert alice.post(f"/c/acme/bills/{bill.pk}/lines/{line.pk}/again/").status_code == 404


def test_prices_that_share_a_meter_are_counted_apart(told):
    """Domestic messages within their thousand, international ones beside them: each price sees its own events."""
    sold_by = shop.seller("yunqi")
    meter = shop.MESSAGES | {"code": "sms", "dimensions": ["region"]}
    shop.defining.define_meters(sold_by, [meter], at=shop.OPENED)
    price = {"kind": "usage", "meter": "sms", "model": "per_unit"}
    home = price | {"code": "home", "name": "国内消息", "unit_amount": "0.05", "included": "1000"}
    abroad = price | {"code": "abroad", "name": "国际消息", "unit_amount": "0.32", "match": {"region": "intl"}}
    gamma = shop.tenant("gamma")
    shop.subscribe(gamma, shop.plan(sold_by, [home, abroad], alignment="calendar"), "2026-10-01")
    shop.use(gamma, "900", "2026-10-02 10:00", meter="sms")
    shop.use(gamma, "300", "2026-10-03 10:00", meter="sms", region="intl")
    shop.bill("2026-10-01 00:00")
    dora = logged_in(portal.person(gamma, "dora"), "zh-hans")
    page = dora.get("/c/gamma/usage/?meter=home&from=2026-10-01").content.decode()
    assert '<p class="figure">900\u00a0条</p>' in page
    assert "没有超出套餐含量 1,000\u00a0条" in page
    events = dora.get("/c/gamma/usage/events/?meter=abroad&from=2026-10-01").content.decode()
    assert "region=intl" in events
    assert "sms-2026-10-02" not in events
