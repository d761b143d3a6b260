"""Which characters the shipped font prints.

Names, addresses and item texts are asked here when they are saved, because a document that meets a character
outside the font would show a crossed box in its place.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tenants.errors import DomainError

FONTS = Path(__file__).resolve().parent / "fonts"
# Controls, formats (zero width), surrogates, private use, unassigned, separators of lines: they vanish silently.
INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
# Further code points that print as nothing although their category says otherwise.
FILLERS = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
)


class Unprintable(DomainError):
    """A text has characters that the documents' font does not have; `context["characters"]` lists them."""

    code = "unprintable"
    status = 422


@cache
def coverage() -> frozenset[int]:
    """Return the code points of the shipped font, read once."""
    lines = (FONTS / "coverage.txt").read_text(encoding="ascii").split()
    bounds = ([int(bound, 16) for bound in line.split("-")] for line in lines)
    return frozenset(code for bound in bounds for code in range(bound[0], bound[-1] + 1))


def unprintable(text: str) -> list[str]:
    """Return the characters of `text` that would not be seen on paper, each once, in order of appearance."""
    return [character for character in dict.fromkeys(text) if not prints(character)]


def prints(character: str) -> bool:
    code = ord(character)
    return code in coverage() and code not in FILLERS and unicodedata.category(character) not in INVISIBLE


def check_printable(text: str, field: str) -> None:
    """Refuse `text` with `Unprintable` when a character of it cannot be printed."""
    if characters := unprintable(text):
        raise refusal(characters, field)


def refusal(characters: list[str], field: str = "") -> Unprintable:
    return Unprintable(explanation(characters), field=field, characters=characters)


def explanation(characters: list[str]) -> str:
    """Say which characters cannot be printed and what to do: `😀 (U+1F600)`; an invisible one by its number alone."""
    named = ", ".join(name(character) for character in characters)
    message = _("These characters cannot be printed on a bill: %(characters)s. Please write this without them.")
    return message % {"characters": named}


def name(character: str) -> str:
    number = f"U+{ord(character):04X}"
    unseen = unicodedata.category(character) in INVISIBLE or ord(character) in FILLERS
    return number if unseen else f"{character} ({number})"


def validate_printable(value: str) -> None:
    """Validate a model or form field whose text is printed on documents."""
    if characters := unprintable(value):
        raise ValidationError(explanation(characters), code=Unprintable.code)
