"""What action plans and actions have around them: key results, open cycles, people, keys."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import select

from okr_service.access.policy import Principal
from okr_service.actions.model import Action, ActionPlan
from okr_service.actions.shapes import NewAction, NewActionPlan
from okr_service.audit.service import Change, created, record_all
from okr_service.cycles import service as cycles
from okr_service.cycles.service import OpenCycles
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import (
    ExternalIdTaken,
    OkrError,
)
from okr_service.kernel.model import new_id
from okr_service.kernel.references import Named, among
from okr_service.kernel.writes import (
    add_all,
)
from okr_service.objectives.model import KeyResult, Objective
from okr_service.organisation import service as organisation

Values = dict[str, object]
Judged = tuple[Values, UUID]  # a row that fits, and the objective it hangs from


@dataclass(frozen=True)
class Held:
    """A key result, and what of its objective decides who may plan it and when."""

    id: UUID
    objective_id: UUID
    owner_id: UUID | None
    unit_id: UUID
    objective_owner_id: UUID | None
    cycle_id: UUID


@dataclass(frozen=True)
class Surroundings:
    """What a batch of plans or actions refers to, read at once."""

    key_results: Mapping[UUID, Held]
    open: OpenCycles
    people: Named


async def surroundings(
    tx: Transaction,
    who: Principal,
    key_result_ids: Collection[UUID],
    batch: Sequence[NewActionPlan | NewAction],
) -> Surroundings:
    """Read what plans or actions of key results refer to."""
    of = (KeyResult.tenant_id == who.tenant_id, among(KeyResult.id, sorted(key_result_ids)))
    its = (Objective.tenant_id == who.tenant_id) & (Objective.id == KeyResult.objective_id)
    columns = (KeyResult.id, KeyResult.objective_id, KeyResult.owner_id)
    of_objective = (Objective.unit_id, Objective.owner_id, Objective.cycle_id)
    found = select(*columns, *of_objective).join(Objective, its)
    rows = (await tx.execute(found.where(*of))).all() if key_result_ids else []
    held = {row[0]: Held(*row) for row in rows}
    return Surroundings(
        held,
        await cycles.open_cycles(tx, who, (one.cycle_id for one in held.values())),
        await organisation.named_people(tx, who, (new.owner_id for new in batch)),
    )


def require_free(external_id: str | None, keys: Collection[str]) -> None:
    """Make sure that an external id is not taken; raises ExternalIdTaken."""
    if external_id in keys:
        raise ExternalIdTaken(str(external_id)).at("/external_id")


async def add_judged(
    tx: Transaction,
    who: Principal,
    model: type[ActionPlan | Action],
    subject: str,
    judged: Sequence[Judged | OkrError],
) -> list[UUID | OkrError]:
    """Insert and record what fits; returns the id of each, or what is wrong with it."""
    outcome: list[UUID | OkrError] = []
    rows: list[Values] = []
    changes: list[Change] = []
    for one in judged:
        if isinstance(one, OkrError):
            outcome.append(one)
            continue
        values, objective_id = one
        row_id = new_id()
        rows.append({"tenant_id": who.tenant_id, "id": row_id, **values})
        changes.append(replace(created(subject)(rows[-1]), objective_id=objective_id))
        outcome.append(row_id)
    await add_all(tx, model, rows)
    await record_all(tx, who, changes)
    return outcome


def owner_in(values: Mapping[str, object]) -> UUID | None:
    """Return the owner that a row's columns name."""
    owner = values["owner_id"]
    assert owner is None or isinstance(owner, UUID)
    return owner
