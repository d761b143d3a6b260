"""Read a story with what it should come to, tell it, and say where the two differ.

A file has two keys. `story` is a story of CONTRACTS §2, word for word. `expect` is what was reckoned by hand:

    invoices:                     # all of them; compared tenant by tenant, in the order of their days
      - issued: 2026-02-28        # local day, or a longer beginning of `issued_at`, or an instant with its offset;
                                  # `draft` for one that is not issued
        tenant: acme              # may be left out where the story has one tenant
        status: open              # as all that follow: compared where it is given
        lines:                    # price  first day/day after the last  quantity  amount before discount  reason  discounts
          - messages  2026-01-31/2026-02-28  200  10.00  period  SPRING=1.00
        discount: "1.00"          # 0 where it is left out
        tax: "0.51"               # 0 where it is left out
        total: "9.00"
        paid: "0.00"
        due: "9.00"
    credit_notes:                 # none where it is left out: tenant, the invoice by its place in this list, total
      - acme 1 5.00
    refused: [4 conflict]         # none where it is left out: step, code
    subscriptions: [acme standard active 2026-02-28/2026-03-31]                # compared where it is given
    payments: [acme wallet succeeded 9.00 2026-02-28]                          # the same; the last word begins `at`
    notices: [acme charge_announced 2026-02-21 2026-02-28T00:00 209.00]        # the same; at, charge_at, total; reminders
                                                                               # only where one is expected
    wallets: {acme: "91.00"}                                                   # the same
    invalid: steps[0].quantity    # in place of all others: the whole story is refused, with this path

Lines of zero may be left out; any other line that is not expected is a difference, and so is one that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from tenants.errors import DomainError

STORIES = Path(__file__).parent / "stories"
Told = Mapping[str, Any]


class _Plain(yaml.SafeLoader):
    """YAML as JSON would say it: times are text, and only `true` and `false` are truths (`on` is a key of a step)."""


_TIMES, _TRUTHS = "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool"
_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != _TIMES and (tag != _TRUTHS or first in "tTfF")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Story:
    """What happens, and what it should come to."""

    name: str
    story: Mapping[str, Any]
    expect: Mapping[str, Any]


def stories() -> Iterator[Story]:
    """Yield every story of the folder, in the order of their names."""
    for path in sorted(STORIES.rglob("*.yaml")):
        yield read(path)


def read(path: Path) -> Story:
    """Return one story."""
    found = yaml.load(path.read_text(encoding="utf-8"), Loader=_Plain)
    assert set(found) == {"story", "expect"}, f"{path}: {sorted(found)}"
    unknown = set(found["expect"]) - {"invalid", "invoices", *_COMPARED}
    assert not unknown, f"{path}: unknown in expect: {sorted(unknown)}"
    return Story(str(path.relative_to(STORIES).with_suffix("")), found["story"], found["expect"])


def tell(story: Mapping[str, Any], rehearse: Callable[[Mapping[str, Any]], Told]) -> Told:
    """Return what a story comes to; a story that is refused as a whole comes to `invalid`, the path of its mistake."""
    try:
        return rehearse(story)
    except DomainError as refusal:
        return {"invalid": refusal.field}


def differences(expect: Mapping[str, Any], told: Told) -> list[str]:
    """Return every difference between what was reckoned and what was told, readable; none when all agrees."""
    if "invalid" in expect or "invalid" in told:
        return _compare("invalid", [expect.get("invalid")], [told.get("invalid")])
    found = _compare("invoices", *_invoices(expect, told))
    for key, describe in _COMPARED.items():
        if key in expect or key in _ALWAYS:
            found += _compare(key, *describe(expect, told))
    return found + list(_broken(told))


def _compare(what: str, expected: Sequence[Any], got: Sequence[Any]) -> list[str]:
    if list(expected) == list(got):
        return []
    missing, surplus = list(expected), []
    for one in got:
        missing.remove(one) if one in missing else surplus.append(one)
    if not missing and not surplus:
        return [f"{what}: the order differs", *(f"  is  {one}" for one in got)]
    return [f"{what}:", *(f"  -  {one}" for one in missing), *(f"  +  {one}" for one in surplus)]


def _invoices(expect: Mapping[str, Any], told: Told) -> tuple[list[str], list[str]]:
    wanted = _in_order(expect.get("invoices", []), lambda one: one.get("issued", ""))
    real = _in_order(told["invoices"], lambda one: one["issued_at"] or "draft")
    if len(wanted) != len(real):
        return [_wanted(one, None) for one in wanted], [_real(one, None) for one in real]
    pairs = list(zip(wanted, real, strict=True))
    return [_wanted(one, two) for one, two in pairs], [_real(two, one) for one, two in pairs]


def _in_order(invoices: Sequence[Told], issued: Callable[[Told], str]) -> list[Told]:
    return sorted(invoices, key=lambda one: (one.get("tenant", ""), issued(one)[:10], Decimal(one["total"])))


def _wanted(one: Told, real: Told | None) -> str:
    head = {key: str(one[key]) for key in _OPTIONAL if key in one}
    sums = {key: one.get(key, _zero(one["total"])) for key in ("discount", "tax")} | {"total": one["total"]}
    return _sheet(one["issued"], head | sums, [_line(text.split()) for text in one["lines"]])


def _real(one: Told, wanted: Told | None) -> str:
    issued = one["issued_at"] or "draft"
    asked: Mapping[str, Any] = wanted or {}
    head = {key: str(one[key]) for key in _OPTIONAL if key in asked}
    sums = {key: one[key] for key in ("discount", "tax", "total")}
    expected = [_line(text.split()) for text in asked.get("lines", [])]
    lines = []
    for line in one["lines"]:
        discounts = [f"{d['coupon']}={d['amount']}" for d in line["discounts"]]
        period = "/".join(line["period"])
        text = _line([line["price"], period, line["quantity"], line["amount"], line["reason"], *discounts])
        if Decimal(line["amount"]) or text in expected:
            lines.append(text)
    return _sheet(_moment(issued, asked.get("issued", "")), head | sums, lines)


def _moment(real: str, asked: str) -> str:
    """Return an instant as it was asked for: in the zone, or as far, that the expectation names."""
    if (
        "T" in asked
        and datetime.fromisoformat(asked).tzinfo
        and datetime.fromisoformat(real) == datetime.fromisoformat(asked)
    ):
        return asked
    return real[: len(asked) or 10]


def _line(words: Sequence[str]) -> str:
    price, period, quantity, amount, reason, *discounts = words
    return f"{price}  {period}  {Decimal(quantity).normalize():f}  {amount}  {reason}  {' '.join(discounts)}".rstrip()


def _sheet(issued: str, sums: Mapping[str, str], lines: Sequence[str]) -> str:
    head = "  ".join(f"{key} {value}" for key, value in sums.items())
    return "\n       ".join([f"{issued}  {head}", *sorted(lines)])


def _zero(amount: str) -> str:
    """Return zero as the currency of an amount writes it."""
    return f"{Decimal(amount) * 0:f}".replace("-", "")


def _credit_notes(expect: Mapping[str, Any], told: Told) -> tuple[list[str], list[str]]:
    issued = _in_order(told["invoices"], lambda one: one["issued_at"] or "draft")
    wanted = expect.get("invoices", [])
    ranks = {id(one): rank for rank, one in enumerate(_in_order(wanted, lambda one: one.get("issued", "")))}
    places = {issued[ranks[id(one)]]["number"]: n for n, one in enumerate(wanted, 1) if ranks[id(one)] < len(issued)}
    got = [
        f"{one['tenant']} {places.get(one['invoice'], one['invoice'])} {one['total']}" for one in told["credit_notes"]
    ]
    return _words(expect, "credit_notes"), got


def _refused(expect: Mapping[str, Any], told: Told) -> tuple[list[str], list[str]]:
    return _words(expect, "refused"), [f"{one['step']} {one['code']}" for one in told["refused"]]


def _subscriptions(expect: Mapping[str, Any], told: Told) -> tuple[list[str], list[str]]:
    got = [
        f"{one['tenant']} {one['plan']} {one['status']} {'/'.join(one['period'] or [])}"
        for one in told["subscriptions"]
    ]
    return sorted(_words(expect, "subscriptions")), sorted(one.strip() for one in got)


def _payments(expect: Mapping[str, Any], told: Told) -> tuple[list[str], list[str]]:
    wanted = _words(expect, "payments")
    got = [f"{one['tenant']} {one['method']} {one['status']} {one['amount']} {one['at']}" for one in told["payments"]]
    return wanted, _cut(got, wanted)


def _notices(expect: Mapping[str, Any], told: Told) -> tuple[list[str], list[str]]:
    wanted = _words(expect, "notices")
    kinds = {"charge_announced", *(text.split()[1] for text in wanted)}
    told_of = [one for one in told["notices"] if one["kind"] in kinds]
    got = []
    for one, text in zip(told_of, [*wanted, *[""] * len(told_of)], strict=False):
        _tenant, _kind, at, charge_at, _total = text.split() if text else ("", "", one["at"], one["charge_at"], "")
        moments = one["at"][: len(at)], (one["charge_at"] or "")[: len(charge_at)]
        got.append(" ".join([one["tenant"], one["kind"], *moments, one["total"]]))
    return wanted, got


def _cut(got: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return the texts, each as long as the one that was asked for, so that a day stands for all its instants."""
    return [text[: len(wanted[n])] if n < len(wanted) else text for n, text in enumerate(got)]


