"""Servers and checkouts of the test's own."""

import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from config.database import Embedded
from tests.architecture.source import ROOT


@contextmanager
def short_folder() -> Iterator[Path]:
    """The socket of a server in pytest's own folder would have too long an address."""
    path = Path(tempfile.mkdtemp(prefix="ground-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder without a server."""
    with short_folder() as path:
        yield path


@pytest.fixture(scope="module")
def cluster() -> Iterator[Embedded]:
    with short_folder() as path:
        embedded = Embedded(path)
        yield embedded
        embedded.serve()
        embedded.stop()


@pytest.fixture
def server(cluster: Embedded) -> Embedded:
    """A server that runs. The tests of one file share its data, and may do it any harm that a crash does."""
    cluster.serve()
    return cluster


def ask(server: Embedded, query: str, *, user: str = "app") -> str:
    """The one value that `query` answers, as text."""
    with psycopg.connect(host=str(server.sockets), port=5432, user=user, dbname="app", autocommit=True) as connection:
        cursor = connection.execute(query)
        return str(cursor.fetchone()[0]) if cursor.description else ""


@pytest.fixture
def checkout(tmp_path: Path) -> "Checkout":
    return Checkout(tmp_path / "a checkout")


class Checkout:
    """A copy of bin/ with programs that only write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.stubs, self.log = folder, folder / "stubs", folder / "calls"
        shutil.copytree(ROOT / "bin", folder / "bin")
        self.stubs.mkdir()
        self.log.touch()
        for lock in ("requirements.lock", "requirements-dev.lock"):
            (folder / lock).write_text(f"# {lock}\n")
        self.stub("dpkg-query", "echo installed")
        self.stub("sudo", "exit 1")
        self.stub("apt-get")
        self.stub("runuser")
        self.stub("id", "echo 1000")
        self.stub("chromium")
        self.stub("pdftotext")
        self.python("exit 0")

    def stub(self, name: str, body: str = "") -> None:
        self.write(self.stubs / name, body)

    def python(self, body: str) -> None:
        """Give the checkout a python3 whose environments run `body`."""
        inner = self.folder / "inner"
        self.write(inner, body)
        self.stub("python3", f'[ "$2" != venv ] || {{ mkdir -p "$3/bin"; cp "{inner}" "$3/bin/python"; }}')

    def write(self, path: Path, body: str) -> None:
        path.write_text(f'#!/bin/bash\necho "{path.name} $*" >>"{self.log}"\n{body}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def run(self, command: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command with an environment of almost nothing: no HOME, no LANG."""
        return subprocess.run(
            [self.folder / "bin" / command, *arguments],
            env={"PATH": f"{self.stubs}:/usr/bin:/bin"} | environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self, name: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith(f"{name} ")]
