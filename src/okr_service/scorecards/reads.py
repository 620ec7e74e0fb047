"""How scorecards are read."""

from sqlalchemy import Boolean, Integer, Uuid, bindparam

from okr_service.access.policy import Permission, Principal, require
from okr_service.cycles.errors import CycleNotFound
from okr_service.cycles.model import Cycle
from okr_service.kernel.database import Reading
from okr_service.kernel.errors import ReferenceGone
from okr_service.kernel.fields import Ref
from okr_service.kernel.reach import reach_parameters
from okr_service.kernel.references import resolve
from okr_service.kernel.sql import load_sql
from okr_service.organisation.errors import UnitNotFound
from okr_service.organisation.model import Unit
from okr_service.scorecards.shapes import LeagueTableQuestion, ScorecardQuestion

_SCORECARD = load_sql(__package__, "scorecard").bindparams(
    bindparam("tenant_id", type_=Uuid),
    bindparam("unit_id", type_=Uuid),
    bindparam("cycle_id", type_=Uuid),
    bindparam("depth", type_=Integer),
    bindparam("ranked", type_=Boolean),
    *reach_parameters(),
)


async def scorecard(tx: Reading, who: Principal, ref: Ref, asked: ScorecardQuestion) -> str:
    """Return the figures of a unit and of those beneath it, as JSON.

    Raises:
        NotPermitted, UnitNotFound, CycleNotFound, ReferenceGone.
    """
    return await _answer(tx, who, ref, asked, depth=asked.depth, ranked=False)


async def league_table(tx: Reading, who: Principal, ref: Ref, asked: LeagueTableQuestion) -> str:
    """Return the figures of the units directly beneath one, ranked by progress, as JSON.

    Raises:
        NotPermitted, UnitNotFound, CycleNotFound, ReferenceGone.
    """
    return await _answer(tx, who, ref, asked, depth=1, ranked=True)


async def _answer(
    tx: Reading, who: Principal, ref: Ref, asked: LeagueTableQuestion, *, depth: int, ranked: bool
) -> str:
    require(who, Permission.READ)
    no_cycle = CycleNotFound(asked.cycle_id).at("/cycle_id")
    of = {
        "tenant_id": who.tenant_id,
        "unit_id": await resolve(tx, Unit, who.tenant_id, ref, UnitNotFound(ref)),
        "cycle_id": await resolve(tx, Cycle, who.tenant_id, asked.cycle_id, no_cycle),
    }
    asked_for = {**of, **who.sight.parameters, "depth": depth, "ranked": ranked}
    document: str | None = await tx.scalar(_SCORECARD, asked_for)
    if document is None:  # deleted since it was looked up
        raise ReferenceGone
    return document
