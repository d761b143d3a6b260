"""The examples of docs/api.md are run as they stand."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from billing import defining
from tests import shop
from tests.api.conftest import program
from tests.invoices.at_provider import simulated

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
EXAMPLES = re.findall(r"```sh\n(curl .*?)```\n(?:```json\n(.*?)```)?", PAGE, re.DOTALL)


def run(client: Client, command: str):
    """Do what curl would do with these words."""
    words = iter(shlex.split(command.replace("\\\n", " "))[1:])
    method, headers, body, url = "GET", {}, "", ""
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _colon, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(words)
        else:
            url = word
    return client.generic(method, url, body, headers.pop("Content-Type", ""), headers=headers)


def missing(said: Any, shown: Any, path: str = "") -> list[str]:
    """Return where the answer says something else than the page; it may say more."""
    if isinstance(shown, dict):
        return [
            x
            for key in shown
            for x in missing(said.get(key) if isinstance(said, dict) else None, shown[key], f"{path}.{key}")
        ]
    if isinstance(shown, list):
        if not isinstance(said, list) or len(said) < len(shown):
            return [f"{path}: {said!r}"]
        return [x for number, one in enumerate(shown) for x in missing(said[number], one, f"{path}[{number}]")]
    return [] if said == shown else [f"{path}: {said!r} is not {shown!r}"]


@pytest.mark.django_db
def test_every_example_answers_as_the_page_says(billed):
    defining.define_meters(billed.seller, [shop.MESSAGES], at=shop.OPENED)
    known = {
        "$BASE": "",
        "$KEY": program(None, "read", "write", "rate", "events").secret,
        "$SUBSCRIPTION": str(billed.acme.subscriptions.get().pk),
    }
    assert len(EXAMPLES) >= 14
    for command, shown in EXAMPLES:
        for name, value in known.items():
            command = command.replace(name, value)
        with simulated():
            answer = run(Client(), command)
        assert missing(answer.json(), json.loads(shown)) == [], f"{command}\n{answer.content.decode()}"


def test_it_sees_an_answer_that_differs():
    assert missing({"a": [{"b": "1"}]}, {"a": [{"b": "2"}]}) == [".a[0].b: '1' is not '2'"]
    assert missing({"a": []}, {"a": [1]}) == [".a: []"]
    assert missing({"a": 1, "c": 2}, {"a": 1}) == []
