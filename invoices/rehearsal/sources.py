"""Stories as people write them: YAML or JSON, one or a list of them, to plain data. A key written twice is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from typing import Any

import yaml

from billing.rating.errors import InputError

# As in YAML 1.2: `on` is a key of a step, `NO` a country; only these are true and false.
_TRUTHS = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")


class _Loader(yaml.SafeLoader):
    """YAML without surprises: nothing but true and false is a truth, and a key stands once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _value in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise _twice(str(key), f"line {key_node.start_mark.line + 1}")
            seen.add(key if isinstance(key, Hashable) else None)
        return super().construct_mapping(node, deep)


_BOOL = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != _BOOL]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, _TRUTHS, list("tTfF"))


def stories(text: str, *, most: int | None = None) -> list[Any]:
    """Return the stories of a text, each as plain data; a list in it is several stories.

    Raises InputError for what is neither YAML nor JSON, for a key that is written twice, and for more than `most`.
    """
    found: list[Any] = []
    for one in _documents(text):
        found += one if isinstance(one, list) else [one]
    if most is not None and len(found) > most:
        raise InputError("too_many", "", f"At most {most} stories at a time.", f"一次最多 {most} 个故事。")
    return found


def body(text: str) -> Any:
    """Return what a JSON text holds; raise InputError where it is none."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as wrong:
        if isinstance(wrong, InputError):
            raise
        raise InputError("malformed_json", "", f"This is no JSON: {wrong}.", f"这不是 JSON：{wrong}。") from None


def _documents(text: str) -> list[Any]:
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        try:
            return [body(text.lstrip("\ufeff"))]
        except InputError as wrong:
            if wrong.code != "malformed_json":
                raise
    try:
        return [one for one in yaml.load_all(text, Loader=_Loader) if one is not None]
    except (yaml.YAMLError, RecursionError, ValueError) as wrong:
        if isinstance(wrong, InputError):
            raise
        reason = " ".join(str(wrong).split())
        raise InputError(
            "malformed_yaml", "", f"This is neither YAML nor JSON: {reason}", f"这既不是 YAML 也不是 JSON：{reason}"
        ) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _value in pairs]
        raise _twice(next(name for name in names if names.count(name) > 1), "")
    return read


def _twice(name: str, where: str) -> InputError:
    place = f" ({where})" if where else ""
    return InputError("duplicate_key", name, f"{name!r} is written twice{place}.", f"「{name}」写了两次{place}。")
