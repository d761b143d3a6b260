"""What every test gets: folders of its own, a quick password hash, a broker in memory; and a run that hides nothing."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from django.conf import settings as django_settings
from django.utils import translation

from config.celery import app as celery
from tests import machine

hypothesis.settings.register_profile("house", deadline=None, database=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("house")

NO_SKIPS = os.environ.get("MINGZHANG_NO_SKIPS") == "1"
# A test that needs a program which is not there is skipped, and says why.
NEEDED = {
    "browser": (("chromium", "chromium-browser", "google-chrome"), "Chromium is not installed (Debian: chromium)"),
    "pdf": (("pdftotext",), "poppler is not installed (Debian: poppler-utils)"),
}


def pytest_configure() -> None:
    celery.conf.update(broker_url="memory://", broker_transport_options={})


def pytest_report_header() -> str:
    found = django_settings.DATABASES["default"]
    where = {"host": found["HOST"], "port": found["PORT"] or 5432, "user": found["USER"], "password": found["PASSWORD"]}
    embedded = "" if "DATABASE_URL" in os.environ else " (embedded)"
    with psycopg.connect(**where, dbname="postgres", connect_timeout=10) as connection:
        return f"database: PostgreSQL {machine.version(connection)}{embedded}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "broker_url" in metafunc.fixturenames:
        metafunc.parametrize("broker_url", machine.brokers(), ids=lambda url: url.split(":")[0])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for marker, (names, reason) in NEEDED.items():
        if not any(shutil.which(name) for name in names):
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish() -> None:
    # What is loaded by now stays: looking through it again and again for garbage takes a tenth of the run.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_folders(settings, tmp_path: Path) -> None:
    """No test writes below var/."""
    settings.VAR_DIR = tmp_path
    settings.OUTBOX_DIR = tmp_path / "outbox"
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.DOCUMENTS_DIR = tmp_path / "documents"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """No test speaks the language that the one before has left."""
    translation.deactivate()
    yield
    translation.deactivate()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and this run may skip nothing: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    if NO_SKIPS and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped, and this run may skip nothing: {report.longrepr}"
    return report
