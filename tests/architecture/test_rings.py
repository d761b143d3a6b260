"""Imports point upstream (tenants, usage, billing, invoices) and inward (edges, verbs, models, pure)."""

import ast
import subprocess
import sys

import pytest

from tests.architecture.source import APPS, FOLDERS, RINGS, ROOT, Source, ring, sources

FRAMEWORKS = {"django", "rest_framework", "celery"}


def downstream(source: Source) -> list[str]:
    """Imports of an app that is further down the river, or of config, which wires the apps together."""
    app = source.module.split(".")[0]
    lower = {"config", *APPS[APPS.index(app) + 1 :]}
    return [f"{source.path}:{line}: {name}" for name, line in source.imports() if name.split(".")[0] in lower]


def outward(source: Source) -> list[str]:
    """Imports of a ring that is further out."""
    own = ring(source.module)
    if own is None:
        return []
    found = [(name, line, ring(name)) for name, line in source.imports()]
    wrong = [(name, line) for name, line, other in found if other and RINGS.index(other) > RINGS.index(own)]
    return [f"{source.path}:{line}: {own} imports {name}" for name, line in wrong]


def framework_in_pure(source: Source) -> list[str]:
    if ring(source.module) != "pure":
        return []
    return [f"{source.path}:{line}: {name}" for name, line in source.imports() if name.split(".")[0] in FRAMEWORKS]


def inner_imports(source: Source) -> list[str]:
    """Imports inside a function: they hide an arrow from everybody who reads the head of the file."""
    inner = [(node, sub) for node in source.functions() for sub in ast.walk(node)]
    hidden = [(node, sub) for node, sub in inner if isinstance(sub, ast.Import | ast.ImportFrom)]
    return [f"{source.path}:{sub.lineno}: import inside {node.name}" for node, sub in hidden]


def run(check, *folders: str) -> list[str]:
    return [line for source in sources(*folders) for line in check(source)]


def test_it_imports_upstream_only():
    assert run(downstream, *APPS) == []


def test_it_imports_inward_only():
    assert run(outward, *APPS) == []


def test_it_keeps_frameworks_out_of_the_pure_files():
    assert run(framework_in_pure, *APPS) == []


def test_it_imports_at_the_head_of_a_file_only():
    assert run(inner_imports, *FOLDERS) == []


@pytest.mark.parametrize("text", ["import invoices.run", "from billing import money", "from config.api import explain"])
def test_it_sees_an_import_downstream(text):
    assert downstream(Source("usage/counting.py", text)) != []


def test_it_lets_an_import_upstream_pass():
    assert downstream(Source("billing/closing.py", "from usage import periods\nfrom . import ledger")) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("billing/closing.py", "from billing.tasks import bill"),
        ("billing/closing.py", "from billing import admin"),
        ("billing/models/charges.py", "from .. import closing"),
        ("billing/models/charges.py", "from billing.closing import close"),
        ("billing/money.py", "from billing.models import Charge"),
        ("billing/rating/tiers.py", "from ..models import Charge"),
        ("invoices/issuing.py", "import billing.api.charges"),
    ],
)
def test_it_sees_an_import_outward(path, text):
    assert outward(Source(path, text)) != []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("billing/tasks.py", "from billing import closing"),
        ("billing/closing.py", "from .models import Charge"),
        ("billing/models/__init__.py", "from .charges import Charge"),
        ("billing/models/charges.py", "from ..money import Money"),
    ],
)
def test_it_lets_an_import_inward_pass(path, text):
    assert outward(Source(path, text)) == []


def test_it_sees_a_framework_in_a_pure_file():
    assert framework_in_pure(Source("billing/rating/tiers.py", "from django.db import models")) != []
    assert framework_in_pure(Source("billing/closing.py", "from django.db import models")) == []


def test_it_sees_an_import_inside_a_function():
    assert inner_imports(Source("billing/closing.py", "def close():\n    import decimal\n")) != []


@pytest.mark.parametrize(
    ("path", "text"),
    [("tenants/a.py", "import invoices.b"), ("billing/a.py", "import config"), ("billing/money.py", "import django")],
)
def test_import_linter_breaks_on_a_bad_tree(tmp_path, path, text):
    for app in ("config", *APPS):
        (tmp_path / app).mkdir()
        (tmp_path / app / "__init__.py").touch()
    for module in (
        "usage/periods",
        "billing/drawing",
        "billing/formatting",
        "billing/money",
        "invoices/totals",
        "invoices/tax",
        "invoices/capitals",
        "invoices/usual",
        "invoices/b",
    ):
        (tmp_path / f"{module}.py").touch()
    (tmp_path / "billing" / "rating").mkdir()
    (tmp_path / "billing" / "rating" / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    assert lint_imports(tmp_path) == 0
    (tmp_path / path).write_text(text + "\n")
    assert lint_imports(tmp_path) == 1


def lint_imports(folder) -> int:
    program = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as run; run()"
    command = [sys.executable, "-c", program, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode
