-- Which key results do :ids and :external_ids name, and do they take check-ins
-- now? Holds them, in order of id, and keeps their cycles from being closed.
--
-- A value that feeds another walks up a chain of key results: where there is such a
-- one, the tenant's structure is held with others first, as by `hold_structure`.

WITH named AS MATERIALIZED (
    SELECT id, feeds_id
      FROM key_results
     WHERE tenant_id = :tenant_id AND deleted_at IS NULL
       AND (id = ANY (:ids) OR external_id = ANY (:external_ids))
),

kept AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(hashtextextended(CAST(:tenant_id AS text), 1))
      FROM named
     WHERE feeds_id IS NOT NULL
     LIMIT 1
)

SELECT k.id, k.external_id, k.objective_id, k.feeds_id, k.metric, k.source, k.weight,
       k.progress, k.current_value, k.owner_id,
       o.unit_id, o.owner_id AS objective_owner_id, o.private, o.state AS objective_state, c.state AS cycle_state, c.code AS cycle_code
  FROM key_results AS k
  JOIN objectives AS o ON o.tenant_id = :tenant_id AND o.id = k.objective_id
  JOIN cycles AS c ON c.tenant_id = :tenant_id AND c.id = o.cycle_id
 WHERE (SELECT count(*) FROM kept) >= 0
   AND k.tenant_id = :tenant_id AND k.deleted_at IS NULL
   AND k.id = ANY (ARRAY(SELECT id FROM named))
 ORDER BY k.id
   FOR NO KEY UPDATE OF k
   FOR KEY SHARE OF c
