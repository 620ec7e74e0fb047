-- For pgbench: what a check-in asks of PostgreSQL, statement by statement, as
-- checkins/service.py does: hold, insert, note, refresh, walk up. Each client reports
-- on random key results of its own one of the :tenants.

\set number random(0, :objectives - 1)
\set place random(1, 3)
\set value random(0, 100)
BEGIN;
SELECT k.tenant_id AS tenant, k.id AS key_result, k.objective_id AS objective, k.weight AS weight,
       k.progress AS was
  FROM key_results AS k
  JOIN objectives AS o ON o.tenant_id = k.tenant_id AND o.id = k.objective_id
  JOIN cycles AS c ON c.tenant_id = k.tenant_id AND c.id = o.cycle_id
 WHERE k.tenant_id = (CAST(:tenants AS uuid[]))[1 + CAST(:client_id AS int)]
   AND k.external_id = concat('L-', CAST(:number AS text), '/KR', CAST(:place AS text))
   AND k.deleted_at IS NULL
   FOR NO KEY UPDATE OF k
   FOR KEY SHARE OF c \gset
INSERT INTO check_ins (
    tenant_id, id, key_result_id, value, observed_at, comment, obstacles, next_steps, source
)
VALUES (
    CAST(:tenant AS uuid), uuidv7(), CAST(:key_result AS uuid), CAST(:value AS numeric),
    clock_timestamp(), '', '', '', 'person'
);
SELECT okr_record(
    CAST(:tenant AS uuid), NULL, 'benchmark', 'benchmark',
    jsonb_build_array(jsonb_build_object(
        'id', uuidv7(), 'action', 'created', 'subject', 'check_in',
        'subject_id', CAST(:key_result AS uuid),
        'after', jsonb_build_object('value', CAST(:value AS text)))),
    NULL
);
UPDATE key_results AS k
   SET current_value = latest.value, observed_at = latest.observed_at, confidence = NULL
  FROM (
       SELECT c.value, c.observed_at
         FROM check_ins AS c
        WHERE c.tenant_id = CAST(:tenant AS uuid) AND c.key_result_id = CAST(:key_result AS uuid)
          AND c.voided_at IS NULL
        ORDER BY c.observed_at DESC, c.recorded_at DESC, c.id DESC
        LIMIT 1
  ) AS latest
 WHERE k.tenant_id = CAST(:tenant AS uuid) AND k.id = CAST(:key_result AS uuid)
RETURNING k.progress <> CAST(:was AS numeric) AS moved,
          k.weight * (k.progress - CAST(:was AS numeric)) AS change \gset
\if :moved
WITH RECURSIVE walk AS (
    SELECT step.*
      FROM okr_bump(CAST(:tenant AS uuid), CAST(:objective AS uuid), 0, CAST(:change AS numeric))
        AS step

    UNION ALL

    SELECT step.*
      FROM walk
     CROSS JOIN LATERAL okr_bump(
           CAST(:tenant AS uuid), walk.parent,
           walk.parent_weight_change, walk.parent_progress_change
     ) AS step
     WHERE walk.parent IS NOT NULL
       AND (walk.parent_weight_change <> 0 OR walk.parent_progress_change <> 0)
)

SELECT count(*) FROM walk;
\endif
COMMIT;
