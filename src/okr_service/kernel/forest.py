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

from typing import TypeVar
from uuid import UUID

from sqlalchemy import Integer, literal, select, text
from sqlalchemy.orm import InstrumentedAttribute, aliased

from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.errors import OkrError
from okr_service.kernel.model import Resource
from okr_service.kernel.references import alive

DEEPEST = 32


class TreeRow(Resource):
    """A row of a tree."""

    __abstract__ = True

    parent_id: InstrumentedAttribute[UUID | None]


_T = TypeVar("_T", bound=Resource)
_PARENT = "parent_id"

_PLANNED = "set_config('plan_cache_mode', 'auto', true)"
_ALONE = text(f"SELECT pg_advisory_xact_lock(hashtextextended(:name, 1)), {_PLANNED}")
_WITH_OTHERS = text(f"SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 1)), {_PLANNED}")


async def hold_structure(tx: Transaction, tenant_id: UUID, *, alone: bool) -> None:
    """Keep every other transaction from moving rows until this one ends.

    Taken before any row is locked, so that nobody waits for it holding one. Whoever takes it
    may mean many rows, so from here on PostgreSQL plans each statement by how many there are.
    """
    await tx.execute(_ALONE if alone else _WITH_OTHERS, {"name": str(tenant_id)})


async def ancestors(
    tx: Reading, model: type[_T], tenant_id: UUID, row_id: UUID, link: str = _PARENT
) -> list[UUID]:
    """Return the ids from a row up to its root, the row first."""
    base = (
        select(model.id, _link(model, link), literal(0, Integer).label("steps"))
        .where(model.tenant_id == tenant_id, model.id == row_id)
        .cte("line", recursive=True)
    )
    parent = aliased(model)
    line = base.union_all(
        select(parent.id, _link(parent, link), base.c.steps + 1).where(
            parent.tenant_id == tenant_id,
            parent.id == base.c[link],
            base.c.steps <= DEEPEST,
        )
    )
    return list((await tx.scalars(select(line.c.id).order_by(line.c.steps))).all())


async def height(
    tx: Reading, model: type[_T], tenant_id: UUID, row_id: UUID, link: str = _PARENT
) -> int:
    """Return how many levels there are below a row."""
    base = (
        select(model.id, literal(0, Integer).label("level"))
        .where(model.tenant_id == tenant_id, model.id == row_id)
        .cte("below", recursive=True)
    )
    child = aliased(model)
    below = base.union_all(
        select(child.id, base.c.level + 1).where(
            child.tenant_id == tenant_id,
            _link(child, link) == base.c.id,
            base.c.level <= DEEPEST,
            *alive(child),
        )
    )
    found = await tx.scalar(select(below.c.level).order_by(below.c.level.desc()).limit(1))
    return found or 0


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
    line = await ancestors(tx, model, tenant_id, parent_id, link)
    if row_id in line:
        raise loop
    below = await height(tx, model, tenant_id, row_id, link) if row_id else 0
    if len(line) + 1 + below > DEEPEST:
        raise too_deep


def _link(model: type[_T], name: str) -> InstrumentedAttribute[UUID | None]:
    found: InstrumentedAttribute[UUID | None] = getattr(model, name)
    return found
