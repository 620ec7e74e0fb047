-- Which key results hold another value than their latest check-in that is not
-- voided, or other action weights than their actions, and what should they hold?

SELECT k.id,
       latest.value AS current_value, latest.observed_at, latest.confidence,
       coalesce(done.action_weight, 0) AS action_weight,
       coalesce(done.done_weight, 0) AS done_weight
  FROM key_results AS k
  LEFT JOIN LATERAL (
       SELECT c.value, c.observed_at, c.confidence
         FROM check_ins AS c
        WHERE c.tenant_id = :tenant_id AND c.key_result_id = k.id AND c.voided_at IS NULL
        ORDER BY c.observed_at DESC, c.recorded_at DESC, c.id DESC
        LIMIT 1
  ) AS latest ON true
  LEFT JOIN LATERAL (
       SELECT sum(a.weight) AS action_weight,
              sum(a.weight) FILTER (WHERE a.state = 'done') AS done_weight
         FROM action_plans AS p
         JOIN actions AS a ON a.tenant_id = :tenant_id AND a.action_plan_id = p.id
        WHERE p.tenant_id = :tenant_id AND p.key_result_id = k.id AND a.state <> 'cancelled'
  ) AS done ON true
 WHERE k.tenant_id = :tenant_id AND k.deleted_at IS NULL
   AND (k.current_value, k.observed_at, k.confidence, k.action_weight, k.done_weight)
       IS DISTINCT FROM
       (latest.value, latest.observed_at, latest.confidence,
        coalesce(done.action_weight, 0), coalesce(done.done_weight, 0))
