"""The site's own Celery, with the settings it would have, on each broker of this run."""

import os
import signal
import subprocess
import sys
import time
import uuid

import kombu
import pytest

from tests.architecture.source import ROOT

pytestmark = pytest.mark.broker
SEND = """
import sys
from config.celery import app
queue, path, *words = sys.argv[1:]
for word in words:
    app.send_task("tests.echo", args=[path, word], queue=queue)
"""


class Site:
    """Processes of one site, on a queue of the test's own."""

    def __init__(self, broker_url, folder):
        self.broker = broker_url
        self.environment = os.environ | {"CELERY_BROKER_URL": broker_url, "VAR_DIR": str(folder / "var")}
        self.queue = f"test-{uuid.uuid4().hex[:12]}"
        self.trace = folder / "trace"

    def send(self, *words):
        arguments = [self.queue, str(self.trace), *words]
        subprocess.run([sys.executable, "-c", SEND, *arguments], cwd=ROOT, env=self.environment, check=True)

    def delete_queue(self):
        if not self.broker.startswith("filesystem"):
            with kombu.Connection(self.broker) as connection:
                connection.default_channel.queue_delete(self.queue)

    def worker(self):
        words = ["-A", "config.celery", "worker", "--pool", "solo", "--without-mingle", "--without-gossip"]
        more = ["-Q", self.queue, "-I", "tests.ground.echo", "-l", "ERROR"]
        return subprocess.Popen([sys.executable, "-m", "celery", *words, *more], cwd=ROOT, env=self.environment)

    def taken(self, worker):
        """The words that the worker has seen, once there are three, or it has ended, or 90 seconds are over."""
        self.trace.touch()
        for _ in range(900):
            if len(self.trace.read_text().split()) >= 3 or worker.poll() is not None:
                break
            time.sleep(0.1)
        return self.trace.read_text().split()


def test_it_takes_what_was_sent_before_it_ran_once_and_stops_when_told(broker_url, tmp_path):
    site = Site(broker_url, tmp_path)
    site.send("one", "two", "明账")
    worker = site.worker()
    try:
        assert sorted(site.taken(worker)) == ["one", "two", "明账"]
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    finally:
        worker.kill()
        site.delete_queue()
