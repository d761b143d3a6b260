"""A real browser on the live site: Chromium that may talk to nobody else."""

import os
import shutil

import pytest
import time_machine
from django.core.cache import cache
from playwright.sync_api import sync_playwright

from tests import portal

# Playwright's event loop runs in the thread of the test, where Django would refuse to touch the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture(scope="session")
def chromium():
    path = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def told(transactional_db):
    # The clock of every test begins at the same noon: its log-ins would all count as of one minute.
    cache.clear()
    with time_machine.travel(portal.NOON, tick=True):
        yield portal.story()


class Watched:
    """A browser window that keeps what went wrong in it: requests to other hosts, errors of scripts and of the policy."""

    def __init__(self, browser, home: str, **options):
        self.home = home
        self.context = browser.new_context(base_url=home, **options)
        self.faults: list[str] = []
        self.page = self.context.new_page()
        self.page.on("request", self.asked)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("console", self.said)

    def asked(self, request) -> None:
        if not request.url.startswith((self.home, "data:")):
            self.faults.append(f"asked another host: {request.url}")

    def said(self, message) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def speak(self, language: str) -> None:
        self.context.add_cookies([{"name": "django_language", "value": language, "url": self.home}])

    def log_in(self, who: str = "alice") -> None:
        self.page.goto("/account/login/")
        self.page.fill("input[name=login]", f"{who}@example.com")
        self.page.fill("input[name=password]", portal.PASSWORD)
        self.page.click("main button[type=submit]")
        self.page.wait_for_url("**/c/**")


@pytest.fixture
def window(chromium, live_server, told):
    opened: list[Watched] = []

    def new(**options) -> Watched:
        opened.append(Watched(chromium, live_server.url, **options))
        return opened[-1]

    yield new
    for one in opened:
        one.context.close()
