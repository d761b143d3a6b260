"""Run the site and its worker as children of one command, and end them with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType

from django.conf import settings

PATIENCE = 15  # seconds that a child is given to end by itself


class Ending(Exception):
    """Somebody asked this process to end."""


def free_port(wanted: int) -> int:
    """Return the first port from `wanted` on that nobody listens on."""
    for port in range(wanted, wanted + 100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no port from {wanted} to {wanted + 99} is free")


def serve(port: int) -> int:
    """Serve on the port until Ctrl-C, a termination, or the death of a child; return the exit code."""
    environment = os.environ | {"SITE_URL": f"http://127.0.0.1:{port}"}
    web = [
        "gunicorn",
        "config.wsgi",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        "2",
        "--threads",
        "4",
        "--log-level",
        "warning",
    ]
    worker = ["celery", "-A", "config", "worker", "-B", "--pool", "solo", "--loglevel", "warning", "--without-mingle"]
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, _end)
    children = []
    try:
        for command in (web, worker):
            # Each in a session of its own: Ctrl-C reaches this process alone, which then ends them in order.
            children.append(
                subprocess.Popen(
                    [sys.executable, "-m", *command], cwd=settings.BASE_DIR, env=environment, start_new_session=True
                )
            )
        while all(child.poll() is None for child in children):
            time.sleep(0.3)
        return 1
    except Ending:
        return 0
    finally:
        _stop(children)


def _end(number: int, frame: FrameType | None) -> None:
    raise Ending


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    """Ask the children to end, the main process of each alone; who does not is killed."""
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, signal.SIG_IGN)
    for child in reversed(children):
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + PATIENCE
    for child in reversed(children):
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
