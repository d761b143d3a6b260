"""Where nothing may be skipped, a skip is a failure with a name."""

import os
import subprocess
import sys

import pytest

from tests import machine
from tests.architecture.source import ROOT

SKIPPING = """
import pytest
@pytest.mark.skip(reason="not today")
def test_one(): pass
def test_two(): pytest.skip("not here")
def test_three(broker_url): assert broker_url
"""


@pytest.mark.parametrize(
    ("strict", "code", "closing"), [("1", 1, "1 failed, 2 passed, 1 error"), ("", 0, "2 passed, 2 skipped")]
)
def test_it_fails_on_a_skip_where_none_is_allowed(tmp_path, strict, code, closing):
    (tmp_path / "test_skipping.py").write_text(SKIPPING)
    environment = os.environ | {"MINGZHANG_NO_SKIPS": strict, "TEST_BROKER_URL": "redis://127.0.0.1:1/0"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-c",
        "pyproject.toml",
        "--rootdir",
        ".",
        tmp_path,
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert closing in done.stdout.splitlines()[-1]
    assert ("test_one was skipped, and this run may skip nothing" in done.stdout) is bool(strict)


def test_it_names_brokers_without_their_passwords():
    assert machine.place("amqp://guest:secret@127.0.0.1:5672//") == "127.0.0.1:5672"


@pytest.mark.parametrize(("age", "found"), [(7, True), (5, False)])
def test_it_drops_what_killed_runs_left_hours_ago(age, found):
    names = ["test_run_1000000_77_gw0", "test_bills", "run_1000000_77"]
    assert (machine.stale(names, 1000000 + age * 3600) == ["test_run_1000000_77_gw0"]) is found
