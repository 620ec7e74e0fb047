-- Which key results do :ids and :external_ids name, and do they take check-ins
-- now? Holds them, in order of id, and keeps their cycles from being closed.

SELECT k.id, k.external_id, k.objective_id, k.metric, k.weight, k.progress,
       o.state AS objective_state, c.state AS cycle_state, c.code AS cycle_code
  FROM key_results AS k
  JOIN objectives AS o ON o.tenant_id = :tenant_id AND o.id = k.objective_id
  JOIN cycles AS c ON c.tenant_id = :tenant_id AND c.id = o.cycle_id
 WHERE k.tenant_id = :tenant_id AND k.deleted_at IS NULL
   AND (k.id = ANY (:ids) OR k.external_id = ANY (:external_ids))
 ORDER BY k.id
   FOR NO KEY UPDATE OF k
   FOR KEY SHARE OF c