def _wallets(expect: Mapping[str, Any], told: Told) -> tuple[list[str], list[str]]:
    return [f"{k} {v}" for k, v in sorted(expect["wallets"].items())], [
        f"{k} {v}" for k, v in sorted(told["wallets"].items())
    ]


def _words(expect: Mapping[str, Any], key: str) -> list[str]:
    return [" ".join(text.split()) for text in expect.get(key, [])]


def _broken(told: Told) -> Iterator[str]:
    """Yield what no story may break: the book balances, and each invoice adds up."""
    if not told["ledger_balanced"]:
        yield "the ledger does not balance"
    for one in told["invoices"]:
        lines = sum((Decimal(line["amount"]) for line in one["lines"]), Decimal(0))
        taken = sum((Decimal(d["amount"]) for line in one["lines"] for d in line["discounts"]), Decimal(0))
        subtotal, discount, tax, total = (Decimal(one[key]) for key in ("subtotal", "discount", "tax", "total"))
        if lines != subtotal or taken != discount or total < 0 or total - subtotal + discount not in (0, tax):
            yield f"an invoice does not add up: {one}"


_OPTIONAL = ("tenant", "status", "paid", "due")
_ALWAYS = ("credit_notes", "refused")
_COMPARED: Mapping[str, Callable[[Mapping[str, Any], Told], tuple[list[str], list[str]]]] = {
    "credit_notes": _credit_notes,
    "refused": _refused,
    "subscriptions": _subscriptions,
    "payments": _payments,
    "notices": _notices,
    "wallets": _wallets,
}
