"""Write the mail of a notice: subject, text and HTML from `templates/notices/<kind>.{subject.txt,txt,html}`.

A payload is the plain JSON that the notice keeps: texts in the reader's language, amounts in minor units beside one
`currency`, days as ISO text, quantities and unit prices as decimal text, and `path`, the page that the button opens.
Every payload names `tenant` (the customer's short name); `recipient` (a person's name) may be left out.

| kind | keys besides | may be left out |
|---|---|---|
| invoice_issued | number, currency, total_minor, due_minor, lines | due_date, deducted_on, capitals, title |
| credit_note_issued | number, refers_to, currency, total_minor, returned_minor | reason, capitals, lines, back_minor |
| payment_received | currency, amount_minor, received_on, method, bills | unused_minor |
| charge_announced | currency, charge_on, renewal_minor, ceiling_minor, total_minor, lines | charge_at, pays |
| bill_held | currency, total_minor, charge_on, pays, lines | |
| charge_reminder | currency, charge_on, announced_on, renewal_minor, ceiling_minor, total_minor, lines | charge_at, pays |
| renewal_coming | plan, last_day, next_day, currency, amount_minor, every, term, pays | |
| trial_ending | plan, last_day, next_day, currency, amount_minor, every, pays, afterwards, next_plan | |
| payment_failed | number, currency, amount_minor, balance_minor | method |
| payment_reminder | number, currency, due_minor, due_on, reason, advice | taken, warning |
| debit_failed | number, currency, amount_minor, method, why | |
| mandate_ended | method, ended_on, currency, bills | |
| refund_sent | currency, amount_minor, method, by_day | number, bank_reference |
| refund_arrived | currency, amount_minor, method | number |
| refund_failed | currency, amount_minor, method, why | number |
| dispute_opened | number, what, currency, amount_minor, frozen_minor, due_on, said, appealed | |
| dispute_answered | number, what, currency, outcome, answer, given_minor, due_minor | pay_by, appeal_until, phone |
| dispute_late | number, what, currency, amount_minor, frozen_minor, due_on | phone |
| renewal_stopped | plan, last_day, next_day | by_name |
| subscription_changed | effect, currency, total_minor, credited_minor, lines | by_name |
| purchase_undone | effect, currency, credited_minor, total_minor, ways | by_name |
| duplicate_found | kind, what, currency, amount_minor | |
| pack_lapsing | meter, unit, left, quantity, last_day | |
| gift_lapsing | currency, amount_minor, last_day | |
| balance_low | currency, balance_minor | alert_minor, missing_minor, announced_minor, until |
| allowance_used | name, unit, level, used, included, until | |
| budget_used, budget_forecast, cap_reached | currency, what, used_minor, expected_minor, cap_minor, hard, on_reach, until | level |
| price_change_announced | plan, first_day, last_day, currency, before_minor, after_minor, difference_minor, prices | reason |
| price_change_withdrawn | plan, first_day | |
| quote_sent | number, plan, first_day, last_day, valid_until, to_its_end, currency, total_minor, lines | capitals |
| quote_accepted | number, plan, by_name, first_day, currency, total_minor | |
| approval_asked | do, asked_by, currency, total_minor, yearly_minor, until | effect, after_minor |
| approval_answered | do, asked_by, currency, total_minor, state, by_name, reason | effect |
| member_invited | inviter, role | last_day |

Of what a credit note returned, `back_minor` goes the way it was paid, `to_balance_minor` is in the balance. `number` of a
refund is its bill's; none for a withdrawal of the balance. `by_day` is when it has usually arrived.
`lines` are {name, amount_minor} with, where they say something, quantity, unit, unit_price, first, last; a discount
is a line of its own. `prices` are {name, before, after}, in words; `usage_difference_minor` may come with them: what
the last period's usage would come to more. `bills` are {number, amount_minor, due_minor}, of an ended agreement
{number, due_minor}. `last_day` is the last day served, or valid. `why` says what to do too. `effect` is a sentence
without its stop. `reason` and `advice` of a reminder are whole sentences, the first may be empty; `taken` says what was
taken from the customer, `warning` what follows. Lines of a held bill have why (above, zero, new), usual_minor and
highest_minor; the whole bill has no name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import css_inline
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from tenants import telling

ALWAYS = frozenset({"tenant", "path"})
BUDGET = frozenset({"currency", "what", "used_minor", "expected_minor", "cap_minor", "hard", "on_reach", "until"})
REQUIRED: Mapping[str, frozenset[str]] = {
    "invoice_issued": frozenset({"number", "currency", "total_minor", "due_minor", "lines"}),
    "credit_note_issued": frozenset({"number", "refers_to", "currency", "total_minor", "returned_minor"}),
    "payment_received": frozenset({"currency", "amount_minor", "received_on", "method", "bills"}),
    "charge_announced": frozenset({"currency", "charge_on", "renewal_minor", "ceiling_minor", "total_minor", "lines"}),
    "bill_held": frozenset({"currency", "total_minor", "charge_on", "pays", "lines"}),
    "charge_reminder": frozenset(
        {"currency", "charge_on", "announced_on", "renewal_minor", "ceiling_minor", "total_minor", "lines"}
    ),
    "renewal_coming": frozenset({"plan", "last_day", "next_day", "currency", "amount_minor", "every", "term", "pays"}),
    "trial_ending": frozenset(
        {"plan", "last_day", "next_day", "currency", "amount_minor", "every", "pays", "afterwards", "next_plan"}
    ),
    "payment_failed": frozenset({"number", "currency", "amount_minor", "balance_minor"}),
    "debit_failed": frozenset({"number", "currency", "amount_minor", "method", "why"}),
    "mandate_ended": frozenset({"method", "ended_on", "currency", "bills"}),
    "refund_sent": frozenset({"currency", "amount_minor", "method", "by_day"}),
    "refund_arrived": frozenset({"currency", "amount_minor", "method"}),
    "refund_failed": frozenset({"currency", "amount_minor", "method", "why"}),
    "dispute_opened": frozenset(
        {"number", "what", "currency", "amount_minor", "frozen_minor", "due_on", "said", "appealed"}
    ),
    "dispute_answered": frozenset({"number", "what", "currency", "outcome", "answer", "given_minor", "due_minor"}),
    "dispute_late": frozenset({"number", "what", "currency", "amount_minor", "frozen_minor", "due_on"}),
    "payment_reminder": frozenset({"number", "currency", "due_minor", "due_on", "reason", "advice"}),
    "renewal_stopped": frozenset({"plan", "last_day", "next_day"}),
    "subscription_changed": frozenset({"effect", "currency", "total_minor", "credited_minor", "lines"}),
    "purchase_undone": frozenset({"effect", "currency", "credited_minor", "total_minor", "ways"}),
    "duplicate_found": frozenset({"kind", "what", "currency", "amount_minor"}),
    "gift_lapsing": frozenset({"currency", "amount_minor", "last_day"}),
    "balance_low": frozenset({"currency", "balance_minor"}),
    "pack_lapsing": frozenset({"meter", "unit", "left", "quantity", "last_day"}),
    "allowance_used": frozenset({"name", "unit", "level", "used", "included", "until"}),
    "budget_used": BUDGET | {"level"},
    "budget_forecast": BUDGET,
    "cap_reached": BUDGET,
    "price_change_announced": frozenset(
        {"plan", "first_day", "last_day", "currency", "before_minor", "after_minor", "difference_minor", "prices"}
    ),
    "price_change_withdrawn": frozenset({"plan", "first_day"}),
    "quote_sent": frozenset(
        {
            "number",
            "plan",
            "first_day",
            "last_day",
            "valid_until",
            "to_its_end",
            "currency",
            "total_minor",
            "lines",
        }
    ),
    "quote_accepted": frozenset({"number", "plan", "by_name", "first_day", "currency", "total_minor"}),
    "approval_asked": frozenset({"do", "asked_by", "currency", "total_minor", "yearly_minor", "until"}),
    "approval_answered": frozenset({"do", "asked_by", "currency", "total_minor", "state", "by_name", "reason"}),
    "member_invited": frozenset({"inviter", "role"}),
}
# Full-width punctuation brings its own space; the blank between two sentences of a template is English.
CHINESE_STOP_AND_BLANK = re.compile(r"([。，：；？！）]) +")


class Sender(Protocol):
    """Whose letter it is; a `Seller` is one."""

    brand: str
    brand_en: str
    mark: str
    colour: str
    legal_name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail, ready but for its addresses and attachments. `subject` is one line."""

    subject: str
    text: str
    html: str


