"""Documents: made once of each issued paper, kept by hash, and owed to the customer with the mail that carries them."""

import pytest
from django.core import mail
from django.utils import translation

from invoices import composing, crediting, pdf, rendering
from invoices.models import Document, Invoice, Parked
from tenants import delivery, files
from tenants.models import Notice, Tenant
from tests import shop

pytestmark = pytest.mark.django_db
BASE = {
    "code": "base",
    "name": "专业版",
    "name_en": "Professional",
    "kind": "base",
    "model": "flat",
    "amount": "199.00",
}
MESSAGES = {
    "code": "messages",
    "name": "消息",
    "kind": "usage",
    "meter": "messages",
    "model": "per_unit",
    "included": "1000",
    "unit_amount": "0.05",
}
NOW = shop.at("2026-02-01 00:00")


@pytest.fixture
def invoice(qingyu):
    contact = {"name": "陈静", "email": "alice@acme.example"}
    who = shop.tenant(contacts=[shop.NewContact(**contact)])
    shop.subscribe(who, shop.plan(qingyu, [BASE, MESSAGES]), "2026-01-01")
    shop.use(who, "1200", "2026-01-05 12:00")
    shop.bill("2026-02-01 00:00")
    return Invoice.objects.latest("sequence")


def test_it_prints_what_was_frozen(invoice):
    invoice.seller.legal_name = "别的公司"
    invoice.seller.save()
    printed = composing.invoice_document(Invoice.objects.get(pk=invoice.pk), "zh-hans")
    assert printed.seller.legal_name == "杭州青屿软件有限公司"
    assert [(line.name, line.amount_minor) for line in printed.lines] == [("专业版", 199_00), ("消息", 10_00)]
    assert printed.capitals == "人民币贰佰零玖元整"


def test_it_explains_each_line(invoice):
    printed = composing.invoice_document(invoice, "en")
    used = printed.lines[1].usage
    assert (used.measured, used.included, used.paid) == (1200, 1000, 200)
    assert sum(step.amount for step in printed.lines[1].explanation) == 10


def test_it_makes_one_document_and_one_notice(invoice):
    papers = rendering.waiting(10)
    assert [paper.pk for paper in papers] == list(Invoice.objects.order_by("pk").values_list("pk", flat=True))
    for _twice in range(2):
        for paper in papers:
            rendering.render(paper, lambda document: document.number.encode(), at=NOW)
    assert rendering.waiting(10) == []
    assert (Document.objects.count(), Notice.objects.count()) == (2, 2)


@pytest.mark.pdf
def test_it_mails_the_pdf(invoice):
    rendering.render(invoice, pdf.render, at=NOW)
    delivery.deliver(at=NOW)
    (letter,) = mail.outbox
    (name, content, kind) = letter.attachments[0]
    document = Document.objects.get(source_id=invoice.pk)
    assert (name, kind, content[:5]) == (f"{invoice.number}.pdf", "application/pdf", b"%PDF-")
    assert files.fetch(document.sha256) == content
    assert letter.to == ["alice@acme.example"]


@pytest.mark.pdf
def test_it_parks_what_it_cannot_print(invoice):
    Tenant.objects.filter(pk=invoice.tenant_id).update(name="沐\U0001f600禾")
    shop.bill("2026-03-01 00:00")
    newest = Invoice.objects.latest("sequence")
    assert rendering.render(newest, pdf.render, at=NOW) is None
    parked = Parked.objects.get()
    assert (parked.stage, parked.code) == ("render", "unprintable")
    assert "\U0001f600" in parked.reason
    assert newest not in rendering.waiting(10)


def test_it_prints_a_credit_note(invoice):
    note = crediting.void(invoice, reason="开错了", at=NOW, by=None)
    printed = composing.credit_note_document(note, "zh-hans")
    assert (printed.refers_to, printed.total_minor, printed.reason) == (invoice.number, 209_00, "开错了")
    rendering.render(note, lambda document: b"paper", at=NOW)
    assert Notice.objects.get().kind == "credit_note_issued"


def test_several_workers_share_the_papers(invoice):
    parts = [rendering.waiting(10, part=(n, 2)) for n in range(2)]
    assert {paper.pk for part in parts for paper in part} == set(Invoice.objects.values_list("pk", flat=True))
    assert not {paper.pk for paper in parts[0]} & {paper.pk for paper in parts[1]}


def test_it_parks_a_paper_that_breaks_the_typesetter(invoice):
    def broken(_document):
        raise ValueError("a font is missing")

    assert rendering.render(invoice, broken, at=NOW) is None
    assert Parked.objects.get().reason == "a font is missing"


def test_it_says_how_many_lines_more_in_the_reader_s_language(qingyu):
    many = [{"code": f"p{n}", "kind": "base", "model": "flat", "amount": "1.00"} for n in range(13)]
    who = shop.tenant("english", language="en")
    shop.subscribe(who, shop.plan(qingyu, many, code="many"), "2026-01-01")
    shop.bill("2026-01-01 00:00")
    with translation.override("zh-hans"):
        rendering.render(shop.bills(who)[0], lambda document: b"paper", at=NOW)
    assert Notice.objects.get().payload["lines"][-1]["name"] == "2 more lines"
