-- Give the key result :key_result_id the weights of its actions, and of those
-- that are done. What does it contribute to its objective now?

UPDATE key_results AS k
   SET action_weight = coalesce(sums.action_weight, 0),
       done_weight = coalesce(sums.done_weight, 0)
  FROM (SELECT sum(a.weight) AS action_weight,
               sum(a.weight) FILTER (WHERE a.state = 'done') AS done_weight
          FROM action_plans AS p
          JOIN actions AS a ON a.tenant_id = :tenant_id AND a.action_plan_id = p.id
         WHERE p.tenant_id = :tenant_id AND p.key_result_id = :key_result_id
           AND a.state <> 'cancelled') AS sums
 WHERE k.tenant_id = :tenant_id AND k.id = :key_result_id
RETURNING k.weight, k.progress
