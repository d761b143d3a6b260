"""A file has at most 400 lines, a function 50, a view 15, a task 8."""

import ast

from tests.architecture.source import FOLDERS, Function, Source, length, sources

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 50
LINES_OF_A_VIEW = 15
LINES_OF_A_TASK = 8


def long_files(source: Source) -> list[str]:
    lines = source.text.count("\n")
    return [f"{source.path}: {lines} lines"] if lines > LINES_OF_A_FILE else []


def long_functions(source: Source) -> list[str]:
    long = [node for node in source.functions() if length(node) > LINES_OF_A_FUNCTION]
    return [f"{source.path}:{node.lineno}: {node.name} has {length(node)} lines" for node in long]


def long_views(source: Source) -> list[str]:
    if not {"views", "api"} & set(source.module.split(".")[1:]):
        return []
    views = [node for node in source.functions() if takes_request(node)]
    long = [node for node in views if length(node, docstring=False) > LINES_OF_A_VIEW]
    return [f"{source.path}:{node.lineno}: the view {node.name} is too long" for node in long]


def takes_request(node: Function) -> bool:
    names = [argument.arg for argument in node.args.args[:2]]
    return "request" in names and names.index("request") == (1 if names[0] == "self" else 0)


def long_tasks(source: Source) -> list[str]:
    if "tasks" not in source.module.split("."):
        return []
    tasks = [node for node in source.functions() if any("task" in ast.unparse(mark) for mark in node.decorator_list)]
    long = [node for node in tasks if length(node, docstring=False) > LINES_OF_A_TASK]
    return [f"{source.path}:{node.lineno}: the task {node.name} is too long" for node in long]


def complaints() -> list[str]:
    checks = (long_files, long_functions, long_views, long_tasks)
    return [line for source in sources(*FOLDERS) for check in checks for line in check(source)]


def test_it_keeps_files_and_functions_short():
    assert complaints() == []


def test_it_sees_a_long_file():
    assert long_files(Source("billing/x.py", "a = 1\n" * 401)) == ["billing/x.py: 401 lines"]


def test_it_sees_a_long_function():
    assert long_functions(Source("billing/x.py", "def f():\n" + "    a = 1\n" * 50)) == [
        "billing/x.py:1: f has 51 lines"
    ]


def test_it_sees_a_long_view_and_leaves_its_docstring_out():
    body = '    """Show."""\n' + "    a = 1\n"
    assert long_views(Source("billing/views.py", "def show(request):\n" + body * 1 + "    a = 1\n" * 13)) == []
    assert long_views(Source("billing/views.py", "def show(request):\n" + body * 1 + "    a = 1\n" * 14)) != []
    assert long_views(Source("billing/api/x.py", "class A:\n  def get(self, request):\n" + "    a = 1\n" * 15)) != []


def test_it_sees_a_long_task():
    text = "@shared_task\ndef bill():\n" + "    a = 1\n" * 8
    assert long_tasks(Source("billing/tasks.py", text)) == ["billing/tasks.py:2: the task bill is too long"]
