"""Trees of rows that name their parent: no loops, no more than 32 levels.

Two moves that are each fine alone could make a loop together, so whoever moves
holds the tenant's structure alone; whoever relies on it staying as it is while
looking at several rows holds it with others. In short:

- editing or deleting what has a place in a tree (a unit, cycle, objective or key
  result), imports and repairs: alone, for an edit may move;
- creating one, a batch of check-ins, a check-in whose value feeds another: with others;
- any other check-in, action plans and actions: not at all, so that neither a long
  import nor an edit elsewhere holds up what people do all day.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Integer, func, literal, select, text
from sqlalchemy.orm import InstrumentedAttribute, aliased

from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.errors import OkrError
from okr_service.kernel.model import Resource
from okr_service.kernel.references import alive, among
from okr_service.kernel.telemetry import durations, timed

DEEPEST = 32


class TreeRow(Resource):
    """A row of a tree."""

    __abstract__ = True

    parent_id: InstrumentedAttribute[UUID | None]


_T = TypeVar("_T", bound=Resource)
_PARENT = "parent_id"

_waits = durations("okr.structure.wait", "How long a tenant's structure was waited for.")
_PLANNED = "set_config('plan_cache_mode', 'auto', true)"
_ALONE = text(f"SELECT pg_advisory_xact_lock(hashtextextended(:name, 1)), {_PLANNED}")
_WITH_OTHERS = text(f"SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 1)), {_PLANNED}")


async def hold_structure(tx: Transaction, tenant_id: UUID, *, alone: bool) -> None:
    """Keep every other transaction from moving rows until this one ends.

    Taken before any row is locked, so that nobody waits for it holding one. Whoever takes it
    may mean many rows, so from here on PostgreSQL plans each statement by how many there are.
    """
    with timed(_waits, mode="alone" if alone else "with_others"):
        await tx.execute(_ALONE if alone else _WITH_OTHERS, {"name": str(tenant_id)})


@dataclass(frozen=True)
class Places:
    """Where rows of a tree are: the line from each parent to its root, what is below each row."""

    lines: Mapping[UUID, Sequence[UUID]]
    heights: Mapping[UUID, int]

    def require(
        self, row_id: UUID | None, parent_id: UUID, loop: OkrError, too_deep: OkrError
    ) -> None:
        """Make sure that a row, or a new one, fits under a parent.

        Raises:
            loop: the parent is the row itself or beneath it.
            too_deep: the tree would have more than 32 levels.
        """
        line = self.lines.get(parent_id, ())
        if row_id in line:
            raise loop
        below = self.heights.get(row_id, 0) if row_id else 0
        if len(line) + 1 + below > DEEPEST:
            raise too_deep


async def places(
    tx: Reading,
    model: type[_T],
    tenant_id: UUID,
    moves: Collection[tuple[UUID | None, UUID]],
    link: str = _PARENT,
) -> Places:
    """Look up where rows, or new ones, would come to stand under their parents."""
    parents = sorted({parent_id for _, parent_id in moves})
    moved = sorted({row_id for row_id, _ in moves if row_id is not None})
    return Places(
        await _lines(tx, model, tenant_id, parents, link) if parents else {},
        await _heights(tx, model, tenant_id, moved, link) if moved else {},
    )


async def _lines(
    tx: Reading, model: type[_T], tenant_id: UUID, row_ids: Sequence[UUID], link: str
) -> dict[UUID, list[UUID]]:
    """Return the ids from each row up to its root, the row first."""
    base = (
        select(
            model.id.label("start"),
            model.id,
            _link(model, link),
            literal(0, Integer).label("steps"),
        )
        .where(model.tenant_id == tenant_id, among(model.id, row_ids))
        .cte("line", recursive=True)
    )
    parent = aliased(model)
    line = base.union_all(
        select(base.c.start, parent.id, _link(parent, link), base.c.steps + 1).where(
            parent.tenant_id == tenant_id,
            parent.id == base.c[link],
            base.c.steps <= DEEPEST,
        )
    )
    found: dict[UUID, list[UUID]] = {}
    for start, row_id in await tx.execute(select(line.c.start, line.c.id).order_by(line.c.steps)):
        found.setdefault(start, []).append(row_id)
    return found


async def _heights(
    tx: Reading, model: type[_T], tenant_id: UUID, row_ids: Sequence[UUID], link: str
) -> dict[UUID, int]:
    """Return how many levels there are below each row."""
    base = (
        select(model.id.label("start"), model.id, literal(0, Integer).label("level"))
        .where(model.tenant_id == tenant_id, among(model.id, row_ids))
        .cte("below", recursive=True)
    )
    child = aliased(model)
    below = base.union_all(
        select(base.c.start, child.id, base.c.level + 1).where(
            child.tenant_id == tenant_id,
            _link(child, link) == base.c.id,
            base.c.level <= DEEPEST,
            *alive(child),
        )
    )
    deepest = select(below.c.start, func.max(below.c.level).label("level")).group_by(below.c.start)
    return {row.start: row.level for row in await tx.execute(deepest)}


async def require_place(
    tx: Transaction,
    model: type[_T],
    tenant_id: UUID,
    row_id: UUID | None,
    parent_id: UUID,
    loop: OkrError,
    too_deep: OkrError,
    link: str = _PARENT,
) -> None:
    """Make sure that a row, or a new one, fits under a parent.

    Raises:
        loop: the parent is the row itself or beneath it.
        too_deep: the tree would have more than 32 levels.
    """
    found = await places(tx, model, tenant_id, [(row_id, parent_id)], link)
    found.require(row_id, parent_id, loop, too_deep)


def _link(model: type[_T], name: str) -> InstrumentedAttribute[UUID | None]:
    found: InstrumentedAttribute[UUID | None] = getattr(model, name)
    return found
