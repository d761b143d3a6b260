"""The demo shares its typesetting between processes."""

import os
from functools import partial
from pathlib import Path

import pytest

from invoices.demo import printing


def write(folder: Path, part: tuple[int, int]) -> None:
    (folder / f"{part[0]} of {part[1]}").write_text(str(os.getpid()))


def fail(part: tuple[int, int]) -> None:
    os._exit(part[0])


def test_it_gives_each_process_its_part(tmp_path):
    printing.share(partial(write, tmp_path), 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0 of 2", "1 of 2"]
    assert len({path.read_text() for path in tmp_path.iterdir()} - {str(os.getpid())}) == 2


def test_it_does_all_by_itself_when_one_process_is_enough(tmp_path):
    printing.share(partial(write, tmp_path), 1)
    assert (tmp_path / "0 of 1").read_text() == str(os.getpid())


def test_it_says_when_a_part_failed():
    with pytest.raises(ChildProcessError, match=r"\[0, 1\]"):
        printing.share(fail, 2)


def test_it_goes_on_typesetting_until_the_other_is_done(monkeypatch, tmp_path):
    monkeypatch.setattr(printing, "_follow", partial(_wait_for_the_end, tmp_path))
    with printing.meanwhile(2):
        (tmp_path / "done by the one").touch()
    assert {path.name for path in tmp_path.iterdir()} == {"done by the one", "ended by the other"}


def test_it_says_when_the_other_failed(monkeypatch):
    monkeypatch.setattr(printing, "_follow", lambda over: os._exit(3))
    with pytest.raises(ChildProcessError, match="3"), printing.meanwhile(2):
        pass


def _wait_for_the_end(folder: Path, over) -> None:
    over.wait()
    (folder / "ended by the other").touch()
