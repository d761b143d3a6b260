"""The OpenAPI description: how to log in, the one shape of a refusal, and the key that makes a request safe to repeat."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

REFUSAL = {
    "type": "object",
    "required": ["code", "path", "message"],
    "properties": {
        "code": {"type": "string", "description": "Stable, for programs."},
        "path": {"type": "string", "description": "The input it is about, as prices[0].code; empty for none."},
        "message": {"type": "string", "description": "For people, in the caller's language (Accept-Language)."},
    },
}
REFUSED = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"$ref": "#/components/schemas/Refusal"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Refusal"}},
    },
}
ANSWERS = {
    "4XX": {
        "description": "Refused: nothing was changed.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refused"}}},
    }
}
REPEATABLE = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 120},
    "description": "A repeat of the same request under the same key gets the first answer and does nothing (90 days).",
}
NAMED_CUSTOMER = {
    "name": "tenant",
    "in": "query",
    "required": False,
    "schema": {"type": "string"},
    "description": "Operators' keys: the code of the customer to act for.",
}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """An API key, as `Authorization: Bearer mz_….…`."""

    target_class = "config.api.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add to every operation what all of them share."""
    result.setdefault("components", {}).setdefault("schemas", {}).update({"Refusal": REFUSAL, "Refused": REFUSED})
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            operation["responses"].update(ANSWERS)
            known = operation.setdefault("parameters", [])
            shared = _shared(path, method)
            if shared and shared["name"] not in [parameter.get("name") for parameter in known]:
                known.append(shared)
    return result


def _shared(path: str, method: str) -> dict[str, Any] | None:
    if method == "get":
        return NAMED_CUSTOMER
    # Events carry keys of their own, one each.
    return REPEATABLE if method == "post" and not path.endswith("/events") else None
