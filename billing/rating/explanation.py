"""The sentences under a price, in Chinese and English, in a bookkeeper's words. Nothing is computed here."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing import formatting

# A sentence in Chinese and the same in English; the edges choose.
Text = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Words:
    """How quantities and amounts of one price are written: the currency and the unit (条, message)."""

    currency: str
    unit: str = ""
    unit_en: str = ""

    def money(self, amount: Decimal) -> str:
        """Write an exact amount with all its decimals: ¥0.00125, −¥36.00."""
        return formatting.unit_price(amount, self.currency)

    def zh(self, quantity: Decimal) -> str:
        """Write a quantity with its Chinese unit."""
        return formatting.quantity(quantity, self.unit)

    def en(self, quantity: Decimal) -> str:
        """Write a quantity with its English unit, in the plural where that is one more letter."""
        return formatting.quantity(quantity, self.unit_en)

    def each(self, price: Decimal) -> Text:
        """Write a price of one unit."""
        zh = f"每{self.unit} {self.money(price)}" if self.unit else f"单价 {self.money(price)}"
        return zh, f"{self.money(price)} per {self.unit_en}" if self.unit_en else f"{self.money(price)} each"


@dataclass(frozen=True, slots=True)
class Range:
    """The words for the units from above one bound up to and with another; None has no upper bound."""

    zh: str
    en: str


def run_on(written: str) -> str:
    """Return a number ready for Chinese characters right after it: 「100 的部分」 but 「100 条的部分」."""
    return f"{written} " if written[-1].isascii() else written


def tier_range(above: Decimal, up_to: Decimal | None, words: Words, in_money: bool = False) -> Range:
    """Name a tier: 「超过 100 条、不超过 200 条」."""
    zh, en = (words.money, words.money) if in_money else (words.zh, words.en)
    if up_to is None:
        return Range(f"超过 {zh(above)}", f"above {en(above)}") if above else Range("不分多少", "any quantity")
    if not above:
        return Range(f"不超过 {zh(up_to)}", f"up to {en(up_to)}")
    return Range(f"超过 {zh(above)}、不超过 {zh(up_to)}", f"above {en(above)}, up to {en(up_to)}")


def flat(words: Words, amount: Decimal) -> Text:
    """Name a flat price."""
    return f"固定价 {words.money(amount)}", f"Fixed price {words.money(amount)}"


def measured(words: Words, quantity: Decimal, included: Decimal, paid: Decimal, in_money: bool = False) -> Text:
    """Say how much was measured, what of it is included and what is left to pay for; empty when nothing is included."""
    if not included:
        return "", ""
    zh, en = (words.money, words.money) if in_money else (words.zh, words.en)
    zh_head = f"用量 {zh(quantity)}，含量 {zh(included)}，"
    en_head = f"{en(quantity)} used, {en(included)} included, "
    if not paid:
        return f"{zh_head}没有超出；", f"{en_head}nothing over. "
    return f"{zh_head}超出 {zh(paid)}；", f"{en_head}{en(paid)} over. "


def per_unit(words: Words, quantity: Decimal, included: Decimal, paid: Decimal, price: Decimal) -> Text:
    """Say quantity and price of one: 「超出含量 200 条，每条 ¥0.05」."""
    each_zh, each_en = words.each(price)
    if not included:
        number = words.zh(paid) if words.unit else f"数量 {words.zh(paid)}"
        return f"{number}，{each_zh}", f"{words.en(paid)} at {each_en}"
    if not paid:
        return (
            f"用量 {words.zh(quantity)}，没有超出含量 {words.zh(included)}",
            f"{words.en(quantity)} used, within the {words.en(included)} included",
        )
    return (
        f"用量 {words.zh(quantity)}，超出含量 {words.zh(paid)}，{each_zh}",
        f"{words.en(quantity)} used, {words.en(paid)} over the allowance, at {each_en}",
    )


def package(words: Words, paid: Decimal, size: Decimal, packages: Decimal, price: Decimal) -> Text:
    """Say how many packages were begun."""
    count, en_count = formatting.quantity(packages), "package" if packages == 1 else "packages"
    return (
        f"{words.zh(paid)}，每包 {words.zh(size)}，不足一包按一包，共 {count} 包，每包 {words.money(price)}",
        f"{words.en(paid)} in packages of {words.en(size)}, a begun one counts: "
        f"{count} {en_count} at {words.money(price)}",
    )


def graduated(words: Words, tier: Range, units: Decimal, price: Decimal) -> Text:
    """Say what of the quantity lies in a tier and its price."""
    each_zh, each_en = words.each(price)
    return (
        f"{run_on(tier.zh)}的部分：{words.zh(units)}，{each_zh}",
        f"The part {tier.en}: {words.en(units)} at {each_en}",
    )


def graduated_share(words: Words, tier: Range, amount: Decimal, rate: Decimal) -> Text:
    """Say what of an amount lies in a tier and its rate."""
    share = formatting.percent(rate)
    return (
        f"{run_on(tier.zh)}的部分：{words.money(amount)} 的 {share}",
        f"The part {tier.en}: {share} of {words.money(amount)}",
    )


def tier_flat(words: Words, tier: Range, amount: Decimal) -> Text:
    """Name the flat amount of a tier."""
    return (
        f"「{tier.zh}」这一档的固定费 {words.money(amount)}",
        f"Flat amount of the tier “{tier.en}”: {words.money(amount)}",
    )


def volume(words: Words, tier: Range, paid: Decimal, price: Decimal) -> Text:
    """Say that all units have the price of the tier reached."""
    each_zh, each_en = words.each(price)
    return (
        f"{run_on(words.zh(paid))}全部按「{tier.zh}」这一档，{each_zh}",
        f"All {words.en(paid)} by the tier “{tier.en}”, at {each_en}",
    )


def stairstep(words: Words, tier: Range, paid: Decimal, price: Decimal) -> Text:
    """Say which tier the quantity reaches and its one amount."""
    return (
        f"{run_on(words.zh(paid))}在「{tier.zh}」这一档，整档 {words.money(price)}",
        f"{words.en(paid)} reach the tier “{tier.en}”: {words.money(price)} in all",
    )


def share_of(words: Words, amount: Decimal, rate: Decimal) -> Text:
    """Say a percentage of an amount."""
    share = formatting.percent(rate)
    return f"{words.money(amount)} 的 {share}", f"{share} of {words.money(amount)}"


def fixed(words: Words, count: int, amount: Decimal) -> Text:
    """Say the fixed amount of each paid transaction."""
    return f"{count} 笔，每笔固定 {words.money(amount)}", f"{_transactions(count)}, {words.money(amount)} fixed each"


def free(words: Words, count: int, amount: Decimal) -> Text:
    """Say how much was free, and how many transactions wholly."""
    return (
        f"免费的成交额 {words.money(amount)}，其中整笔免费 {count} 笔",
        f"{words.money(amount)} not charged, {_transactions(count)} wholly free",
    )


def lowest(words: Words, count: int, bound: Decimal) -> Text:
    """Say that small transactions were raised to the lowest charge."""
    return (
        f"{count} 笔不到每笔最低 {words.money(bound)}，补足",
        f"{_transactions(count)} raised to the lowest charge of {words.money(bound)} each",
    )


def highest(words: Words, count: int, bound: Decimal) -> Text:
    """Say that large transactions were capped."""
    return (
        f"{count} 笔超过每笔最高 {words.money(bound)}，减去超过的部分",
        f"{_transactions(count)} capped at {words.money(bound)} each",
    )


def minimum(words: Words, bound: Decimal) -> Text:
    """Say that the whole was raised to the minimum."""
    return (
        f"不到最低收费 {words.money(bound)}，补足",
        f"Raised to the minimum of {words.money(bound)}",
    )


def cap(words: Words, bound: Decimal, used: Decimal) -> Text:
    """Say that the customer's cap takes off what usage came to above it."""
    return (
        f"用量合计 {words.money(used)}，您设定的封顶是 {words.money(bound)}，超过的部分不收",
        f"Usage came to {words.money(used)}, your cap is {words.money(bound)}: what is above it is not charged",
    )


