"""What key results would hold, were they as wanted: one or thousands, by the same rules."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import (
    Row,
    select,
)

from okr_service.access.policy import Principal
from okr_service.cycles import service as cycles
from okr_service.cycles.model import Cycle
from okr_service.cycles.service import OpenCycles
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import (
    ExternalIdTaken,
)
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import Named, among
from okr_service.kernel.writes import taken
from okr_service.objectives.errors import (
    CurrencyMismatch,
    ObjectiveFixed,
    PlanDatesRepeat,
)
from okr_service.objectives.feeds import source_of
from okr_service.objectives.figures import check_figures
from okr_service.objectives.model import KeyResult, Objective
from okr_service.objectives.shapes import (
    Format,
    NewKeyResult,
)
from okr_service.objectives.values import Values, named_objectives
from okr_service.organisation import service as organisation

Edit = Callable[[NewKeyResult], NewKeyResult]


@dataclass(frozen=True)
class Surroundings:
    """What a batch of key results refers to, read at once."""

    objectives: Named
    by_id: Mapping[UUID, Row[UUID, UUID, UUID | None, UUID]]
    open: OpenCycles
    people: Named
    taken: Collection[str]

    def objective(self, ref: Ref) -> Row[UUID, UUID, UUID | None, UUID]:
        """Return the id, unit, owner and cycle of the objective that a reference names."""
        return self.by_id[self.objectives.id(ref, "/objective_id")]


async def surroundings(
    tx: Transaction,
    who: Principal,
    batch: Sequence[NewKeyResult],
    edits: Sequence[tuple[KeyResult, Edit]] = (),
) -> Surroundings:
    """Read what key results refer to: new ones, and those being edited with their edits."""
    objectives = await named_objectives(tx, who, (new.objective_id for new in batch))
    its = {*objectives.ids.values(), *(row.objective_id for row, _ in edits)}
    of = (Objective.tenant_id == who.tenant_id, among(Objective.id, sorted(its)))
    columns = (Objective.id, Objective.unit_id, Objective.owner_id, Objective.cycle_id)
    found = (await tx.execute(select(*columns).where(*of))).all() if its else []
    present = {row.external_id for row, _ in edits}
    keys = (new.external_id for new in batch if new.external_id not in present)
    return Surroundings(
        objectives,
        {row.id: row for row in found},
        await cycles.open_cycles(tx, who, (row.cycle_id for row in found)),
        await organisation.named_people(tx, who, (new.owner_id for new in batch)),
        await taken(tx, KeyResult, who.tenant_id, keys),
    )


def key_result_values(
    around: Surroundings,
    new: NewKeyResult,
    cycle: Cycle,
    feeds: UUID | None,
    row: KeyResult | None = None,
) -> Values:
    """Return the columns of a key result as it is wanted: a new one, or an edited row.

    Raises:
        CurrencyMismatch, DateOutsideCycle, PlanDatesRepeat, PersonNotFound, ExternalIdTaken, and
        those of `check_figures` and `source_of`.
    """
    figures = check_figures(new)
    if (new.format is Format.CURRENCY) is (new.currency is None):
        raise CurrencyMismatch().at("/currency")
    cycles.require_within(cycle, new.start_date, "/start_date")
    cycles.require_within(cycle, new.due_date, "/due_date")
    for place, planned in enumerate(new.plan):
        cycles.require_within(cycle, planned.date, f"/plan/{place}/date")
    if len({planned.date for planned in new.plan}) < len(new.plan):
        raise PlanDatesRepeat().at("/plan")
    source = source_of(new)
    owner = around.people.optional(new.owner_id, "/owner_id")
    if new.external_id in around.taken and (row is None or row.external_id != new.external_id):
        raise ExternalIdTaken(str(new.external_id)).at("/external_id")
    return {
        **{name: getattr(new, name) for name in _COPIED},
        **figures,
        "metric": new.metric.value,
        "format": new.format.value,
        "cadence": new.cadence and new.cadence.value,
        **source,
        "feeds_id": feeds,
        "links": [link.model_dump() for link in new.links],
        "owner_id": owner,
    }


_COPIED = (
    "external_id",
    "title",
    "description",
    "unit_of_measure",
    "currency",
    "weight",
    "start_date",
    "due_date",
    "position",
    "tags",
)


def require_same_objective(around: Surroundings, row: KeyResult, wanted: NewKeyResult) -> None:
    """Keep a key result at its objective; raises ObjectiveFixed."""
    if wanted.objective_id is not None and (
        around.objectives.id(wanted.objective_id, "/objective_id") != row.objective_id
    ):
        raise ObjectiveFixed().at("/objective_id")
