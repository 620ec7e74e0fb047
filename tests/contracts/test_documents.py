"""What is published is current, complete and consistent."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import API_KEY_SECRET

from okr_service import documents
from okr_service.access.policy import Permission
from okr_service.main import create_app
from okr_service.settings import Settings

_ROOT = Path(__file__).parents[2]
SETTINGS = Settings(database_url="postgresql://unused/unused", api_key_secret=API_KEY_SECRET)
DOCUMENT = create_app(SETTINGS).openapi()
_OPEN = {"/v1/calendars/{secret}.ics"}  # its address is the credential
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def test_the_committed_documents_are_current() -> None:
    assert documents.differences(_ROOT / "openapi") == []


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _nodes(value)


def test_every_reference_leads_somewhere() -> None:
    there = {f"#/components/{k}/{name}" for k, n in DOCUMENT["components"].items() for name in n}
    refs = {n["$ref"] for n in _nodes(DOCUMENT) if isinstance(n.get("$ref"), str)}
    assert refs <= there


def test_operations_are_told_apart() -> None:
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("path", "method", "operation"), OPERATIONS, ids=[f"{m} {p}" for p, m, _ in OPERATIONS]
)
def test_every_operation_is_described(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"].strip()
    named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
    assert named == {part.partition("}")[0] for part in path.split("{")[1:]}
    for parameter in operation.get("parameters", []):
        assert parameter.get("description") or parameter["schema"].get("description"), parameter
    if path.startswith("/v1"):
        assert ("Idempotency-Key" in str(operation["parameters"])) == (method == "post")
        told = set(operation["responses"]["429"]["headers"])
        assert told == {"Retry-After", "RateLimit", "RateLimit-Policy"}
    if path in _OPEN:
        assert operation["security"] == []
        assert {"400", "404", "429", "503"} <= set(operation["responses"])
    elif path.startswith("/v1"):
        assert [*operation["security"][0]] == ["bearer"]
        assert set(operation["security"][0]["bearer"]) < set(Permission)
        assert {"400", "401", "403", "429", "503"} <= set(operation["responses"])


def test_settings_are_described() -> None:
    page = (_ROOT / "docs" / "operating.md").read_text()
    told = re.findall(r"^\| `OKR_(\w+)` \|", page, re.MULTILINE)
    assert sorted(told) == sorted(name.upper() for name in Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())


def test_every_input_field_is_described() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name.startswith("New") and not name.endswith("Patch"):
            for field, shape in schema["properties"].items():
                assert shape.get("description") or "$ref" in shape, (name, field)
