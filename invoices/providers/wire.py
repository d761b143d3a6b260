"""Calls to providers over HTTP: with limits of time and size, never redirected, and silent about what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from invoices.providers.port import NoAnswer

# To connect, and between two pieces of an answer, in seconds.
TIMEOUT = (5, 15)
MOST_OF_ANSWER = 1 << 20
MOST_OF_BILL = 256 << 20
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What came back. Its repr is empty: bodies do not belong into logs."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8, which both providers write, whatever the headers leave open; raises NoAnswer."""
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise NoAnswer("not UTF-8") from None


def post(url: str, body: bytes, *, kind: str) -> Answer:
    """Post a body of a content type; raise NoAnswer when nothing whole came back in time."""
    return call("POST", url, body=body, headers={"Content-Type": kind})


def call(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, most: int = MOST_OF_ANSWER
) -> Answer:
    """Make one request, and no second one: whether to ask again is decided by whoever knows what it was.

    Raises NoAnswer. The cause is told by its kind alone, for its text has the address and what was sent.
    """
    try:
        with requests.Session() as session:
            session.trust_env = urlsplit(url).hostname not in LOOPBACK
            with session.request(
                method, url, data=body, headers=dict(headers), timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as response:
                return Answer(response.status_code, response.headers, _whole(response, most))
    except (requests.RequestException, OSError, ValueError) as wrong:
        raise NoAnswer(type(wrong).__name__) from None


def _whole(response: requests.Response, most: int) -> bytes:
    parts, size = [], 0
    for part in response.iter_content(1 << 16):
        size += len(part)
        if size > most:
            raise NoAnswer("too long")
        parts.append(part)
    return b"".join(parts)
