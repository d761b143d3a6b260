"""Quotes: sealed when sent, numbered without gaps, revised by a new one, answered once by who may; and printed and mailed."""

import io
from datetime import date
from decimal import Decimal
from hashlib import sha256

import pytest
from pypdf import PdfReader

from billing import catalogue, defining
from billing.models import Acceptance, Coupon, PriceList, PriceListEntry, Redemption, Subscription
from billing.orders import Overlapping
from invoices import answering, pdf, quoting, rendering
from invoices.models import Document, Invoice, NumberSeries, Quote
from tenants import files
from tenants.errors import Invalid, NotAllowed, WrongState
from tenants.models import AuditEntry, Authorisation, CustomerGroup, Member, Notice
from tests import shop
from tests.invoices import quotes_samples as samples

pytestmark = [pytest.mark.django_db]
NOW = samples.NOW


@pytest.fixture
def version(qingyu):
    return samples.version(qingyu)


@pytest.fixture
def quote(version) -> Quote:
    return samples.sent(shop.tenant(), version)


@pytest.fixture
def alice(quote):
    return samples.buyer(quote.tenant)


def accept(quote, by, at=NOW, **changes) -> Subscription:
    return quoting.accept(quote, samples.yes(quote, **changes), by=by, at=at)


def test_it_numbers_quotes_without_gaps(quote, version):
    second = samples.sent(shop.tenant("beta"), version)
    assert [quote.number, second.number] == ["QINGYUQ-2026-000001", "QINGYUQ-2026-000002"]
    assert NumberSeries.objects.get(kind="quote").last_number == 2


def test_it_seals_all_that_is_offered_with_a_hash(quote):
    kept = Quote.objects.select_related("tenant", "version__plan").get(pk=quote.pk)
    assert quoting.fingerprint(kept) == quote.sha256
    kept.prices = {}
    assert quoting.fingerprint(kept) != quote.sha256


def test_it_writes_a_draft_anew_and_a_sent_quote_as_a_revision(quote, version):
    terms = samples.terms(version, label="other")
    drafted = quoting.draft(shop.tenant("beta"), terms, at=NOW, by=None)
    assert quoting.revise(drafted, samples.terms(version), at=NOW, by=None).pk == drafted.pk
    revision = quoting.revise(quote, samples.terms(version, minimum_minor=500000), at=NOW, by=None)
    assert (str(revision), revision.revision, revision.supersedes) == ("QINGYUQ-2026-000001/2", 2, quote)
    quote.refresh_from_db()
    assert quote.status == "sent"
    quoting.send(revision, at=NOW, by=None)
    quote.refresh_from_db()
    assert (quote.status, NumberSeries.objects.get(kind="quote").last_number) == ("withdrawn", 1)


def test_it_revises_neither_what_was_accepted_nor_twice(quote, version, alice):
    quoting.revise(quote, samples.terms(version), at=NOW, by=None)
    with pytest.raises(WrongState, match=r"newer revision|新的版次"):
        quoting.revise(quote, samples.terms(version), at=NOW, by=None)
    accept(quote, alice)
    with pytest.raises(WrongState):
        quoting.revise(quote, samples.terms(version), at=NOW, by=None)


def test_it_sends_no_revision_of_what_was_accepted_meanwhile(quote, version, alice):
    revision = quoting.revise(quote, samples.terms(version), at=NOW, by=None)
    accept(quote, alice)
    with pytest.raises(WrongState):
        quoting.send(revision, at=NOW, by=None)


def test_it_starts_what_was_offered(quote, alice):
    begun = accept(quote, alice)
    assert (begun.start_on, begun.end_on, begun.auto_renew) == (date(2026, 12, 1), date(2027, 12, 1), False)
    assert {row.price.code: row.params["unit_amount"] for row in begun.negotiated_prices.all()} == {
        "seat": "50.00",
        "messages": "0.05",
    }
    assert Acceptance.objects.get(subscriptions=begun).text_sha256 == quote.sha256
    quote.refresh_from_db()
    assert (quote.answered_by, quote.answered_from, quote.subscription) == (alice, "203.0.113.7", begun)
    assert quote.shown_sha256 == sha256("全文".encode()).hexdigest()
    assert Notice.objects.get(kind="quote_accepted").payload["by_name"] == "alice"
    assert AuditEntry.objects.filter(verb="quote.accepted", tenant=quote.tenant).count() == 1


