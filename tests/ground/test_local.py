"""What a machine without any settings gets: a secret of its own, and a broker of files."""

import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import local
from tests.architecture.source import ROOT

MAKE = "import sys; from pathlib import Path; from config import local; print(local.secret(Path(sys.argv[1])))"


def test_it_makes_one_secret_and_keeps_it_to_its_owner(tmp_path):
    made = local.secret(tmp_path / "var")
    assert len(made) >= 64
    assert local.secret(tmp_path / "var") == made
    assert (tmp_path / "var/secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["secret"]


def test_it_makes_one_secret_when_four_begin_at_one_moment(tmp_path):
    command = [sys.executable, "-c", MAKE, str(tmp_path / "var")]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate()[0] for process in started}) == 1


def test_it_says_whose_the_checkout_is(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(local, "made_once", refuse)
    with pytest.raises(ImproperlyConfigured, match="Run the command as the owner of this checkout"):
        local.secret(tmp_path)


def test_it_needs_folders_for_the_broker_of_files_only(tmp_path):
    assert local.broker_options("redis://127.0.0.1/0", tmp_path) == {}
    folders = local.broker_options("filesystem://", tmp_path)
    assert folders["data_folder_in"] == folders["data_folder_out"] == str(tmp_path / "queue")
    assert (tmp_path / "control").is_dir()
