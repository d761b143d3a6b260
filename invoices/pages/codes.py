"""Codes to scan, drawn on our own machine."""

from __future__ import annotations

from io import BytesIO

import qrcode
import qrcode.image.svg
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _


def opened_here(content: str) -> str:
    """Return the address in a code that can be opened as well as scanned: on a phone nobody can scan its own screen."""
    return content if content.startswith(("https://", "http://")) else ""


def drawn(content: str) -> SafeString:
    """Return a code to scan as an inline drawing, dark on light in every appearance; the content is not in its text."""
    drawing = BytesIO()
    qrcode.make(content, image_factory=qrcode.image.svg.SvgPathImage, border=2, box_size=10).save(drawing)
    text = drawing.getvalue().decode()
    return mark_safe(
        text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{_("Code to scan")}" ', 1)
    )