def test_it_bills_at_once_what_begins_at_once(version):
    tenant = shop.tenant()
    quote = samples.sent(tenant, version, start_on=date(2026, 11, 20), end_on=date(2027, 11, 20))
    accept(quote, samples.buyer(tenant))
    # 1,000 + 20 × 50 + 300 + 2 × 2,000
    assert [bill.total_minor for bill in Invoice.objects.filter(tenant=tenant)] == [630000]


def test_it_accepts_once(quote, alice):
    accept(quote, alice)
    with pytest.raises(WrongState):
        accept(quote, alice)
    assert Subscription.objects.count() == 1


@pytest.mark.parametrize("role", [Member.Role.VIEWER, Member.Role.ADMIN])
def test_it_lets_only_those_answer_who_may_pay(quote, role):
    bob = samples.buyer(quote.tenant, "bob", role)
    with pytest.raises(NotAllowed):
        accept(quote, bob)
    with pytest.raises(NotAllowed):
        quoting.decline(quote, at=NOW, by=bob)


def test_it_lets_nobody_of_another_company_answer(quote):
    with pytest.raises(NotAllowed):
        accept(quote, samples.buyer(shop.tenant("beta"), "charlie"))


def test_it_is_valid_through_its_last_day(quote, alice):
    with pytest.raises(answering.QuoteExpired):
        accept(quote, alice, at=shop.at("2026-12-01 00:00"))
    assert accept(quote, alice, at=shop.at("2026-11-30 23:59"))


def test_it_refuses_what_was_not_seen_or_not_confirmed(quote, alice):
    with pytest.raises(answering.QuoteChanged):
        accept(quote, alice, seen="0" * 64)
    with pytest.raises(Invalid):
        accept(quote, alice, confirmed=False)
    assert not Subscription.objects.exists()


def test_it_leaves_nothing_half_done(quote, alice):
    """A contract of the product that runs already refuses the order: the quote still waits."""
    shop.subscribe(quote.tenant, quote.version, "2026-11-01")
    with pytest.raises(Overlapping):
        accept(quote, alice)
    quote.refresh_from_db()
    assert quote.status == "sent"
    assert not Coupon.objects.exists()


def test_it_keeps_its_word_when_the_plan_goes_off_sale(quote, alice, qingyu):
    catalogue.publish(catalogue.draft(quote.version.plan, at=NOW, by=None), at=NOW, by=None)
    assert accept(quote, alice).version == quote.version


def test_it_offers_the_prices_of_the_customers_group(version, qingyu):
    group = CustomerGroup.objects.create(code="gold", name="Gold")
    listed = PriceList.objects.create(seller=qingyu, code="gold", name="Gold", group=group)
    PriceListEntry.objects.create(
        price_list=listed, plan=version.plan, price_code="base", model="flat", params={"amount": "800.00"}
    )
    catalogue.publish_list(listed, at=shop.OPENED, by=None)
    quote = samples.sent(shop.tenant(group="gold"), version)
    assert quote.prices["base"] == {"model": "flat", "amount": "800.00"}
    assert next(item for item in quote.estimate["items"] if item["code"] == "base")["amount_minor"] == 12 * 80000


def test_it_counts_a_ramp_from_the_start_however_early_it_is_accepted(version):
    tenant = shop.tenant()
    later = {"start_on": date(2027, 5, 1), "end_on": date(2028, 5, 1)}
    quote = samples.sent(tenant, version, ramp_percent=Decimal("0.5"), ramp_months=3, **later)
    accept(quote, samples.buyer(tenant))
    assert Redemption.objects.get().counted_from == date(2027, 5, 1)
    for day in ("2027-05-01", "2027-06-01", "2027-07-01", "2027-08-01"):
        shop.bill(f"{day} 00:00")
    # half of 1,000 + 20 × 50 + 300, three times
    assert [bill.discount_minor for bill in shop.bills(tenant)] == [115000, 115000, 115000, 0]


