"""Chinese and English everywhere a person reads."""

from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from tests.architecture import words


def test_it_translates_every_text():
    missing = words.untranslated()
    assert not missing, "\n".join(f"{path}: {context or ''} {text!r}" for path, (context, text) in missing)


def test_it_finds_a_text_without_translation(tmp_path: Path):
    source = tmp_path / "page.py"
    source.write_text('_("Nobody has ever said this")\npgettext("month", "May")\nngettext("%s day", "%s days", 2)\n')
    page = tmp_path / "page.html"
    page.write_text(
        "{% load i18n %}{% translate 'Nor this' %}{% blocktranslate trimmed %}\n  and\n  this{% endblocktranslate %}"
    )
    assert list(words.of_python(source)) == [("", "Nobody has ever said this"), ("month", "May"), ("", "%s day")]
    assert list(words.of_template(page)) == [("", "Nor this"), ("", "and this")]


@pytest.mark.parametrize("folder", [*words.APPS, "templates"])
def test_it_commits_catalogues_as_compiled(folder: str):
    """The .mo in the tree says what the .po says."""
    folder_of = words.ROOT / folder / "locale" / "zh_Hans" / "LC_MESSAGES"
    assert _po(folder_of / "django.po") == _mo(folder_of / "django.mo")


def _po(path: Path) -> dict[str, str]:
    with path.open("rb") as source:
        return {_key(m): _value(m) for m in read_po(source) if m.id and m.string and not m.fuzzy and _value(m)}


def _mo(path: Path) -> dict[str, str]:
    with path.open("rb") as source:
        return {_key(m): _value(m) for m in read_mo(source) if m.id}


def _key(message) -> str:
    text = message.id[0] if isinstance(message.id, tuple | list) else message.id
    context = message.context or ""
    return f"{context.decode() if isinstance(context, bytes) else context}|{text}"


def _value(message) -> str:
    return message.string[0] if isinstance(message.string, tuple | list) else message.string
