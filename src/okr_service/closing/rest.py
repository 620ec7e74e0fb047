"""Closing and carrying over, over REST."""

from typing import Annotated

import orjson
from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.closing import service
from okr_service.closing.service import ClosedObjective
from okr_service.closing.shapes import (
    CarryingOver,
    ClosedCycleView,
    Closing,
    ClosingOptions,
    CycleClosing,
    Mode,
)
from okr_service.cycles.model import Cycle
from okr_service.cycles.reads import CYCLES
from okr_service.objectives.reads import OBJECTIVES
from okr_service.objectives.service import Outcome
from okr_service.objectives.shapes import ObjectiveView
from okr_service.rest.answers import computed, written
from okr_service.rest.conditional import etag, expected_versions
from okr_service.rest.endpoint import Write, needs
from okr_service.rest.routing import PathRef, room

router = room("closing")


@router.post("/objectives/{ref:path}:close", response_model=ObjectiveView)
@needs(Permission.PLAN)
async def close_objective(ref: PathRef, call: Write, body: Closing | None = None) -> Response:
    """Close an objective with a final score and what was learnt."""
    given = body or Closing()
    outcome = Outcome(given.final_score, given.retrospective)
    expected = expected_versions(call)
    closed = await service.close_objective(call.tx, call.who, ref, outcome, expected)
    return await written(call, OBJECTIVES, closed.id)


@router.post("/objectives/{ref:path}:carry-over", status_code=201, response_model=ObjectiveView)
@needs(Permission.PLAN)
async def carry_over_objective(ref: PathRef, body: CarryingOver, call: Write) -> Response:
    """Go on with an unfinished objective in another cycle, and close it."""
    expected = expected_versions(call)
    made = await service.carry_over(call.tx, call.who, ref, body, expected)
    return await written(call, OBJECTIVES, made.id, "/v1/objectives")


@router.post("/cycles/{ref:path}:close", response_model=ClosedCycleView)
@needs(Permission.PLAN)
async def close_cycle(
    ref: PathRef,
    options: Annotated[ClosingOptions, Query()],
    call: Write,
    body: CycleClosing | None = None,
) -> Response:
    """Close a cycle, those beneath it, and every active objective in them."""
    wanted, expected = body or CycleClosing(), expected_versions(call)
    done = await service.close_cycle(call.tx, call.who, ref, wanted, options.mode, expected)
    shown = await CYCLES.one(call.tx, call.who.tenant_id, call.who.sight, Cycle.id == done.cycle_id)
    assert shown is not None, "what was closed can be read"
    answer = orjson.loads(shown.text) | {
        "mode": options.mode,
        "closed_cycles": done.codes,
        "closed_objectives": [_shown(one, options.mode) for one in done.objectives],
    }
    return computed(answer, headers={"ETag": etag(shown)})


def _shown(one: ClosedObjective, mode: Mode) -> dict[str, object]:
    score, made = one.final_score, one.carried_over_to_id
    return {
        "id": one.id,
        "external_id": one.external_id,
        "title": one.title,
        "final_score": None if score is None else float(score),
        "carried_over_to_id": made if mode is Mode.COMMIT else None,
        "carried_over": made is not None,
    }
