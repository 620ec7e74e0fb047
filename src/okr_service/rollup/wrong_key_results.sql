-- Which of the key results :key_result_ids, or of all the tenant's where :everything
-- is true, hold another value than their source gives (their latest check-in that is
-- not voided, or the aggregate of what feeds them), or other action weights than
-- their actions, and what should they hold, instead of what?
--
-- What feeds them is taken for right: where all hold what this says, all are right.
-- Same rules as checkins/refresh.sql and actions/sum_up.sql.

WITH looked_at AS (
    SELECT k.*
      FROM key_results AS k
     WHERE k.tenant_id = :tenant_id AND k.id = ANY (:key_result_ids) AND k.deleted_at IS NULL

    UNION ALL

    SELECT k.*
      FROM key_results AS k
     WHERE :everything AND k.tenant_id = :tenant_id AND k.deleted_at IS NULL
)

SELECT k.id, held.current_value, held.observed_at, latest.confidence,
       coalesce(done.action_weight, 0) AS action_weight,
       coalesce(done.done_weight, 0) AS done_weight,
       k.current_value AS stored_current_value, k.observed_at AS stored_observed_at,
       k.confidence AS stored_confidence, k.action_weight AS stored_action_weight,
       k.done_weight AS stored_done_weight
  FROM looked_at AS k
  LEFT JOIN LATERAL (
       SELECT c.value, c.observed_at, c.confidence
         FROM check_ins AS c
        WHERE c.tenant_id = :tenant_id AND c.key_result_id = k.id AND c.voided_at IS NULL
          AND k.source <> 'children'
        ORDER BY c.observed_at DESC, c.recorded_at DESC, c.id DESC
        LIMIT 1
  ) AS latest ON true
  LEFT JOIN LATERAL okr_fed_value(:tenant_id, k.id, k.aggregate) AS fed
         ON k.source = 'children'
  CROSS JOIN LATERAL (
       SELECT CASE k.source WHEN 'children' THEN fed.value ELSE latest.value END
                  AS current_value,
              CASE k.source WHEN 'children' THEN fed.observed_at ELSE latest.observed_at END
                  AS observed_at
  ) AS held
  LEFT JOIN LATERAL (
       SELECT sum(a.weight) AS action_weight,
              sum(a.weight) FILTER (WHERE a.state = 'done') AS done_weight
         FROM action_plans AS p
         JOIN actions AS a ON a.tenant_id = :tenant_id AND a.action_plan_id = p.id
        WHERE p.tenant_id = :tenant_id AND p.key_result_id = k.id AND a.state <> 'cancelled'
  ) AS done ON true
 WHERE (k.current_value, k.observed_at, k.confidence, k.action_weight, k.done_weight)
       IS DISTINCT FROM
       (held.current_value, held.observed_at, latest.confidence,
        coalesce(done.action_weight, 0), coalesce(done.done_weight, 0))
