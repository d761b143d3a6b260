"""Run the site, its worker and the payment sandbox as children of one command, and end them with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from django.conf import settings

PATIENCE = 15  # seconds that a child is given to end by itself
SPEED = 3600  # an hour of waiting at the providers is a second


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


def commands(port: int) -> list[list[str]]:
    """Return the site, its worker with beat, and the payment sandbox, as arguments of `python -m`."""
    return [
        ["gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--workers=2", "--threads=4", "--log-level=warning"],
        ["celery", "--quiet", "-A", "config", "worker", "-B", "--pool=solo", "--loglevel=warning", "--without-mingle"],
        ["django", "payment_sandbox", "--speed", str(SPEED)],
    ]


def serve(port: int, gateways: Sequence[str] = ()) -> int:
    """Serve on the port until Ctrl-C, a termination, or the death of a child; return the exit code.

    Payments may go to `gateways` beside the providers' own, which are the sandbox's.
    """
    asked: list[int] = []
    for wanted in (signal.SIGINT, signal.SIGTERM):
        # Only noted, so that it cannot come between the birth of a child and its entry in the list.
        signal.signal(wanted, lambda number, frame: asked.append(number))
    allowed = ",".join([*settings.PAYMENT_GATEWAYS, *gateways])
    environment = os.environ | {"SITE_URL": f"http://127.0.0.1:{port}", "PAYMENT_GATEWAYS": allowed}
    children: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands(port):
            # Each in a session of its own: Ctrl-C reaches this process alone, which then ends them in order.
            whole = [sys.executable, "-W", "ignore", "-m", *command]
            children.append(subprocess.Popen(whole, cwd=settings.BASE_DIR, env=environment, start_new_session=True))
        while not asked and all(child.poll() is None for child in children):
            time.sleep(0.2)
    finally:
        _stop(children)
    return 0 if asked else 1


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    """Ask the children to end, the main process of each alone; who does not is killed."""
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
