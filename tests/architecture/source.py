"""The project's Python files, read and not run."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("tenants", "usage", "billing", "invoices")
FOLDERS = (*APPS, "config", "tests")

EDGES = {
    "admin",
    "api",
    "views",
    "forms",
    "tasks",
    "management",
    "checks",
    "apps",
    "urls",
    "middleware",
    "templatetags",
}
PURE = {
    "usage.periods",
    "billing.money",
    "billing.drawing",
    "billing.formatting",
    "billing.rating",
    "invoices.totals",
    "invoices.tax",
    "invoices.usual",
    "invoices.capitals",
}
# Words and checks that tables are made of: they know Django, and nothing of the tables.
PLAIN = {"errors", "validators", "printable", "guards", "tables", "cipher", "tenants.telling"}
RINGS = ("pure", "plain", "models", "verbs", "edges")  # from the inside out

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file: its path from the project's root, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.path)

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def is_package(self) -> bool:
        return self.path.endswith("__init__.py")

    def functions(self) -> Iterator[Function]:
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every module or name that is imported anywhere in the file, in full, with its line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((name.name, node.lineno) for name in node.names)
            elif isinstance(node, ast.ImportFrom):
                home = self.home(node)
                yield from ((f"{home}.{name.name}", node.lineno) for name in node.names)

    def home(self, node: ast.ImportFrom) -> str:
        """The full name of the package that a `from … import` reads."""
        if not node.level:
            return node.module or ""
        parts = self.module.split(".")
        package = parts if self.is_package else parts[:-1]
        kept = package[: len(package) - node.level + 1]
        return ".".join([*kept, *([node.module] if node.module else [])])


@cache
def sources(*folders: str) -> list[Source]:
    """The files below `folders`, without migrations, which are history; read and parsed once."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    wanted = [path for path in found if "migrations" not in path.parts]
    return [Source(str(path.relative_to(ROOT)), path.read_text()) for path in wanted]


def ring(module: str) -> str | None:
    """The ring of a module or of a name in one; None outside the four apps and for an app's own `__init__`."""
    app, _, rest = module.partition(".")
    if app not in APPS or not rest:
        return None
    first = rest.split(".")[0]
    if f"{app}.{first}" in PURE:
        return "pure"
    if first in PLAIN or f"{app}.{first}" in PLAIN:
        return "plain"
    if first == "models":
        return "models"
    return "edges" if first in EDGES else "verbs"


def length(node: Function, *, docstring: bool = True) -> int:
    """Lines from `def` to the end; without the docstring's if asked."""
    whole = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    if docstring or not told:
        return whole
    return whole - ((first.end_lineno or first.lineno) - first.lineno + 1)
