"""Documents are complete, small, stable, and never silently wrong."""

import io
import shutil
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader
from weasyprint import HTML

from invoices import pdf
from invoices.document import DocumentLine, Step
from tenants.printable import Unprintable
from tests.invoices import samples

ROOT = Path(__file__).resolve().parents[2]
COMMON = {"Mingzhang-Sans-Common", "Mingzhang-Sans-Common-Bold"}


def pages(document) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf.render(document))).pages]


def fonts(data: bytes) -> set[str]:
    names = set()
    for page in PdfReader(io.BytesIO(data)).pages:
        for font in page["/Resources"]["/Font"].values():
            names.add(str(font.get_object()["/BaseFont"]).split("+")[-1])
    return names


def test_it_prints_the_bill_on_one_page_and_how_it_was_computed_on_the_next():
    bill, explained = pages(samples.document())
    for text in (
        "账单",
        "QY-2026-001187",
        "请在 2026年11月30日（周一）前付款",
        "¥2,707.00",
        "人民币贰仟柒佰零柒元整",
        "−¥60.00",
    ):
        assert text in bill
    for text in (
        "招商银行杭州文三支行",
        "QY001187",
        "核对码 7F3A-91C2-D0E8",
        "第 1 页，共 2 页",
        "2026-11-01 至 11-30（30",
    ):
        assert text in bill
    for text in ("每一行怎么算的", "12,480", "−10,000", "¥0.05", "10-31", "第 2 页，共 2 页"):
        assert text in explained


def test_it_prints_english():
    bill, explained = pages(samples.english())
    for text in (
        "Bill",
        "To be paid by Mon 30 Nov 2026",
        "Total (with tax)",
        "¥2,583.00",
        "page 1 of 2",
        "18 seats",
    ):
        assert text in bill
    assert "How each line was computed" in explained


def test_it_prints_a_credit_note_with_the_bill_that_it_answers():
    text = pages(samples.credit_note())[0]
    for expected in ("冲减单", "从账单 QY-2026-001187 中冲减", "¥36.00", "人民币叁拾陆元整", "退回未用的 12 天"):
        assert expected in text
    assert "对公转账" not in text


def test_it_says_what_has_been_paid():
    text = pages(samples.document(paid_minor=100000, due_minor=170700))[0]
    assert "金额 ¥2,707.00，已付 ¥1,000.00。" in text
    assert "还要付" in text


def test_it_says_when_nothing_is_left_to_pay():
    text = pages(samples.document(paid_minor=270700, due_minor=0, status="已付"))[0]
    assert "已付清" in text
    assert "对公转账" not in text


def test_it_repeats_the_heads_of_a_long_table_and_numbers_its_pages():
    texts = pages(samples.document(samples.unexplained(samples.many_lines(36).lines)))
    assert len(texts) == 3
    for number, text in enumerate(texts, start=1):
        assert "金额（含税）" in text
        assert f"第 {number} 页，共 3 页" in text
    found = "".join(texts)
    assert all(f"席位（第 {n} 部门）" in found for n in range(1, 37))


@pytest.mark.parametrize("count", [9, 10, 11, 12, 27, 28, 29])
def test_its_total_never_stands_alone(count):
    texts = pages(samples.document(samples.unexplained(samples.many_lines(count).lines)))
    (with_total,) = [text for text in texts if "合计（含税）" in text]
    assert "席位（第" in with_total


def test_it_loses_no_step_of_an_explanation_longer_than_a_page():
    steps = tuple(
        Step(text=f"第 {n} 档", quantity=Decimal(1), unit_amount=Decimal(1), amount=Decimal(1)) for n in range(90)
    )
    line = DocumentLine(name="消息", quantity=Decimal(90), amount_minor=9000, explanation=steps)
    taxes = (replace(samples.document().taxes[0], net_minor=9000, tax_minor=0),)
    texts = "".join(pages(samples.document((line,), taxes=taxes)))
    assert all(f"第 {n} 档" in texts for n in range(90))


def test_it_prints_rare_characters_of_company_names_with_its_own_fonts_alone():
    name = "喆镕堃𬭛㐱餐饮管理有限公司"
    data = pdf.render(samples.document(buyer=replace(samples.BUYER, legal_name=name)))
    assert name in PdfReader(io.BytesIO(data)).pages[0].extract_text()
    assert fonts(data) == COMMON | {"Mingzhang-Sans"}


@pytest.mark.parametrize(("name", "character"), [("好运😀公司", "😀"), ("한국公司", "한"), ("青\u200b屿", "\u200b")])
def test_it_refuses_a_character_that_it_cannot_print_and_names_it(name, character):
    with pytest.raises(Unprintable) as caught:
        pdf.render(samples.document(buyer=replace(samples.BUYER, legal_name=name)))
    assert character in caught.value.context["characters"]


def test_it_notices_a_box_that_the_list_of_characters_let_pass(monkeypatch):
    monkeypatch.setattr(pdf.printable, "check_printable", lambda text, field: None)
    with pytest.raises(Unprintable, match=r"😀 \(U\+1F600\)"):
        pdf.render(samples.document(buyer=replace(samples.BUYER, legal_name="好运😀公司")))


def test_it_gives_the_same_bytes_for_the_same_document():
    assert pdf.render(samples.document()) == pdf.render(samples.document())


def test_it_escapes_what_people_write():
    text = pages(samples.document(buyer=replace(samples.BUYER, legal_name="<b>沐禾</b> & 子公司")))[0]
    assert "<b>沐禾</b> & 子公司" in text


def test_it_reads_no_file_and_no_address():
    with pytest.raises(ValueError, match="loads nothing"):
        pdf.NoFetcher().fetch("file:///etc/hostname")


def test_its_few_rules_lay_a_page_out_as_all_of_html_s_rules_do():
    fonts, stylesheet = pdf.kept()
    markup = pdf.markup(samples.document())
    ours = pdf.Page(markup).render(stylesheets=[stylesheet], font_config=fonts)
    theirs = HTML(string=markup).render(stylesheets=[stylesheet], font_config=fonts)
    assert places(ours) == places(theirs)


def places(rendered) -> list[tuple[str, float, float, float]]:
    boxes = [box for page in rendered.pages for box in page._page_box.descendants() if hasattr(box, "text")]
    return [(box.text, round(box.position_x, 3), round(box.position_y, 3), round(box.width, 3)) for box in boxes]


def test_it_is_small():
    assert len(pdf.render(samples.one_page())) <= 40 * 1024


def test_it_carries_the_seller_s_colour():
    red = replace(samples.SELLER, colour="#a8231b")
    assert 'style="--brand: #a8231b"' in pdf.markup(samples.document(seller=red))


def test_it_is_not_loaded_by_the_web_process():
    code = (
        "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; django.setup();"
        "import config.urls; sys.exit('weasyprint' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_its_fontconfig_survives_a_place_with_markup_in_its_name(tmp_path):
    path = pdf.private_fontconfig(tmp_path / "a & b")
    assert ElementTree.parse(path).findtext("cachedir") == str(tmp_path / "a & b" / "cache")


@pytest.mark.pdf
@pytest.mark.skipif(shutil.which("pdffonts") is None, reason="poppler-utils is not installed")
def test_another_reader_sees_only_our_fonts_embedded(tmp_path):
    path = tmp_path / "bill.pdf"
    path.write_bytes(pdf.render(samples.document()))
    rows = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
    assert {row.split()[0].split("+")[-1] for row in rows} == COMMON
    assert all(row.split()[-5] == "yes" for row in rows)
