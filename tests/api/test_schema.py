"""The description of the API is a promise: what it names is changed here on purpose only."""

import json
from pathlib import Path

import pytest

KEPT = Path(__file__).with_name("schema.json")
pytestmark = pytest.mark.django_db


@pytest.fixture
def described(client):
    return client.get("/api/schema?format=json").json()


def promised(described) -> dict:
    """Return every operation with its parameters, and every body with its fields."""
    operations = {
        f"{method.upper()} {path}": sorted(p["name"] for p in found.get("parameters", []))
        for path, methods in described["paths"].items()
        for method, found in methods.items()
    }
    bodies = {name: fields(found) for name, found in described["components"]["schemas"].items()}
    return {"operations": operations, "schemas": bodies}


def fields(schema) -> list[str]:
    needed = set(schema.get("required", []))
    return sorted(f"{name}{'' if name in needed else '?'}" for name in schema.get("properties", {})) or schema.get(
        "enum", []
    )


def test_it_keeps_its_names(described):
    """After a change that is meant: delete the file, run this, and read the new one."""
    found = promised(described)
    if not KEPT.exists():
        KEPT.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        pytest.fail(f"{KEPT.name} was missing and is written now; read it and keep it.")
    assert found == json.loads(KEPT.read_text())


def test_it_says_how_a_refusal_looks(described):
    for path, methods in described["paths"].items():
        for method, found in methods.items():
            said = found["responses"]["4XX"]["content"]["application/json"]["schema"]
            assert said == {"$ref": "#/components/schemas/Refused"}, f"{method} {path}"


def test_it_says_how_to_log_in(described):
    assert described["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}


def test_every_write_may_be_repeated(described):
    for path, methods in described["paths"].items():
        if "post" in methods and path != "/api/v1/events":  # each event has a key of its own
            names = [parameter["name"] for parameter in methods["post"]["parameters"]]
            assert "Idempotency-Key" in names, path


def test_the_pages_of_the_description_need_no_other_host(client):
    page = client.get("/api/docs").content.decode()
    assert "/static/drf_spectacular_sidecar/" in page
    assert "http://" not in page.replace("http://testserver", "")
    assert "https://" not in page
