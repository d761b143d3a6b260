"""What the machine offers to the tests: databases and brokers, by name and version.

`python -m tests.machine` lists them. `python -m tests.machine own-database` drops what killed runs have left at
TEST_DATABASE_URL, and prints that address with a database name of this run alone, so that two runs do not meet.
"""

import os
import re
import subprocess
import sys
import time
from urllib.parse import urlsplit, urlunsplit

import kombu
import psycopg
import redis
from kombu.exceptions import OperationalError as BrokerError
from psycopg import sql

from config import database

HOURS_UNTIL_STALE = 6


def brokers() -> list[str]:
    """The brokers of this run: files, and those whose addresses are given (several, with a comma between)."""
    given = os.environ.get("TEST_BROKER_URL", "").split(",")
    return ["filesystem://", *(url.strip() for url in given if url.strip())]


def place(url: str) -> str:
    """The address without the password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def describe_embedded() -> str:
    postgres = database.programs() / "postgres"
    done = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True)
    return f"PostgreSQL {done.stdout.split()[-1]} (embedded)"


def describe_database(url: str) -> str:
    with psycopg.connect(url, connect_timeout=10) as connection:
        return f"PostgreSQL {version(connection)} at {place(url)}"


def version(connection: psycopg.Connection) -> str:
    number = connection.info.server_version
    return f"{number // 10000}.{number % 10000}"


def describe_broker(url: str) -> str:
    if url.startswith("filesystem:"):
        return "broker of files (embedded)"
    if url.startswith("redis"):
        return f"Redis {redis.Redis.from_url(url).info('server')['redis_version']} at {place(url)}"
    with kombu.Connection(url, connect_timeout=10) as connection:
        connection.ensure_connection(max_retries=3)
        return f"RabbitMQ {connection.connection.server_properties['version']} at {place(url)}"


def describe() -> list[str]:
    """One line for each server; raises what its client raises if one does not answer."""
    given = os.environ.get("TEST_DATABASE_URL")
    databases = [describe_embedded(), *([describe_database(given)] if given else [])]
    return databases + [describe_broker(url) for url in brokers()]


def own_database(url: str, *, now: float) -> str:
    """Drop the test databases of runs that were killed hours ago, and answer `url` with a database name of this run."""
    with psycopg.connect(url, autocommit=True) as connection:
        names = [name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()]
        for name in stale(names, now):
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
    return urlunsplit(urlsplit(url)._replace(path=f"/run_{int(now)}_{os.getpid()}"))


def stale(names: list[str], now: float) -> list[str]:
    """Of database names, those that own_database has chosen in a run too long ago to be alive."""
    begun = {name: re.match(r"test_run_(\d+)_", name) for name in names}
    return [name for name, found in begun.items() if found and now - int(found[1]) > HOURS_UNTIL_STALE * 3600]


def main(arguments: list[str]) -> None:
    if arguments == ["own-database"]:
        sys.stdout.write(own_database(os.environ["TEST_DATABASE_URL"], now=time.time()) + "\n")
        return
    for line in describe():
        sys.stdout.write(f"  {line}\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, psycopg.Error, redis.RedisError, BrokerError) as error:
        sys.exit(f"A server whose address was given does not answer: {error}")
