"""Closing and carrying over in GraphQL."""

from pydantic import Field

from okr_service.access.policy import Permission
from okr_service.closing import service
from okr_service.closing.service import ClosedObjective
from okr_service.closing.shapes import (
    CarryingOver,
    ClosedObjectiveView,
    Closing,
    CycleClosing,
    Mode,
)
from okr_service.cycles.graphql import CYCLE
from okr_service.graphql.roots import Done, Room, Write, WriteCall
from okr_service.kernel.fields import View
from okr_service.objectives.graphql import OBJECTIVE
from okr_service.objectives.service import Outcome


class CycleClosingInMode(CycleClosing):
    """What is to become of what is in a cycle."""

    mode: Mode = Field(default=Mode.COMMIT, description="`DRY_RUN` changes nothing.")


class ClosedWithCycle(View):
    """What was closed with a cycle."""

    mode: Mode = Field(description="Whether it was done, or only shown.")
    closed_cycles: list[str] = Field(description="The codes of the cycles that were open.")
    closed_objectives: list[ClosedObjectiveView] = Field(description="What was closed with it.")


async def _close(call: WriteCall, given: Closing) -> Done:
    outcome = Outcome(given.final_score, given.retrospective)
    closed = await service.close_objective(call.tx, call.who, call.ref, outcome, call.versions)
    return Done(closed.id)


async def _carry_over(call: WriteCall, given: CarryingOver) -> Done:
    made = await service.carry_over(call.tx, call.who, call.ref, given, call.versions)
    return Done(made.id)


async def _close_cycle(call: WriteCall, given: CycleClosingInMode) -> Done:
    mode = given.mode
    done = await service.close_cycle(call.tx, call.who, call.ref, given, mode, call.versions)
    objectives = [_shown(one, mode) for one in done.objectives]
    told = {"mode": mode, "closed_cycles": done.codes, "closed_objectives": objectives}
    return Done(done.cycle_id, told)


def _shown(one: ClosedObjective, mode: Mode) -> dict[str, object]:
    score, made = one.final_score, one.carried_over_to_id
    return {
        "id": str(one.id),
        "external_id": one.external_id,
        "title": one.title,
        "final_score": None if score is None else float(score),
        "carried_over_to_id": str(made) if made and mode is Mode.COMMIT else None,
        "carried_over": made is not None,
    }


_PLAN = Permission.PLAN
ROOM = Room(
    writes=[
        Write(
            "closeObjective", "Close an objective with a final score and what was learnt.",
            _PLAN, _close, Closing, shows=OBJECTIVE,
        ),
        Write(
            "carryOverObjective",
            "Go on with an unfinished objective in another cycle, and close it.",
            _PLAN, _carry_over, CarryingOver, shows=OBJECTIVE,
        ),
        Write(
            "closeCycle", "Close a cycle, those beneath it, and every active objective in them.",
            _PLAN, _close_cycle, CycleClosingInMode, shows=CYCLE, also=ClosedWithCycle,
        ),
    ],
)  # fmt: skip
