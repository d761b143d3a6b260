"""Typeset a document as PDF. Only edges that render import this: it loads WeasyPrint, which takes a second.

The private fontconfig file must be named before WeasyPrint is imported. It knows only the fonts that the product
ships: a system font would cost time and size and might show another glyph on another machine.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from billing import formatting
from invoices.document import InvoiceDocument
from invoices.notice_document import NoticeDocument
from invoices.pages import codes, quoted
from invoices.pages.quoted import QuoteDocument
from tenants import printable


def private_fontconfig(folder: Path) -> Path:
    """Write the fontconfig file that knows the shipped fonts alone, with a cache of its own; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "fonts.conf"
    places = f"<dir>{escape(str(printable.FONTS))}</dir><cachedir>{escape(str(folder / 'cache'))}</cachedir>"
    text = (
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">'
        f"<fontconfig>{places}</fontconfig>\n"
    )
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        # Another process may be doing the same: each writes whole and renames.
        mine = path.with_suffix(f".{os.getpid()}")
        mine.write_text(text, encoding="utf-8")
        mine.replace(path)
    return path


os.environ["FONTCONFIG_FILE"] = str(private_fontconfig(Path(settings.VAR_DIR) / "fontconfig"))

from cssselect2 import ElementWrapper  # noqa: E402
from weasyprint import CSS, HTML  # noqa: E402
from weasyprint.text.fonts import FontConfiguration  # noqa: E402
from weasyprint.urls import URLFetcher  # noqa: E402

# Blanks between tags would each become a box that is laid out and thrown away.
BETWEEN_TAGS = re.compile(r">\s+<")
# A code to scan says its own size, which no style sheet changes here.
IN_MM, CODE_MM = re.compile(r'\b(width|height)="[\d.]+mm"'), 28
LOGGER = logging.getLogger("weasyprint")
# The watch below reads its warnings, however quiet the log is set.
LOGGER.setLevel(logging.WARNING)


def render(document: InvoiceDocument | QuoteDocument | NoticeDocument) -> bytes:
    """Return the document as PDF; the same document gives the same bytes.

    Raises `tenants.printable.Unprintable` with the characters named when one of them cannot be printed.
    """
    printable.check_printable("".join(document.texts()), "")
    with missing_glyphs() as missing:
        pdf = typeset(markup(document))
    if missing:
        raise printable.refusal(list(dict.fromkeys(missing)))
    return pdf


def markup(document: InvoiceDocument | QuoteDocument | NoticeDocument) -> str:
    """Return the document as HTML in its own language."""
    if isinstance(document, QuoteDocument):
        return BETWEEN_TAGS.sub("><", quoted.markup(document))
    if isinstance(document, NoticeDocument):
        return BETWEEN_TAGS.sub("><", notice_markup(document))
    several_rates = len(document.taxes) > 1
    with translation.override(document.language.lower()):
        heading = document.title or (_("Credit note") if document.kind == "credit_note" else _("Bill"))
        context = {
            "document": document,
            "heading": heading,
            "facts": facts(document),
            "several_rates": several_rates,
            "columns": 4 if several_rates else 3,
        }
        return BETWEEN_TAGS.sub("><", render_to_string("invoices/document.html", context))


def notice_markup(document: NoticeDocument) -> str:
    """Return the notice of a deduction as HTML, with the code that leads to its page."""
    with translation.override(document.language.lower()):
        code = IN_MM.sub(rf'\1="{CODE_MM}mm"', codes.drawn(document.address))
        context = {"document": document, "heading": _("Charge notice"), "code": mark_safe(code)}
        return render_to_string("invoices/notice.html", context)


def facts(document: InvoiceDocument) -> list[tuple[str, str, str, str]]:
    """Return the rows of the table of facts: label and value of the buyer, label and value of the seller."""
    buyer, seller = document.buyer, document.seller
    comma = pgettext("between facts", ", ")
    due = formatting.day(document.due_date, document.language) if document.due_date else ""
    left = [
        (_("Customer"), buyer.legal_name),
        (_("Tax number"), buyer.tax_number),
        (_("Address"), comma.join(filter(None, (buyer.address, buyer.phone)))),
        (_("Cost centre"), document.cost_centre),
        (_("Order number"), document.purchase_order),
    ]
    right = [
        (_("Seller"), seller.legal_name),
        (_("Tax number"), seller.tax_number),
        (_("Address"), comma.join(filter(None, (seller.address, seller.phone)))),
        (_("Due date"), due if document.kind == "invoice" else ""),
        (_("State"), document.status),
    ]
    sides = ([row for row in side if row[1]] for side in (left, right))
    return [(*one, *other) for one, other in zip_longest(*sides, fillvalue=("", ""))]


def typeset(html: str) -> bytes:
    fonts, stylesheet = kept()
    pdf = Page(html).write_pdf(stylesheets=[stylesheet], font_config=fonts)
    if pdf is None:
        raise RuntimeError("WeasyPrint answered nothing")
    return pdf


class Page(HTML):
    """A document's markup, read as XML, with a style sheet for the elements that it uses.

    HTML in full costs a fifth of the time, half of it in style rules for elements that no document has. This reaches
    behind WeasyPrint's interface in two places, so its version has a ceiling and the tests compare the outcome.
    """

    def __init__(self, markup: str) -> None:
        root = ElementTree.fromstring(markup)
        self.base_url = None
        self.media_type = "print"
        self.url_fetcher = NoFetcher()
        self.wrapper_element = ElementWrapper.from_html_root(root, content_language=None)
        self.etree_element = self.wrapper_element.etree_element

    def _ua_stylesheets(self, forms: bool = False) -> list[CSS]:
        return [elements()]


class NoFetcher(URLFetcher):
    """A document stands alone: whatever text it carries, nothing is read from a disk or a network."""

    def fetch(self, url: str, *args: object, **kwargs: object) -> NoReturn:
        raise ValueError(f"a document loads nothing, not even {url}")


@cache
def elements() -> CSS:
    return CSS(string=render_to_string("invoices/elements.css"))


@cache
def kept() -> tuple[FontConfiguration, CSS]:
    """Fonts and parsed stylesheet, made once a process."""
    fonts = FontConfiguration()
    return fonts, CSS(string=render_to_string("invoices/document.css"), font_config=fonts)


class GlyphWatch(logging.Handler):
    """Collects the characters for which WeasyPrint draws a box, in the thread that made it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.missing: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread and str(record.msg).startswith(".notdef") and isinstance(record.args, tuple):
            self.missing.append(str(record.args[0]))


@contextmanager
def missing_glyphs() -> Iterator[list[str]]:
    """Collect every character that is printed as a box meanwhile."""
    watch = GlyphWatch()
    LOGGER.addHandler(watch)
    try:
        yield watch.missing
    finally:
        LOGGER.removeHandler(watch)
