-- Give the key results :key_result_ids the weights of their actions, and of those
-- that are done. What does each contribute to its objective now?

UPDATE key_results AS k
   SET action_weight = coalesce(sums.action_weight, 0),
       done_weight = coalesce(sums.done_weight, 0)
  FROM unnest(:key_result_ids) AS planned (id)
 CROSS JOIN LATERAL (
       SELECT sum(a.weight) AS action_weight,
              sum(a.weight) FILTER (WHERE a.state = 'done') AS done_weight
         FROM action_plans AS p
         JOIN actions AS a ON a.tenant_id = :tenant_id AND a.action_plan_id = p.id
        WHERE p.tenant_id = :tenant_id AND p.key_result_id = planned.id
          AND a.state <> 'cancelled'
 ) AS sums
 WHERE k.tenant_id = :tenant_id AND k.id = planned.id
RETURNING k.id, k.weight, k.progress
