"""What the questions are measured against: reads of the same rows that answer nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from okr_service.kernel.database import Database
from okr_service.objectives.model import KeyResult, Objective

_TENANT = bindparam("tenant_id", type_=Uuid)
_OBJECTIVES = bindparam("objective_ids", type_=ARRAY(Uuid))
_KEY_RESULTS = bindparam("key_result_ids", type_=ARRAY(Uuid))

ROWS_BY_ID = text(
    """
    SELECT CAST(json_agg(json_build_object(
               'id', id, 'external_id', external_id, 'title', title,
               'weight', trim_scale(weight), 'progress', trim_scale(progress))) AS text)
      FROM (SELECT id, external_id, title, weight, progress
              FROM objectives
             WHERE tenant_id = :tenant_id AND id = ANY (:objective_ids)

             UNION ALL

            SELECT id, external_id, title, weight, progress
              FROM key_results
             WHERE tenant_id = :tenant_id AND id = ANY (:key_result_ids)) AS looked_at
    """
).bindparams(_TENANT, _OBJECTIVES, _KEY_RESULTS)

# The objects of analysis/tree.sql, side by side instead of within each other.
NODES_BY_ID = text(
    """
    SELECT CAST(json_agg(json_build_object(
               'id', o.id,
               'external_id', o.external_id,
               'title', o.title,
               'state', o.state,
               'ambition', o.ambition,
               'cycle_id', o.cycle_id,
               'weight', trim_scale(o.weight),
               'progress', trim_scale(o.progress),
               'expected_progress', trim_scale(expected.progress),
               'health', okr_health(o.progress, expected.progress,
                                    t.ahead_from, t.on_track_from, t.behind_from),
               'confidence', (
                   SELECT k.confidence
                     FROM key_results AS k
                    WHERE k.tenant_id = :tenant_id AND k.objective_id = o.id
                      AND k.deleted_at IS NULL AND k.confidence IS NOT NULL
                    ORDER BY array_position(
                        ARRAY['off_track', 'at_risk', 'on_track'], k.confidence)
                    LIMIT 1
               ),
               'unit', json_build_object('id', u.id, 'name', u.name),
               'owner', CASE WHEN p.id IS NOT NULL THEN
                   json_build_object('id', p.id, 'name', p.name) END,
               'key_results', NULL,
               'children', json_build_array(),
               'has_more_children', false,
               'next_children', NULL,
               'children_count', NULL
           )) AS text)
      FROM objectives AS o
      JOIN tenants AS t ON t.tenant_id = :tenant_id
      JOIN cycles AS c ON c.tenant_id = :tenant_id AND c.id = o.cycle_id
      JOIN units AS u ON u.tenant_id = :tenant_id AND u.id = o.unit_id
      LEFT JOIN people AS p ON p.tenant_id = :tenant_id AND p.id = o.owner_id
     CROSS JOIN LATERAL (
           SELECT okr_elapsed(c.start_date, c.end_date, current_date) AS progress
     ) AS expected
     WHERE o.tenant_id = :tenant_id AND o.id = ANY (:objective_ids)
    """
).bindparams(_TENANT, _OBJECTIVES)

CHECK_INS_GROUPED = text(
    """
    SELECT max(last_seen), sum(total)
      FROM (SELECT key_result_id, max(observed_at) AS last_seen, sum(value) AS total
              FROM check_ins
             WHERE tenant_id = :tenant_id
             GROUP BY key_result_id) AS grouped
    """
).bindparams(_TENANT)
CHECK_INS_SUMMED = text("SELECT sum(value) FROM check_ins WHERE tenant_id = :tenant_id").bindparams(
    _TENANT
)

CONTRIBUTORS_GROUPED = text(
    """
    SELECT sum(weight), sum(progress)
      FROM (SELECT id, sum(weight) AS weight, sum(weight * progress) AS progress
              FROM (SELECT objective_id AS id, weight, progress
                      FROM key_results
                     WHERE tenant_id = :tenant_id

                     UNION ALL

                    SELECT parent_id, weight, progress
                      FROM objectives
                     WHERE tenant_id = :tenant_id) AS contributor
             GROUP BY id) AS grouped
    """
).bindparams(_TENANT)

_ONE_PASS = {
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "off",
    "max_parallel_workers_per_gather": "0",
}


@asynccontextmanager
async def one_pass(database: Database) -> AsyncIterator[AsyncConnection]:
    """Lend a connection that reads tables from end to end, in one process."""
    async with database.reading() as connection:
        for name, value in _ONE_PASS.items():
            await connection.execute(text(f"SET {name} = {value}"))
        yield connection
        await connection.execute(text("RESET ALL"))


async def looked_at(
    connection: AsyncConnection, tenant_id: UUID, root: UUID, depth: int
) -> dict[str, list[UUID]]:
    """Return the ids of all that is looked at to explain a root to a depth."""
    levels = [[root]]
    for _ in range(depth):
        below = select(Objective.id).where(
            Objective.tenant_id == tenant_id, Objective.parent_id.in_(levels[-1])
        )
        levels.append(list(await connection.scalars(below)))
    inner, objectives = list(chain(*levels[:-1])), list(chain(*levels))
    within = select(KeyResult.id).where(
        KeyResult.tenant_id == tenant_id, KeyResult.objective_id.in_(inner)
    )
    return {
        "objective_ids": objectives,
        "key_result_ids": list(await connection.scalars(within)),
    }
