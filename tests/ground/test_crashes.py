"""The embedded PostgreSQL in bad times: each trap that was met, and its cure. docs/ground.md has the table."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from config.database import Embedded
from tests.architecture.source import ROOT
from tests.ground.conftest import ask
from tests.ground.test_database import command

pytestmark = pytest.mark.ground


def kill(server: Embedded) -> int:
    """Kill the server as a power cut would, and answer the number it had."""
    pid = int(server.pid_file.read_text().split("\n", 1)[0])
    os.kill(pid, signal.SIGKILL)
    return pid


def write_pid(server: Embedded, pid: int) -> None:
    """Let the pid file name another process, as after a reboot."""
    rest = server.pid_file.read_text().split("\n", 1)[1]
    server.pid_file.write_text(f"{pid}\n{rest}")


def test_it_comes_back_with_its_rows_after_a_crash(server):
    ask(server, "CREATE TABLE kept AS SELECT 7 AS seven")
    kill(server)
    server.serve()
    assert ask(server, "SELECT seven FROM kept") == "7"


def test_it_starts_over_the_pid_of_a_living_stranger(server):
    kill(server)
    write_pid(server, os.getpid())
    server.serve()
    assert server.is_running()


def test_it_starts_over_the_pid_of_another_postgres(server, tmp_path):
    """The stranger may be a PostgreSQL too: it is told by its folder."""
    shutil.copy("/bin/sleep", tmp_path / "postgres")
    with subprocess.Popen([tmp_path / "postgres", "60"], cwd="/") as stranger:
        kill(server)
        write_pid(server, stranger.pid)
        assert not server.is_ours()
        server.serve()
        stranger.kill()
    assert server.is_running()


def test_it_starts_over_an_empty_pid_file(server):
    kill(server)
    time.sleep(0.2)
    server.pid_file.write_text("")
    server.serve()
    assert server.is_running()


def test_it_knows_its_server_where_it_may_not_look_at_processes(server, monkeypatch):
    """In a container root may not read whose folder a process is in."""

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.samefile", refuse)
    assert server.is_ours()


def test_it_does_not_stop_a_stranger(server, tmp_path):
    with subprocess.Popen(["sleep", "60"]) as stranger:
        kill(server)
        write_pid(server, stranger.pid)
        assert not server.stop()
        assert stranger.poll() is None
        stranger.kill()


def test_it_stops_after_a_killed_client(server):
    """Nothing counts clients, so one that was killed keeps no server alive."""
    program = "import psycopg, sys, time; c = psycopg.connect(sys.argv[1]); print('in', flush=True); time.sleep(60)"
    address = f"host='{server.sockets}' user=app dbname=app"
    with subprocess.Popen([sys.executable, "-c", program, address], stdout=subprocess.PIPE) as client:
        client.stdout.readline()
        client.kill()
    assert server.stop()
    assert not server.is_running()


@pytest.mark.parametrize("moment", [0.15, 0.4])
def test_it_begins_again_after_a_killed_first_start(folder, moment):
    first = subprocess.Popen(command(folder), cwd=ROOT, start_new_session=True)
    time.sleep(moment)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    server = Embedded(folder)
    server.serve()
    assert ask(server, "SELECT 1") == "1"
    server.stop()


def test_it_clears_what_a_killed_initdb_left(folder):
    half = folder / "var" / "postgres" / "new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = Embedded(folder)
    server.serve()
    assert not half.exists()
    server.stop()


@pytest.mark.parametrize("name", ["a b'c\"d$e,明账", "x" * 60 + "/" + "长" * 60], ids=["odd", "long"])
def test_it_lives_in_any_folder(folder, name):
    base = folder / name
    base.mkdir(parents=True)
    server = Embedded(base)
    server.serve()
    assert ask(server, "SELECT 1") == "1"
    assert server.sockets.stat().st_mode & 0o777 == 0o700
    server.stop()
    if server.sockets != server.home:
        shutil.rmtree(server.sockets)


def test_it_follows_a_checkout_that_moves_while_it_runs(folder):
    (folder / "old").mkdir()
    before = Embedded(folder / "old")
    before.serve()
    ask(before, "CREATE TABLE kept AS SELECT 7 AS seven")
    (folder / "old").rename(folder / "new")
    after = Embedded(folder / "new")
    after.serve()
    assert ask(after, "SELECT seven FROM kept") == "7"
    after.stop()


def test_it_makes_its_socket_again_when_somebody_has_cleaned_up(server):
    (server.sockets / ".s.PGSQL.5432").unlink()
    server.serve()
    assert ask(server, "SELECT 1") == "1"
