"""Every variable that the settings read stands in the table of docs/settings.md, and every row there is read."""

import re

from tests.architecture.source import ROOT, Source

LOOK = re.compile(r"getenv|os\.environ\.get|os\.environ\[[^]]+\](?!\s*=[^=])|\bin os\.environ")
READ = re.compile(r"""\benv(?:\.\w+)?\(\s*["']([A-Z][A-Z0-9_]*)["']""")
ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \|", re.MULTILINE)


def read_by(source: Source) -> set[str]:
    return set(READ.findall(source.text))


def told_in(text: str) -> list[str]:
    return ROW.findall(text)


def test_it_documents_every_variable_once():
    settings = Source("config/settings.py", (ROOT / "config/settings.py").read_text())
    told = told_in((ROOT / "docs/settings.md").read_text())
    assert sorted(told) == sorted(read_by(settings))


def test_it_reads_the_environment_in_one_place():
    """No app looks at the environment by itself."""
    files = [path for app in ("tenants", "usage", "billing", "invoices") for path in (ROOT / app).rglob("*.py")]
    assert [str(path) for path in files if LOOK.search(path.read_text())] == []


def test_it_tells_a_look_at_the_environment_from_a_change_of_it():
    assert LOOK.search('a = os.environ["HOME"]')
    assert LOOK.search('a = os.environ.get("HOME")')
    assert not LOOK.search('os.environ["FONTCONFIG_FILE"] = "x"')


def test_it_finds_what_settings_read():
    text = 'A = env.str("SITE_URL", default="")\nB = env(\n    "SECRET_KEY"\n)\nC = other("NOT_READ")'
    assert read_by(Source("config/settings.py", text)) == {"SITE_URL", "SECRET_KEY"}


def test_it_finds_the_rows_of_the_table():
    assert told_in("| variable | meaning |\n|---|---|\n| `SITE_URL` | where |\nsee `OTHER` |") == ["SITE_URL"]
