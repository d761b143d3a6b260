"""The documents say what is there: every requirement with its state, every link and every named test."""

import re

import pytest

from tests.architecture.source import ROOT

NUMBERS = {
    *(f"A{n}" for n in range(1, 15)),
    *(f"B{n}" for n in range(1, 10)),
    *(f"C{n}" for n in range(1, 13)),
    *(f"D{n}" for n in range(1, 10)),
    *(f"E{n}" for n in range(1, 7)),
    *(f"F{n}" for n in range(1, 7)),
    *(f"G{n}" for n in range(1, 7)),
}
PAGES = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
REQUIREMENTS = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")


def rows() -> list[list[str]]:
    """The cells of every requirement's row."""
    lines = [line for line in REQUIREMENTS.splitlines() if re.match(r"\| [A-G]\d+ \|", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def missing(text: str) -> list[str]:
    """What a text names in code quotes as `path` or `path::test` and is not there."""
    found = re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)(?:::(\w+))?`", text)
    return [f"{path}::{name}" for path, name in found if not holds(path, name)]


def holds(path: str, name: str) -> bool:
    file = ROOT / path
    return file.is_file() and (not name or f"def {name}(" in file.read_text(encoding="utf-8"))


def broken_links(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target.partition("#")[0] for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text)]
    return [target for target in targets if target and not ((ROOT / page).parent / target).exists()]


def test_it_has_every_requirement_once():
    numbers = [cells[0] for cells in rows()]
    assert sorted(numbers) == sorted(NUMBERS)


def test_it_says_how_far_each_is():
    for number, *cells in rows():
        state = cells[-1] if number.startswith("G") else cells[1]
        assert state.split(":")[0] in ("works", "partly", "not yet"), number
        assert ("not yet" in " ".join(cells)) or state == "works", number


def test_it_names_tests_and_files_that_exist():
    assert missing(REQUIREMENTS) == []
    assert all("`" in cells[4] for cells in rows() if not cells[0].startswith("G"))


def test_it_sees_a_test_that_is_not_there():
    assert missing("`tests/architecture/test_docs.py::test_it_never_was`") == [
        "tests/architecture/test_docs.py::test_it_never_was"
    ]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_it_links_to_what_exists(page):
    assert broken_links(str(page)) == []


def tries() -> set[str]:
    """All tries to break a promise, as `path::test`."""
    found = set()
    for path in sorted((ROOT / "tests" / "promises").glob("test_*.py")):
        names = re.findall(r"^def (test_it_refuses_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
        found |= {f"{path.relative_to(ROOT)}::{name}" for name in names}
    return found


def test_it_tells_of_every_try_to_break_a_promise():
    told = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(tests/promises/[\w.]+::\w+)` \|", told)) == tries()
    assert len(tries()) >= 40
