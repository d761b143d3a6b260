"""Every text of the code and the templates that a person may read, and its Chinese translation."""

from __future__ import annotations

import ast
import gettext as catalogues
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from babel.messages.extract import extract
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
APPS = ("tenants", "usage", "billing", "invoices")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "n_": (1, 2),
}
CALL = re.compile(r"\b(_|n?gettext|pgettext)\((.*?)\)\s", re.DOTALL)
STRING = re.compile(r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")

# (context or empty, text)
Text = tuple[str, str]


def of_python(path: Path) -> Iterator[Text]:
    """Yield the texts that a Python file hands to gettext."""
    with path.open("rb") as source:
        for _line, words, _comments, context in extract("python", source, keywords=KEYWORDS):
            first = words[0] if isinstance(words, tuple) else words
            if first:
                yield context or "", first


def of_template(path: Path) -> Iterator[Text]:
    """Yield the texts of a template's translate and blocktranslate tags."""
    for name, rest in CALL.findall(templatize(path.read_text(encoding="utf-8")) + " "):
        found = [ast.literal_eval(text) for text in STRING.findall(rest)]
        if found:
            yield (found[0], found[1]) if name == "pgettext" else ("", found[0])


def sources() -> Iterator[tuple[Path, Text]]:
    """Yield every text of the product with the file it stands in."""
    for app in (*APPS, "config"):
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield from ((path, text) for text in of_python(path))
    for path in sorted((ROOT / "templates").rglob("*")):
        if path.suffix in (".html", ".txt"):
            yield from ((path, text) for text in of_template(path))


@cache
def chinese() -> dict[Text, str]:
    """Return all Chinese translations of the product's own catalogues."""
    found: dict[Text, str] = {}
    for folder in [*APPS, "templates", "templates/admin"]:
        path = ROOT / folder / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.mo"
        if not path.exists():
            continue
        with path.open("rb") as compiled:
            catalogue = catalogues.GNUTranslations(compiled)._catalog  # type: ignore[attr-defined]
        for key, translated in catalogue.items():
            text = key[0] if isinstance(key, tuple) else key
            context, _sep, bare = text.rpartition("\x04")
            found[context, bare] = translated
    return found


def untranslated() -> list[tuple[str, Text]]:
    """Return the texts without a Chinese translation, with their files."""
    known = chinese()
    return sorted({(str(path.relative_to(ROOT)), text) for path, text in sources() if not known.get(text)})