def maximum(words: Words, bound: Decimal) -> Text:
    """Say that the whole was capped."""
    return (
        f"最多收 {words.money(bound)}，减去超过的部分",
        f"Capped at the maximum of {words.money(bound)}",
    )


def packs(words: Words, used: Decimal, covered: Decimal) -> Text:
    """Say how much of what was used is covered by resource packs, and not paid for."""
    return (
        f"用量 {words.zh(used)}，资源包抵扣 {words.zh(covered)}",
        f"{words.en(used)} used, {words.en(covered)} of it from resource packs",
    )


def before(words: Words, quantity: Decimal, amount: Decimal) -> Text:
    """Say what was priced before and comes off."""
    return (
        f"减去此前 {run_on(words.zh(quantity))}的价 {words.money(amount)}",
        f"Less the price of the earlier {words.en(quantity)}: {words.money(amount)}",
    )


def proration(used: int, whole: int, unit_zh: str, unit_en: str) -> Text:
    """Say the part of a period that is charged."""
    return f"按{unit_zh}计：{used} ÷ {whole} {unit_zh}", f"By {unit_en}s: {used} of {whole} {unit_en}s"


def given_back(unused: int, whole: int, unit_zh: str, unit_en: str) -> Text:
    """Say the part of a period that a credit gives back, as it was charged."""
    return (
        f"退还已收款中未用的部分：还剩 {unused} {unit_zh}（整期 {whole} {unit_zh}）",
        f"What was charged for the time not used is given back: {unused} of {whole} {unit_en}s are left",
    )


def _transactions(count: int) -> str:
    return "1 transaction" if count == 1 else f"{count} transactions"
