"""Every word of the operators' pages is there in Chinese, and forms show what they refuse."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file
from django.utils.translation import gettext, override

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "usage/admin.py", *ROOT.glob("[bu]*/forms.py"), *ROOT.glob("*/admin/*.py")]
PAGES = list((ROOT / "templates/admin").rglob("*.html"))
CALLS = {"_": None, "gettext": None, "gettext_lazy": None}
IN_A_PAGE = re.compile(r"""{%\s*translate\s+(["'])(.+?)\1""")


def said_in(path: Path) -> set[str]:
    if path.suffix == ".html":
        return {text for _quote, text in IN_A_PAGE.findall(path.read_text())}
    return {found[1] for found in extract_from_file("python", str(path), keywords=CALLS) if isinstance(found[1], str)}


@pytest.mark.parametrize("path", [*FILES, *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_it_says_everything_in_chinese(path):
    with override("zh-hans"):
        english = {text for text in said_in(path) if gettext(text) == text and re.search("[a-zA-Z]{2}", text)}
    assert english == set()


@pytest.mark.parametrize("text", ["Type to search", "General", "Reset filters", "Select action", "Date from"])
def test_it_says_the_librarys_words_in_chinese(text):
    with override("zh-hans"):
        assert gettext(text) != text
