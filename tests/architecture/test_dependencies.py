"""Dependencies have a floor and a ceiling; lock files have exact versions, hashes and no address of anybody."""

import re
import tomllib

import pytest

from tests.architecture.source import ROOT

PIN = re.compile(r"^([a-zA-Z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
ADDRESS = re.compile(r"https?://|--(extra-)?index-url|--find-links|--trusted-host| @ ")
LOCKS = ("requirements.lock", "requirements-dev.lock")


def wanted() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return project["project"]["dependencies"] + project["dependency-groups"]["dev"]


def unbounded(requirements: list[str]) -> list[str]:
    """Requirements of a running system that could become a version nobody tried. Type stubs may float upward."""
    bounded = [line for line in requirements if "==" in line or (">=" in line and "<" in line)]
    return [line for line in requirements if line not in bounded and "stubs" not in line]


def pins(text: str) -> dict[str, str]:
    return dict(PIN.findall(text))


def without_hash(text: str) -> list[str]:
    entries = re.split(r"\n(?=\S)", text)
    return [entry.split("==")[0] for entry in entries if PIN.match(entry) and "--hash=sha256:" not in entry]


def addresses(text: str) -> list[str]:
    return [line for line in text.splitlines() if ADDRESS.search(line)]


def test_it_bounds_every_dependency():
    assert unbounded(wanted()) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_it_locks_with_hashes_and_no_address(lock):
    text = (ROOT / lock).read_text()
    assert without_hash(text) == []
    assert addresses(text) == []


def test_it_locks_everything_that_is_wanted():
    locked = {name.lower().replace("_", "-") for name in pins((ROOT / "requirements-dev.lock").read_text())}
    names = {re.split(r"[\[<>=]", line)[0].lower() for line in wanted()}
    assert names <= locked


def test_it_holds_the_running_lock_in_the_development_lock():
    """bin/setup trusts this: an environment for the tests serves the site as well."""
    running, development = (pins((ROOT / lock).read_text()) for lock in LOCKS)
    assert running.items() <= development.items()


def test_it_sees_an_unbounded_dependency():
    assert unbounded(["a>=1", "b>=1,<2", "c==3", "d-stubs>=1"]) == ["a>=1"]


def test_it_sees_a_lock_without_hash_or_with_an_address():
    assert without_hash("a==1 \\\n    --hash=sha256:00\nb==2\n") == ["b"]
    assert addresses("a==1\n--extra-index-url https://x.example\nb @ file:///x\n") != []
