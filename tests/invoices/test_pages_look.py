"""What the files of the pages promise: words through gettext, no inline code, pinned vendor files, a small stylesheet."""

import gzip
import re
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.utils import translation

from invoices import states
from invoices.pages import frame, prices, wording

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "static" / "vendor"
TEMPLATES = sorted(
    [
        *(ROOT / "templates").glob("*.html"),
        *(ROOT / "templates/portal").rglob("*.html"),
        *(ROOT / "templates/account").rglob("*.html"),
    ]
)
TRANSLATED = re.compile(r"{%\s*blocktranslate.*?%}.*?{%\s*endblocktranslate\s*%}", re.DOTALL)
TAGS = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}|<script.*?</script>|<!doctype[^>]*>|<[^>]+>", re.DOTALL)
SPOKEN = re.compile(r"""\s(?:aria-label|placeholder|title|alt)=(?:"([^"]*)"|'([^']*)')""")
WORD = re.compile(r"[A-Za-z\u4e00-\u9fff]{2,}")
# Names that are the same in every language; each language's own name is written in itself.
NAMES = {"PDF", "English", "中文"}


def bare_words(text: str) -> set[str]:
    """Return words of a template that gettext never sees, in text or in attributes that are read aloud."""
    text = TRANSLATED.sub("", text)
    spoken = " ".join(TAGS.sub("", a or b) for a, b in SPOKEN.findall(text))
    return set(WORD.findall(TAGS.sub(" ", text))) | set(WORD.findall(spoken))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_every_word_goes_through_gettext(path):
    assert bare_words(path.read_text()) <= NAMES


def test_it_sees_a_bare_word():
    assert bare_words("<p>Hello {% translate 'x' %}</p>") == {"Hello"}
    assert bare_words('<a aria-label="Close">{% blocktranslate %}All{% endblocktranslate %}</a>') == {"Close"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_carries_style_or_script_of_its_own(path):
    text = path.read_text()
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert "http://" not in text
    assert "https://" not in text


def test_the_chinese_catalogue_is_whole_and_compiled():
    folder = ROOT / "templates/locale/zh_Hans/LC_MESSAGES"
    with (folder / "django.po").open("rb") as file:
        catalogue = read_po(file)
    missing = [
        m.id for m in catalogue if m.id and (m.fuzzy or not (m.string if isinstance(m.string, str) else all(m.string)))
    ]
    assert missing == []
    with translation.override("zh-hans"):
        assert translation.gettext("How it is computed") == "怎么算的"


def test_every_state_has_a_word_in_both_languages_and_a_colour():
    css = (ROOT / "static/mingzhang.css").read_text()
    for kind in (states.BILL, states.PAYMENT, states.SUBSCRIPTION, states.AUTHORISATION, states.NOTICE, states.TENANT):
        for state in kind.values():
            with translation.override("zh-hans"):
                assert re.search(r"[\u4e00-\u9fff]", str(state.word)), state.code
            assert state.colour == "neutral" or f".state.{state.colour}{{" in css


def test_an_unpaid_bill_is_overdue_after_its_day_and_one_of_nothing_is_settled():
    assert states.of_bill("open", total_minor=100, overdue=False).code == "open"
    assert states.of_bill("open", total_minor=100, overdue=True).code == "overdue"
    assert states.of_bill("paid", total_minor=0, overdue=True).code == "settled"


def test_the_vendor_files_are_those_that_are_named():
    rows = re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.MULTILINE)
    assert {sha256((VENDOR / name).read_bytes()).hexdigest() for name, _sum in rows} == {sum_ for _name, sum_ in rows}
    assert len(rows) == 4
    shipped = {f"{path.parent.name}/{path.name}" for path in VENDOR.rglob("*.min.*")}
    assert shipped == {name for name, _sum in rows if not name.startswith("..")}


def test_each_vendor_folder_has_a_licence():
    assert all(list(folder.glob("LICENSE*")) for folder in VENDOR.iterdir() if folder.is_dir())


def test_our_own_stylesheet_stays_small():
    assert len(gzip.compress((ROOT / "static/mingzhang.css").read_bytes(), 9)) < 6_000


def test_contrast_is_that_of_the_guidelines():
    # WCAG: black on white is 21, white on white 1; the product's primary is 8.3 (PAGES §6)
    assert round(frame.contrast_with_white("#000000"), 1) == 21
    assert round(frame.contrast_with_white("#ffffff"), 1) == 1
    assert round(frame.contrast_with_white("#1f4e8c"), 1) == Decimal("8.3")


def test_a_sentence_is_split_at_its_bold_parts():
    assert [(p.text, p.bold) for p in wording.parts("a **b** c")] == [("a ", False), ("b", True), (" c", False)]


@pytest.mark.parametrize(
    ("model", "params", "figure", "terms"),
    [
        ("flat", {"amount": "1299.00"}, "¥1,299.00", ()),
        ("per_unit", {"unit_amount": "0.05", "included": "10000"}, "¥0.05 / 条", ("含 10,000\u00a0条",)),
        ("package", {"package_amount": "9.00", "package_size": "1000"}, "¥9.00 / 1,000\u00a0条", ("不足一包按一包",)),
        (
            "graduated",
            {"tiers": [{"up_to": "10", "unit_amount": "2"}, {"up_to": None, "unit_amount": "1.5", "flat_amount": "3"}]},
            "分档计价，各档按各档的价",
            ("10\u00a0条以内 ¥2.00 / 条", "再多的部分 ¥1.50 / 条，另加 ¥3.00 一次"),
        ),
        ("stairstep", {"tiers": [{"up_to": None, "amount": "7"}]}, "分档计价，每档一个总价", ("再多的部分 ¥7.00",)),
        ("percentage", {"rate": "0.01", "max_amount": "5"}, "金额的 1%", ("每笔最多 ¥5.00",)),
        (
            "graduated_percentage",
            {"tiers": [{"up_to": None, "rate": "0.006"}]},
            "按金额分档的比例",
            ("再多的部分 0.6%",),
        ),
        ("flat", {"amount": "1", "minimum": "2", "maximum": "3"}, "¥1.00", ("最少 ¥2.00", "最多 ¥3.00")),
    ],
)
def test_a_price_reads_as_a_sentence(model, params, figure, terms):
    with translation.override("zh-hans"):
        words = prices.describe(model, params, currency="CNY", unit="条")
    assert (words.figure, words.terms) == (figure, terms)
