"""Read a story: plain data to frozen values. Every unknown key, missing key and wrong type is refused with its path.

Nothing here asks the database; what only it can know (a plan that does not exist) is refused at its step.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from billing.defining import METER, PARAMS, PLAN, PRICE
from billing.rating import parse_price
from billing.rating.errors import InputError
from billing.rating.reading import Fields
from invoices.rehearsal import words
from invoices.rehearsal.story import Company, Step, Story
from invoices.rehearsal.verbs import NEEDED, VERBS, read_keys
from tenants.validators import CODE

STORY = ("name", "timezone", "currency", "until", "strict", "tax", "catalogue", "tenants", "steps")
TENANT = ("code", "wallet", "group", "parent", "timezone", "pays")
EVERY = ("at", "do", "tenant", "subscription")
COUPON = ("code", "percent", "amount", "duration", "applies_to")
PAYS = ("wallet", "mandate", "manual")
LONGEST_CODE = 40


def read(data: object) -> Story:
    """Return the story that plain data tells; raise InputError, naming the path, for the first mistake."""
    fields = Fields(data, "", InputError)
    fields.only(STORY)
    zone, currency = words.zone(fields, "timezone", "Asia/Shanghai"), words.currency(fields, "currency")
    tax = words.table(fields, "tax")
    tax.only(("rate", "inclusive"))
    catalogue = words.table(fields, "catalogue")
    catalogue.only(("meters", "plans", "coupons"))
    return Story(
        name=_name(fields),
        zone=zone,
        currency=currency,
        until=words.instant(fields, "until", zone),
        strict=words.flag(fields, "strict") if "strict" in fields.data else False,
        tax_rate=_rate(tax),
        tax_inclusive=words.flag(tax, "inclusive") if "inclusive" in tax.data else True,
        meters=[row.data for row in _rows(catalogue, "meters", METER)],
        plans=[_plan(row) for row in _rows(catalogue, "plans", PLAN)],
        coupons=[_coupon(row, currency) for row in _rows(catalogue, "coupons", COUPON)],
        companies=_companies(fields, zone, currency),
        steps=_steps(fields, zone, currency),
    )


def name_of(data: object) -> str | None:
    """Return the name of a story, also of one that cannot be read."""
    name = data.get("name") if isinstance(data, Mapping) else None
    return name if isinstance(name, str) else None


def _name(fields: Fields) -> str:
    return words.text(fields, "name") if fields.data.get("name") is not None else ""


def _rate(tax: Fields) -> Decimal:
    rate = tax.decimal("rate") if tax.data else Decimal(0)
    if rate >= 1:
        raise InputError(
            "rate_too_high",
            tax.at("rate"),
            'Write the rate as a share: "0.06" is 6 %.',
            "请把税率写成小数：「0.06」是 6%。",
        )
    return rate


def _rows(fields: Fields, key: str, allowed: Collection[str]) -> list[Fields]:
    """Return the objects of a list, each with its path, none with an unknown key, and no code twice."""
    rows, seen = [], set()
    for place, value in enumerate(words.listed(fields, key)):
        row = Fields(value, f"{fields.at(key)}[{place}]", InputError)
        row.only(allowed)
        code = words.text(row, "code")
        if code in seen:
            raise InputError("duplicate_code", row.at("code"), f"{code!r} is here twice.", f"「{code}」写了两次。")
        seen.add(code)
        rows.append(row)
    return rows


def _plan(row: Fields) -> tuple[str, Mapping[str, Any]]:
    for price in _rows(row, "prices", PRICE | PARAMS):
        words.text(price, "kind")
        params = {key: value for key, value in price.data.items() if key in PARAMS or key == "model"}
        parse_price(params, price.path)
    row.optional("minimum")
    return row.path, row.data


def _coupon(row: Fields, currency: str) -> tuple[str, Mapping[str, Any]]:
    if ("percent" in row.data) == ("amount" in row.data):
        raise InputError(
            "percent_or_amount", row.path, "Give a percent or an amount, not both.", "请写百分比或金额，只写一个。"
        )
    if "amount" in row.data:
        words.amount(row, "amount", currency)
    elif row.decimal("percent") > 100:
        raise InputError("too_high", row.at("percent"), "At most 100 percent.", "最多 100%。")
    if isinstance(row.data.get("duration"), Mapping):
        months = words.table(row, "duration")
        months.only(("months",))
        months.value("months")
        months.count("months")
    elif row.data.get("duration") is not None:
        words.choice(row, "duration", DURATIONS)
    for place, code in enumerate(words.listed(row, "applies_to")):
        _text(row, place, code)
    return row.path, {key: value for key, value in row.data.items() if value is not None}


DURATIONS = ("once", "forever")


def _text(row: Fields, place: int, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InputError("not_a_string", f"{row.at('applies_to')}[{place}]", "Write a text.", "这里要写文字。")
    return value


def _companies(fields: Fields, zone: str, currency: str) -> list[Company]:
    fields.value("tenants")
    rows = _rows(fields, "tenants", TENANT)
    companies = [_company(row, zone, currency) for row in rows]
    by_code = {company.code: company for company in companies}
    for row, company in zip(rows, companies, strict=True):
        if company.parent is None:
            continue
        parent = by_code.get(company.parent)
        if parent is None or parent is company or parent.parent:
            raise InputError(
                "bad_parent",
                row.at("parent"),
                f"{company.parent!r} must be another tenant of the story, without a parent.",
                f"「{company.parent}」必须是故事里另一个没有上级的客户。",
            )
    return companies


def _company(row: Fields, zone: str, currency: str) -> Company:
    code = words.text(row, "code")
    if len(code) > LONGEST_CODE or not re.fullmatch(CODE, code):
        raise InputError(
            "bad_code",
            row.at("code"),
            "At most 40 letters, digits, “-”, “_” and “.”, the first a letter or a digit.",
            "最多 40 个字母、数字、“-”、“_”和“.”，以字母或数字开头。",
        )
    return Company(
        code=code,
        zone=words.zone(row, "timezone", zone),
        wallet=words.amount(row, "wallet", currency) if row.data.get("wallet") is not None else Decimal(0),
        group=words.text(row, "group") if row.data.get("group") is not None else None,
        parent=words.text(row, "parent") if row.data.get("parent") is not None else None,
        pays=words.choice(row, "pays", PAYS) if row.data.get("pays") is not None else "wallet",
    )


def _steps(fields: Fields, zone: str, currency: str) -> list[Step]:
    steps = []
    for place, value in enumerate(words.listed(fields, "steps")):
        row = Fields(_keyed(value), f"steps[{place}]", InputError)
        do = words.text(row, "do")
        if do not in VERBS:
            raise InputError(
                "unknown_verb", row.at("do"), f"{do!r} is no verb of a story.", f"故事里没有「{do}」这个动作。"
            )
        row.only((*EVERY, *VERBS[do]))
        said = read_keys(row, VERBS[do], NEEDED.get(do, frozenset()), zone)
        if row.data.get("subscription") is not None:
            said["subscription"] = words.text(row, "subscription")
        for key in ("amount", "ceiling", "per_month"):
            if said.get(key) is not None:
                words.amount(row, key, currency)
        at, tenant = words.instant(row, "at", zone), words.text(row, "tenant")
        steps.append(Step(number=place + 1, at=at, do=do, tenant=tenant, said=said))
    return sorted(steps, key=lambda step: step.at)


def _keyed(value: object) -> object:
    """Return a step whose key `on` is a text: YAML 1.1 reads it as true."""
    return {"on" if key is True else key: v for key, v in value.items()} if isinstance(value, Mapping) else value
