"""What others may still be joined to: an objective under way, in an open cycle."""

from uuid import UUID

from sqlalchemy import select

from okr_service.access.policy import Principal
from okr_service.cycles import service as cycles
from okr_service.cycles.errors import CycleClosed
from okr_service.cycles.model import Cycle
from okr_service.cycles.service import OpenCycles
from okr_service.kernel.database import Transaction
from okr_service.objectives.errors import ObjectiveEnded
from okr_service.objectives.model import Objective
from okr_service.objectives.shapes import ObjectiveState

_ENDED = (ObjectiveState.CLOSED, ObjectiveState.CANCELLED)


async def require_may_join(
    tx: Transaction, who: Principal, objective_id: UUID, pointer: str
) -> Cycle:
    """Make sure that what is joined to an objective now changes no figure that was settled.

    Returns its cycle, which stays open until the transaction ends.

    Raises:
        ObjectiveEnded, CycleClosed.
    """
    of = (Objective.tenant_id == who.tenant_id, Objective.id == objective_id)
    state, cycle_id = (
        await tx.execute(select(Objective.state, Objective.cycle_id).where(*of))
    ).one()
    return joined(state, await cycles.open_cycles(tx, who, [cycle_id]), cycle_id, pointer)


def joined(state: str, held: OpenCycles, cycle_id: UUID, pointer: str) -> Cycle:
    """Return the cycle of an objective that others may be joined to; raises as above."""
    if state in _ENDED:
        raise ObjectiveEnded(state).at(pointer)
    try:
        return held.cycle(cycle_id)
    except CycleClosed as error:
        raise error.at(pointer) from error
