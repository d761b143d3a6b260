"""A task that leaves a trace: the worker of test_brokers loads this module beside the site's own tasks."""

from pathlib import Path

from celery import shared_task


@shared_task(name="tests.echo")
def echo(path: str, word: str) -> None:
    with Path(path).open("a") as trace:
        trace.write(f"{word}\n")
