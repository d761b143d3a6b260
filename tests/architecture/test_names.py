"""A module is named for what happens. These names say nothing, and such a file never refuses a line."""

import ast

from tests.architecture.source import APPS, FOLDERS, ROOT, Source, sources

EMPTY_NAMES = {"utils", "util", "helpers", "core", "common", "services", "service", "base", "misc"}
ROOMS = {"config", *APPS, "templates", "static", "tests", "bin", "docs"}
# The frameworks' own: what is kept there is not the project's.
MACHINE = {"var", "staticfiles"}


def empty_names(source: Source) -> list[str]:
    return [source.path] if EMPTY_NAMES & set(source.module.split(".")) else []


def signals(source: Source) -> list[str]:
    """Receivers and signals: a flow through them can be read nowhere."""
    wrong = ("django.db.models.signals", "django.dispatch.Signal", "blinker")
    return [f"{source.path}:{line}: {name}" for name, line in source.imports() if name.startswith(wrong)]


def generic_keys(source: Source) -> list[str]:
    wrong = {"GenericForeignKey", "GenericRelation"}
    return [f"{source.path}:{line}: {name}" for name, line in source.imports() if name.split(".")[-1] in wrong]


def floats(source: Source) -> list[str]:
    """`float` in an annotation or as a conversion."""
    told = [node for whole in ast.walk(source.tree) for node in annotations(whole)]
    made = [node.func for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    named = {node for whole in told for node in ast.walk(whole)} | set(made)
    return [
        f"{source.path}:{node.lineno}: float" for node in named if isinstance(node, ast.Name) and node.id == "float"
    ]


def annotations(node: ast.AST) -> list[ast.expr]:
    """The types that a node speaks of."""
    if isinstance(node, ast.AnnAssign | ast.arg):
        return [node.annotation] if node.annotation else []
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.returns] if node.returns else []
    return []


def run(check, *folders: str) -> list[str]:
    return [line for source in sources(*folders) for line in check(source)]


def test_it_names_modules_for_what_happens():
    assert run(empty_names, *FOLDERS) == []


def test_it_has_no_room_but_the_known_ones():
    found = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))}
    assert found - MACHINE <= ROOMS


def test_it_has_no_signals():
    assert run(signals, *APPS) == []


def test_it_has_no_generic_foreign_keys():
    assert run(generic_keys, *APPS) == []


def test_it_has_no_float_near_money_or_quantity():
    assert run(floats, "usage", "billing", "invoices") == []


def test_it_sees_an_empty_name():
    assert empty_names(Source("billing/utils.py", ""))
    assert empty_names(Source("billing/core/x.py", ""))
    assert not empty_names(Source("billing/closing.py", ""))


def test_it_sees_a_signal():
    assert signals(Source("billing/closing.py", "from django.db.models.signals import post_save"))
    assert signals(Source("billing/closing.py", "from django.dispatch import Signal"))


def test_it_sees_a_generic_foreign_key():
    assert generic_keys(Source("billing/models.py", "from django.contrib.contenttypes.fields import GenericForeignKey"))


def test_it_sees_a_float():
    assert floats(Source("billing/money.py", "def f(a: float | None) -> int: ..."))
    assert floats(Source("billing/money.py", "def f() -> list[float]: ..."))
    assert floats(Source("billing/money.py", "a = float('1')"))
    assert not floats(Source("billing/money.py", "isinstance(a, float)"))
    assert not floats(Source("billing/money.py", "a = Decimal('1.5')"))
