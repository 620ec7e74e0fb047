"""What a simulation says is what doing it comes to; and it leaves no trace."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from tests.build import Build
from tests.calling import client
from tests.conftest import new_tenant
from tests.rollup import exact, stored
from tests.rollup.edits import Edited, values, weights

from okr_service.audit.model import AuditEvent
from okr_service.checkins.model import CheckIn
from okr_service.kernel.database import Database, Reading
from okr_service.rollup.model import ProgressOnDay

Json = dict[str, Any]  # what httpx gives


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(data=st.data())
async def test_a_simulation_says_what_doing_it_comes_to(
    app: FastAPI, database: Database, data: st.DataObject
) -> None:
    tenant = await new_tenant(database)
    who = tenant.who
    edited = Edited(database, who, data)
    await edited.begin()
    for _ in range(10):
        await edited.edit()
    changes = [_drawn(edited.model, data) for _ in range(data.draw(st.integers(1, 4)))]
    async with client(app, tenant.key) as rest, database.reading() as tx:
        before, traces = await _stored(tx, tenant.tenant_id)

        answer = await rest.post("/v1/rollup:simulate", json={"changes": changes})

        assert await _stored(tx, tenant.tenant_id) == (before, traces)
        if not answer.is_success:
            assert not all([await _is_done(rest, change) for change in changes])
            return
        for change in changes:
            assert await _is_done(rest, change)
        after, _ = await _stored(tx, tenant.tenant_id)
    said = {one["id"]: (_exact(one["before"]), _exact(one["after"])) for one in _named(answer)}
    assert said == {
        str(row_id): (before[row_id], after[row_id])
        for row_id in before
        if row_id in after and before[row_id] != after[row_id]
    }


def _named(answer: httpx.Response) -> list[Json]:
    return [one for one in answer.json()["objectives"] if one["id"] is not None]


def _drawn(model: exact.Forest, data: st.DataObject) -> Json:
    objective = str(data.draw(st.sampled_from(list(model.objectives))))
    key_result = str(data.draw(st.sampled_from(list(model.key_results))))
    weight, value = str(data.draw(weights)), str(data.draw(values))
    parent = data.draw(st.none() | st.sampled_from(list(model.objectives)).map(str))
    edits: list[Json] = [
        {"check_in": {"key_result_id": key_result, "value": value, "observed_at": _now()}},
        {"edit_key_result": {"id": key_result, "changes": {"weight": weight}}},
        {"edit_objective": {"id": objective, "changes": {"weight": weight}}},
        {"edit_objective": {"id": objective, "changes": {"parent_id": parent}}},
        {"edit_objective": {"id": objective, "changes": {"state": "closed"}}},
        {"edit_objective": {"id": objective, "changes": {"state": "cancelled"}}},
        {"create_key_result": {"objective_id": objective, "title": "K", "target_value": "9"}},
        {"delete_key_result": key_result},
        {"delete_objective": objective},
    ]
    return data.draw(st.sampled_from(edits))


def _now() -> str:
    return datetime.now(UTC).isoformat()


async def _is_done(rest: httpx.AsyncClient, change: Json) -> bool:
    [(kind, what)] = change.items()
    match kind:
        case "check_in":
            done = await rest.post("/v1/check-ins", json=what)
        case "create_key_result":
            done = await rest.post("/v1/key-results", json=what)
        case "edit_objective":
            done = await rest.patch(f"/v1/objectives/{what['id']}", json=what["changes"])
        case "edit_key_result":
            done = await rest.patch(f"/v1/key-results/{what['id']}", json=what["changes"])
        case "delete_objective":
            done = await rest.delete(f"/v1/objectives/{what}")
        case _:
            done = await rest.delete(f"/v1/key-results/{what}")
    assert done.status_code < 500
    return done.is_success


async def _stored(tx: Reading, tenant_id: Any) -> tuple[dict[Any, Fraction | None], list[int]]:
    """Return every objective's progress, and how many traces of writes there are."""
    figures = await stored.figures(tx, tenant_id)
    progress = {
        row_id: of.progress
        for row_id, of in figures.items()
        if isinstance(of, exact.ObjectiveFigures)
    }
    counts = [
        await tx.scalar(select(func.count()).where(table.tenant_id == tenant_id))
        for table in (CheckIn, AuditEvent, ProgressOnDay)
    ]
    return progress, [count or 0 for count in counts]


def _exact(shown: float | None) -> Fraction | None:
    return None if shown is None else Fraction(Decimal(str(shown)))


async def test_new_children_can_be_tried(build: Build) -> None:
    company = await build.objective()
    await build.check_in(await build.key_result(company, target_value="2"), 1)
    child = {
        "title": "Child",
        "external_id": "C",
        "parent_id": company["id"],
        "unit_id": company["unit_id"],
        "cycle_id": company["cycle_id"],
    }
    measured = {"objective_id": "external:C", "title": "K", "metric": "boolean"}

    found = await build.post(
        "rollup:simulate",
        changes=[{"create_objective": child}, {"create_key_result": measured}],
    )

    assert [(o["id"], o["external_id"], o["before"], o["after"]) for o in found["objectives"]] == [
        (company["id"], None, 0.5, 0.25),
        (None, "C", None, 0),
    ]
    assert (await build.rest.get("/v1/objectives/external:C")).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({}, "/changes/1", "not-exactly-one"),
        ({"delete_objective": "external:NONE"}, "/changes/1", "objective-not-found"),
        (
            {"edit_objective": {"id": "external:O", "changes": {"weight": -1}}},
            "/changes/1/weight",
            "below-minimum",
        ),
        (
            {"edit_objective": {"id": "external:O", "changes": {"parent_id": "external:O"}}},
            "/changes/1/parent_id",
            "alignment-would-loop",
        ),
    ],
)
async def test_a_change_that_cannot_be_made_is_named_by_its_place(
    build: Build, change: Json, pointer: str, code: str
) -> None:
    await build.objective(external_id="O")
    sound = {"edit_objective": {"id": "external:O", "changes": {"weight": 2}}}

    refused = await build.rest.post("/v1/rollup:simulate", json={"changes": [sound, change]})

    assert refused.status_code == 422
    assert (refused.json()["errors"][0]["pointer"], refused.json()["errors"][0]["code"]) == (
        pointer,
        code,
    )
