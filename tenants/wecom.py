"""Messages to a company's group in WeCom, by the robot that its members set up there (cgi-bin/webhook/send).

WeCom takes twenty messages a minute from a robot and 4,096 bytes of Markdown. A message that it accepted is delivered
(CONTRACTS rule 18). The key of the robot is a secret: it is in no log, no error and no page.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.utils.translation import gettext as _

from tenants import cipher
from tenants.letters import Letter
from tenants.models import WeComBot

PATH = "/cgi-bin/webhook/send"
HOST = "qyapi.weixin.qq.com"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
KEY = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MOST_BYTES = 4096
RATE, MINUTE = 20, timedelta(minutes=1)
# Seconds to connect, and between two pieces of an answer; a claim of the outbox outlasts twenty of them.
TIMEOUT = (3, 5)
MOST_OF_ANSWER = 1 << 16
# What WeCom answers when it does not know the robot: it was removed from its group, or the key is wrong.
GONE = frozenset({93000, 93004, 40001, 40058})
# Markdown that a customer's own words must not make: links, and what begins a line.
MARKUP = str.maketrans({"[": "［", "]": "］", "<": "＜", ">": "＞", "*": "＊", "`": "｀", "#": "＃", "_": "＿"})


class InsideTransaction(RuntimeError):
    """WeCom is never called inside a transaction: it would hold locks for as long as a network takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How WeCom answered: why it took nothing ('' when it did), and whether it no longer knows the robot."""

    refusal: str = ""
    gone: bool = False


def key_of(address: str) -> str:
    """Return the key in an address of a group robot; '' for any other address."""
    try:
        parts = urlsplit(address.strip())
        asked = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        return ""
    known = (parts.scheme, parts.netloc) in {("https", HOST), _own()} and parts.path == PATH and not parts.fragment
    key = asked.get("key", [""])[0] if set(asked) == {"key"} and len(asked["key"]) == 1 else ""
    return key if known and KEY.fullmatch(key) else ""


def name_of(tenant_id: int) -> str:
    """Return for what a key is encrypted, so that it cannot be read as another company's."""
    return f"wecom:{tenant_id}"


@transaction.atomic
def take_turn(bot: WeComBot, *, at: datetime) -> bool:
    """Take one of the twenty messages of this minute; return whether there was one."""
    row = WeComBot.objects.select_for_update(no_key=True).get(pk=bot.pk)
    recent = [moment for moment in row.taken if at - MINUTE < moment <= at]
    if len(recent) >= RATE:
        return False
    WeComBot.objects.filter(pk=bot.pk).update(taken=[*recent, at])
    return True


def send(bot: WeComBot, text: str) -> Answer:
    """Post a message to the group; never raises for what the network or WeCom does, and never inside a transaction."""
    if connection.in_atomic_block:
        raise InsideTransaction
    try:
        key = cipher.unseal(bot.secret, of=name_of(bot.tenant_id))["key"]
    except cipher.Unreadable:
        return Answer(_("The key of the group cannot be read; it has to be set up again."), gone=True)
    try:
        return _answer(_post(key, text))
    except (requests.RequestException, OSError, ValueError) as wrong:
        # The cause by its kind alone: its text has the address, and the key in it.
        return Answer(_("WeCom did not answer (%(kind)s).") % {"kind": type(wrong).__name__})


def message(letter: Letter, link: str) -> str:
    """Return a letter as Markdown of WeCom: its subject, its text and the page, in at most 4,096 bytes of UTF-8."""
    said = f"**{letter.subject.translate(MARKUP)}**\n"
    end = f"\n[{_('Open the page')}]({link})"
    body, _line, _foot = letter.text.partition("\n--\n")
    body = body.replace(link, "").translate(MARKUP)
    left = MOST_BYTES - len((said + end).encode())
    return said + shortened(body.strip(), left) + end


def shortened(text: str, most: int) -> str:
    """Return whole lines of a text within so many bytes of UTF-8, with a mark where some are left out."""
    if len(text.encode()) <= most:
        return text
    lines, size = [], len("\n…".encode())
    for line in text.splitlines():
        size += len(line.encode()) + 1
        if size > most:
            break
        lines.append(line)
    return "\n".join([*lines, "…"])


def _own() -> tuple[str, str]:
    parts = urlsplit(settings.WECOM_API)
    return parts.scheme, parts.netloc


def _post(key: str, text: str) -> dict[str, object]:
    body = json.dumps({"msgtype": "markdown", "markdown": {"content": text}}, ensure_ascii=False)
    if _own() != ("https", HOST) and urlsplit(settings.WECOM_API).hostname not in LOOPBACK:
        raise ImproperlyConfigured("WECOM_API: WeCom's own address, or one on this machine.")
    url = f"{settings.WECOM_API}{PATH}?{urlencode({'key': key})}"
    with requests.Session() as session:
        session.trust_env = urlsplit(url).hostname not in LOOPBACK
        session.headers["Content-Type"] = "application/json"
        with session.post(url, data=body.encode(), timeout=TIMEOUT, allow_redirects=False, stream=True) as response:
            if response.status_code != 200:
                raise ValueError("not 200")
            told = json.loads(response.raw.read(MOST_OF_ANSWER, decode_content=True))
    if not isinstance(told, dict):
        raise ValueError("no object")
    return told


def _answer(told: dict[str, object]) -> Answer:
    code = told.get("errcode")
    if code == 0 and not isinstance(code, bool):
        return Answer()
    if code in GONE:
        return Answer(_("WeCom no longer knows the robot of this group (%(code)s).") % {"code": code}, gone=True)
    return Answer(_("WeCom took nothing (%(code)s).") % {"code": str(code)[:20]})