def compose(kind: str, payload: Mapping[str, Any], language: str, seller: Sender) -> Letter:
    """Return the letter of a notice in `language`.

    Raises `ValueError` for an unknown kind or a payload without a key that the kind needs: a letter with a gap
    where an amount should stand is never sent.
    """
    context = _context(kind, payload, language, seller)
    with translation.override(language):
        subject, text, html = (_written(kind, part, context) for part in ("subject.txt", "txt", "html"))
    return Letter(" ".join(subject.splitlines()).strip(), tidy(text), inliner().inline(html))


def subject(kind: str, payload: Mapping[str, Any], language: str, seller: Sender) -> str:
    """Return the subject of a notice alone, for lists; raises as `compose` does."""
    context = _context(kind, payload, language, seller)
    with translation.override(language):
        return " ".join(_written(kind, "subject.txt", context).splitlines()).strip()


def _context(kind: str, payload: Mapping[str, Any], language: str, seller: Sender) -> dict[str, Any]:
    check(kind, payload)
    english = not language.lower().startswith("zh")
    return {
        "needed": telling.is_needed(kind),
        **payload,
        "seller": seller,
        "brand": (english and seller.brand_en) or seller.brand,
        "language": "en" if english else "zh-Hans",
        "link": settings.SITE_URL + payload["path"],
    }


def _written(kind: str, part: str, context: Mapping[str, Any]) -> str:
    return CHINESE_STOP_AND_BLANK.sub(r"\1", render_to_string(f"notices/{kind}.{part}", dict(context)))


def check(kind: str, payload: Mapping[str, Any]) -> None:
    if kind not in REQUIRED:
        raise ValueError(f"no letter is written for {kind!r}")
    if missing := sorted((REQUIRED[kind] | ALWAYS) - payload.keys()):
        raise ValueError(f"{kind}: the payload lacks {', '.join(missing)}")
    if not payload["path"].startswith("/"):
        raise ValueError(f"{kind}: a path starts with a slash, not {payload['path']!r}")


def tidy(text: str) -> str:
    """Take away what template tags leave behind: blanks at line ends and more than one empty line."""
    lines = (line.strip(" ") for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


@cache
def inliner() -> css_inline.CSSInliner:
    """Styles go into the elements: mail programs drop style sheets, and nothing remote is loaded."""
    return css_inline.CSSInliner(load_remote_stylesheets=False)
