"""Amounts in capitals (大写), as on Chinese bills, notices and receipts.

Source: 中国人民银行《支付结算办法》附一「正确填写票据和结算凭证的基本规定」. Where the rules leave a
choice, this is ours: 整 stands after 元 and after 角; 零 is written after 元 when the 元 digit is 0 and 角 is not
(¥1,680.32 is 壹仟陆佰捌拾元零叁角贰分), and not after 万 when 千 follows (¥107,000.53 is 壹拾万柒仟元零伍角叁分).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_PLACES: Final = ("", "拾", "佰", "仟")
_LARGEST_FEN: Final = 9999_9999_9999_9999_99


def in_capitals(minor: int, currency: str = "CNY") -> str:
    """Return fen as 人民币 in capitals: 270700 is 人民币贰仟柒佰零柒元整, −58000 人民币负伍佰捌拾元整.

    Up to 9,999,999,999,999,999.99 yuan. ValueError beyond, and for other currencies, whose documents print none.
    """
    if currency != "CNY":
        raise ValueError(f"There are no capitals for {currency}.")
    if abs(minor) > _LARGEST_FEN:
        raise ValueError("The amount is too large to be written in capitals.")
    yuan, rest = divmod(abs(minor), 100)
    jiao, fen = divmod(rest, 10)
    return f"人民币{'负' if minor < 0 else ''}{_yuan(yuan, rest)}{_rest(yuan, jiao, fen)}"


def _yuan(yuan: int, rest: int) -> str:
    if not yuan:
        return "" if rest else "零元"
    return f"{_joined(*divmod(yuan, 10**8), 8, '亿', _below_yi)}元"


def _rest(yuan: int, jiao: int, fen: int) -> str:
    if not jiao and not fen:
        return "整"
    zero = "零" if yuan and (not jiao or yuan % 10 == 0) else ""
    written = f"{_DIGITS[jiao]}角" if jiao else ""
    return f"{zero}{written}{_DIGITS[fen]}分" if fen else f"{zero}{written}整"


def _below_yi(number: int) -> str:
    return _joined(*divmod(number, 10**4), 4, "万", _below_wan)


def _below_wan(number: int) -> str:
    written, gap = "", False
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit:
            written += f"{'零' if gap and written else ''}{_DIGITS[digit]}{_PLACES[place]}"
        gap = not digit
    return written


def _joined(high: int, low: int, places: int, unit: str, write: Callable[[int], str]) -> str:
    """Write two groups around 万 or 亿, with 零 between them when the lower one begins with a zero."""
    if not high:
        return write(low)
    zero = "零" if low and low < 10 ** (places - 1) else ""
    return f"{write(high)}{unit}{zero}{write(low) if low else ''}"
