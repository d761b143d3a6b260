"""`manage.py rate`: lines in, lines out, in order."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).parents[3]
GOOD = {"price": {"model": "per_unit", "unit_amount": "0.05"}, "quantity": "200", "currency": "CNY"}


def run(monkeypatch: pytest.MonkeyPatch, lines: bytes, *options: str) -> list[dict[str, object]]:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines), encoding="ascii"))
    out = io.StringIO()
    call_command("rate", *options, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_it_answers_each_line_in_order_and_goes_on_after_a_bad_one(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [json.dumps(GOOD), "{", json.dumps({**GOOD, "quantity": "-1"}), "", json.dumps({**GOOD, "quantity": "1"})]
    answers = run(monkeypatch, "\n".join(lines).encode())
    assert [told.get("amount") or told["error"]["code"] for told in answers] == [
        "10.00",
        "malformed_json",
        "negative",
        "malformed_json",
        "0.05",
    ]


def test_it_speaks_chinese_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    line = json.dumps(GOOD).encode()
    assert run(monkeypatch, line)[0]["steps"][0]["text"] == "数量 200，单价 ¥0.05"
    assert run(monkeypatch, line, "--language", "en")[0]["steps"][0]["text"] == "200 at ¥0.05 each"


def test_it_reads_utf_8_and_answers_bytes_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = json.dumps({**GOOD, "单价": "1"}, ensure_ascii=False).encode()
    answers = run(monkeypatch, wrong + b"\n\xff\xfe\n" + rb'{"\ud800": "1"}')
    assert [told["error"]["code"] for told in answers] == ["unknown_key", "malformed_json", "unknown_key"]
    assert answers[0]["error"]["path"] == "单价"


def test_it_reads_text_that_has_no_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(GOOD)))
    out = io.StringIO()
    call_command("rate", stdout=out)
    assert json.loads(out.getvalue())["amount"] == "10.00"


def test_it_says_nothing_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, b"") == []


def test_it_works_as_a_program_without_a_utf_8_locale() -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", "rate"],
        input=json.dumps(GOOD).encode() + b"\n{}\n",
        capture_output=True,
        env=environment,
        check=True,
    )
    first, second = map(json.loads, done.stdout.decode().splitlines())
    assert first["steps"][0]["text"] == "数量 200，单价 ¥0.05"
    assert second["error"]["path"] == "price"
