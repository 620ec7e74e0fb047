"""Objectives and key results in GraphQL."""

from collections.abc import Mapping
from typing import Any

from okr_service.access.policy import Permission
from okr_service.cycles.graphql import CYCLE
from okr_service.events.happenings import Happening
from okr_service.events.shapes import EventType
from okr_service.graphql.kinds import Kind
from okr_service.graphql.roots import (
    Done,
    Followed,
    Perform,
    ReadCall,
    Room,
    Wanted,
    Write,
    WriteCall,
)
from okr_service.graphql.writes import Kept
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import resolve
from okr_service.objectives import key_results, service
from okr_service.objectives.access import objective_seen
from okr_service.objectives.errors import KeyResultNotFound, ObjectiveNotFound
from okr_service.objectives.model import KeyResult, Objective
from okr_service.objectives.reads import (
    KEY_RESULTS,
    OBJECTIVES,
    key_results_wanted,
    objectives_wanted,
)
from okr_service.objectives.shapes import (
    Alignment,
    KeyResultListing,
    KeyResultView,
    NewKeyResult,
    NewObjective,
    ObjectiveListing,
    ObjectiveState,
    ObjectiveView,
    ProgressChange,
)
from okr_service.organisation.graphql import PERSON, UNIT

OBJECTIVE = Kind(
    "Objective",
    "objectives",
    OBJECTIVES,
    ObjectiveView,
    Permission.READ,
    ObjectiveListing,
    objectives_wanted,  # type: ignore[arg-type] # of its own listing
    ObjectiveNotFound,
    NewObjective,
)
KEY_RESULT = Kind(
    "KeyResult",
    "keyResults",
    KEY_RESULTS,
    KeyResultView,
    Permission.READ,
    KeyResultListing,
    key_results_wanted,  # type: ignore[arg-type] # of its own listing
    KeyResultNotFound,
    NewKeyResult,
)
OBJECTIVE.link(
    "unit", Objective.unit_id, UNIT, "The unit whose objective it is.",
    back="objectives", about_back="What the unit wants to reach.", required=True,
)  # fmt: skip
OBJECTIVE.link(
    "owner", Objective.owner_id, PERSON, "The person who answers for it.",
    back="objectives", about_back="The objectives that they answer for.",
)  # fmt: skip
OBJECTIVE.link(
    "cycle", Objective.cycle_id, CYCLE, "When it is to be reached.",
    back="objectives", about_back="What is to be reached in it.", required=True,
)  # fmt: skip
OBJECTIVE.link(
    "parent", Objective.parent_id, OBJECTIVE, "The objective it supports.",
    back="children", about_back="The objectives that support it.", sort="position",
)  # fmt: skip
OBJECTIVE.link(
    "carried_over_from", Objective.carried_over_from_id, OBJECTIVE,
    "The objective that it goes on with.",
    back="carried_over_to", about_back="The objectives that go on with it.",
)  # fmt: skip
KEY_RESULT.link(
    "objective", KeyResult.objective_id, OBJECTIVE, "What it measures.",
    back="key_results", about_back="How it is measured.", sort="position",
)  # fmt: skip
KEY_RESULT.link(
    "owner", KeyResult.owner_id, PERSON, "The person who answers for it.",
    back="key_results", about_back="The key results that they answer for.",
)  # fmt: skip
KEY_RESULT.link(
    "feeds", KeyResult.feeds_id, KEY_RESULT, "The key result that its value feeds.",
    back="fed_by", about_back="The key results that feed its value.",
)  # fmt: skip


def _into(state: ObjectiveState) -> Perform:
    async def perform(call: WriteCall, _: Any) -> Done:
        tx, who = call.tx, call.who
        changed = await service.set_objective_state(tx, who, call.ref, state, call.versions)
        return Done(changed.id)

    return perform


async def _align(call: WriteCall, given: Alignment) -> Done:
    moved = await service.align_objective(
        call.tx, call.who, call.ref, given.parent_id, call.versions
    )
    return Done(moved.id)


async def _beneath(call: ReadCall, under: Ref, _: None) -> Wanted:
    absent, seen = ObjectiveNotFound(str(under)), objective_seen(call.who.sight)
    found = await resolve(call.tx, Objective, call.who.tenant_id, under, absent, seen)
    return lambda happening, sight: happening.is_beneath({found}, sight)


def _moved(happening: Happening) -> Mapping[str, object]:
    before, after = happening.before or {}, happening.after or {}
    return {"before": before.get("progress"), "after": after.get("progress")}


_objectives = Kept(
    OBJECTIVE, NewObjective, Permission.PLAN,
    service.create_objective, service.edit_objective, service.delete_objective,
)  # fmt: skip
_key_results = Kept(
    KEY_RESULT, NewKeyResult, Permission.PLAN,
    key_results.create_key_result, key_results.edit_key_result, key_results.delete_key_result,
)  # fmt: skip
_PLAN = Permission.PLAN
_ACTIVE, _CANCELLED = _into(ObjectiveState.ACTIVE), _into(ObjectiveState.CANCELLED)
ROOM = Room(
    [OBJECTIVE, KEY_RESULT],
    writes=[
        *_objectives.writes("an objective"),
        *_key_results.writes("a key result"),
        Write("activateObjective", "Put a draft into force.", _PLAN, _ACTIVE, shows=OBJECTIVE),
        Write("reopenObjective", "Reopen a closed objective.", _PLAN, _ACTIVE, shows=OBJECTIVE),
        Write(
            "cancelObjective", "Give an objective up; it counts no more.", _PLAN, _CANCELLED,
            shows=OBJECTIVE,
        ),
        Write(
            "alignObjective", "Hang an objective under another, or make it a root.", _PLAN,
            _align, Alignment, shows=OBJECTIVE,
        ),
    ],
    followed=[
        Followed(
            "progressChanged", "The progress of an objective, or of one beneath it, changed.",
            Permission.READ, EventType.OBJECTIVE_PROGRESSED, OBJECTIVE, _beneath, _moved,
            also=ProgressChange, of="under",
        ),
    ],
)  # fmt: skip
