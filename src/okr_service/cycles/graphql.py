"""Cycles in GraphQL."""

from typing import Any

from okr_service.access.policy import Permission
from okr_service.cycles import service
from okr_service.cycles.errors import CycleNotFound
from okr_service.cycles.model import Cycle
from okr_service.cycles.reads import CYCLES, cycles_wanted
from okr_service.cycles.shapes import CycleListing, CycleState, CycleView, NewCycle
from okr_service.graphql.kinds import Kind
from okr_service.graphql.roots import Done, Room, Write, WriteCall
from okr_service.graphql.writes import Kept

CYCLE = Kind(
    "Cycle",
    "cycles",
    CYCLES,
    CycleView,
    Permission.READ,
    CycleListing,
    lambda who, wanted: cycles_wanted(who.tenant_id, wanted),  # type: ignore[arg-type] # its own
    CycleNotFound,
    NewCycle,
)
CYCLE.link(
    "parent", Cycle.parent_id, CYCLE, "The cycle it is part of.",
    back="children", about_back="The cycles directly in it.", sort="start_date",
)  # fmt: skip


async def _reopen(call: WriteCall, _: Any) -> Done:
    state = CycleState.OPEN
    cycle = await service.set_cycle_state(call.tx, call.who, call.ref, state, call.versions)
    return Done(cycle.id)


_cycles = Kept(
    CYCLE, NewCycle, Permission.PLAN,
    service.create_cycle, service.edit_cycle, service.delete_cycle,
)  # fmt: skip
ROOM = Room(
    [CYCLE],
    writes=[
        *_cycles.writes("a cycle"),
        Write("reopenCycle", "Reopen a closed cycle.", Permission.PLAN, _reopen, shows=CYCLE),
    ],
)
