"""How providers write amounts, instants and payers, and how we do. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

# Both providers live on Beijing time, which has had no summer time since 1991.
BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
YUAN = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,2})0*)?")


def yuan(amount_minor: int) -> str:
    """Write fen as Alipay wants them: yuan with two digits, as `12.30`."""
    sign = "-" if amount_minor < 0 else ""
    whole, rest = divmod(abs(amount_minor), 100)
    return f"{sign}{whole}.{rest:02d}"


def fen(text: object) -> int:
    """Read yuan (`12.3`, `-0.06000`) as fen, exactly; raise ValueError for anything else, also for parts of a fen."""
    found = YUAN.fullmatch(str(text).strip())
    if found is None:
        raise ValueError("no amount in yuan")
    sign, whole, rest = found.groups()
    amount_minor = int(whole) * 100 + int((rest or "0").ljust(2, "0"))
    return -amount_minor if sign else amount_minor


def beijing(text: str) -> datetime:
    """Read `2026-12-01 09:30:00` or `20261201093000` as Beijing time; raise ValueError for anything else."""
    shape = "%Y%m%d%H%M%S" if text.isdigit() else "%Y-%m-%d %H:%M:%S"
    return datetime.strptime(text, shape).replace(tzinfo=BEIJING)


def in_beijing(at: datetime) -> str:
    """Write an instant as `2026-12-01 09:30:00` of Beijing, whatever the machine's time zone."""
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def shortened(payer: str) -> str:
    """Shorten what a provider calls a payer: enough to recognise it, never enough to use it.

    What has stars already was shortened by the provider.
    """
    payer = payer.strip()[:40]
    if "*" in payer or not payer:
        return payer
    name, at, home = payer.partition("@")
    kept = 1 if len(name) < 8 else 3
    return f"{name[:kept]}***{'' if at else name[-2:] if kept == 3 else ''}{at}{home}"


def narrow(text: str, most: int) -> str:
    """Cut a text to `most` bytes of UTF-8, without the characters of four bytes (emoji) that APIv2 of WeChat refuses."""
    kept = "".join(one for one in text if one <= "\uffff" and one.isprintable())
    return kept.encode()[:most].decode(errors="ignore").strip()