def test_it_renews_under_a_consent_that_deducts_nothing(version):
    tenant = shop.tenant()
    quote = samples.sent(tenant, version, renews=True, end_on=None)
    begun = accept(quote, samples.buyer(tenant))
    given = Authorisation.objects.get(tenant=tenant)
    assert (begun.auto_renew, begun.renewal_consent, given.scope, given.text) == (True, given, "renews", "全文")


def test_it_marks_what_has_lapsed(quote, version):
    abroad = samples.sent(shop.tenant("beta", zone="America/New_York"), version)
    # half past midnight in Shanghai is still the last day in New York
    assert quoting.expire(at=shop.at("2026-12-01 00:30")) == 1
    assert quoting.expire(at=shop.at("2026-12-01 00:30")) == 0
    quote.refresh_from_db()
    abroad.refresh_from_db()
    assert (quote.status, abroad.status) == ("expired", "sent")


def test_it_throws_away_drafts_only(quote, version):
    drafted = quoting.draft(shop.tenant("beta"), samples.terms(version), at=NOW, by=None)
    quoting.discard(drafted, at=NOW, by=None)
    assert not Quote.objects.filter(pk=drafted.pk).exists()
    with pytest.raises(WrongState):
        quoting.discard(quote, at=NOW, by=None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"valid_until": date(2026, 11, 19)}, "valid_until"),
        ({"end_on": date(2026, 12, 1)}, "end_on"),
        ({"renews": True}, "end_on"),
        ({"quantities": {"nothing": Decimal(1)}}, "quantities.nothing"),
        ({"prices": {"seat": {"model": "per_unit"}}}, "prices.seat.unit_amount"),
        ({"minimum_minor": -1}, "minimum"),
        ({"ramp_percent": Decimal("0.5")}, "ramp_months"),
        ({"ramp_percent": Decimal(2), "ramp_months": 1}, "ramp_percent"),
        ({"expected": {"seat": Decimal(1)}}, "expected.seat"),
        ({"coupons": ("NOBODY",)}, "coupons[0]"),
        ({"clauses_en": "rocket \U0001f680"}, "clauses_en"),
    ],
)
def test_it_says_what_is_wrong_before_anybody_reads_it(version, changes, field):
    with pytest.raises(Exception) as refusal:  # noqa: PT011 (which refusal it is says its field)
        quoting.draft(shop.tenant(), samples.terms(version, **changes), at=NOW, by=None)
    assert refusal.value.field == field
    assert not Quote.objects.exists()


def test_it_is_printed_and_mailed_once(quote):
    for _again in range(2):
        for paper in rendering.waiting(10):
            rendering.render(paper, pdf.render, at=NOW)
    made = Document.objects.get(kind="quote", source_id=quote.pk)
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(files.fetch(made.sha256))).pages)
    for words in (
        "QINGYUQ-2026-000001",
        "¥32,800.00",
        "人民币叁万贰仟捌佰元整",
        "最多 ¥200.00",
        "数据迁移包含在内",
        quote.sha256[:16],
    ):
        assert words in text
    told = Notice.objects.get(kind="quote_sent")
    assert (told.payload["total_minor"], told.attachments[0]["sha256"]) == (3280000, made.sha256)


def test_it_is_read_in_both_languages(quote):
    chinese, english = (rendering.compose(quote, language) for language in ("zh-hans", "en"))
    assert "Seats" in pdf.markup(english)
    assert "席位" in pdf.markup(chinese)
    assert "What could cost more" in pdf.markup(english)


def test_it_lists_everything_that_could_ever_cost_more(qingyu):
    """REQUIREMENTS C10: usage, further seats, and what was not taken; nothing else has a price."""
    meters = [{"code": "sms2", "name": "短信", "aggregation": "sum", "unit": "条"}]
    defining.define_meters(qingyu, meters, at=shop.OPENED)
    quote = samples.sent(shop.tenant(), samples.version(qingyu), modules=())
    said = rendering.compose(quote, "en")
    assert [price.code for price in said.extras] == ["seat", "analytics", "messages"]
    taken = {price.code for price in said.prices}
    assert taken | {price.code for price in said.extras} == {row["code"] for row in samples.PRICES}
