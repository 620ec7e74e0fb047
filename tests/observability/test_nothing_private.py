"""Every operation, by both doors: no figure, span or line has anything of what was kept."""

import json
import re
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from prometheus_client import generate_latest
from tests.attack.operations import requests_about
from tests.attack.test_matrix import kept
from tests.conftest import Tenant
from tests.graphql.twins import TWINS, ask_twin
from tests.group import Group, Json
from tests.observability.conftest import Line

from okr_service.kernel.statements import PATIENCE
from okr_service.observability import providers

__all__ = ["kept"]
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_OF_ROWS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


async def test_nothing_that_was_kept_is_told(
    group: Group,
    kept: Json,
    tenant: Tenant,
    lines: list[Line],
    spans: Callable[[], tuple[ReadableSpan, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PATIENCE, "seconds", 1e-6)  # every statement has a line
    providers.figures()
    asked = 0
    async with group.calling("admin") as calling:
        for request in requests_about(group, "secret", kept):
            await calling.request(request.method, request.path, **request.given)
            if request.operation in TWINS:
                await ask_twin(calling, request)
            asked += 1
    assert asked > 100
    figures = generate_latest(providers.figures()).decode()
    shown = "".join(span.to_json() for span in spans())
    logged = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    assert len([line for line in lines if line["logger"] == "okr_service.requests"]) >= asked
    rows = (*group.objectives.values(), *group.key_results.values(), *group.plans.values())
    titles = [row["title"] for row in rows if " of " in row["title"]]  # no word of others' too
    private = [*titles, "O-secret", "Comment of", "127.0.0.1:1", tenant.key, "person,"]
    for told in (figures, shown, logged):
        for word in private:
            assert word not in told, word
    # A label is one of few values: no id, no name of a person or a unit.
    values = {value for name, value in _LABEL.findall(figures) if name != "service_instance_id"}
    assert not [value for value in values if _OF_ROWS.search(value)]
    assert len(values) < 400
