-- Give the key results :ids the value of their latest check-in that counts, if their values
-- come from check-ins. What do they contribute to their objectives now?

UPDATE key_results AS k
   SET current_value = CASE k.source WHEN 'check_ins' THEN latest.value ELSE k.current_value END,
       observed_at = CASE k.source WHEN 'check_ins' THEN latest.observed_at ELSE k.observed_at END,
       confidence = CASE k.source WHEN 'check_ins' THEN latest.confidence ELSE k.confidence END
  FROM unnest(:ids) AS reported (id)
  LEFT JOIN LATERAL (
       SELECT c.value, c.observed_at, c.confidence
         FROM check_ins AS c
        WHERE c.tenant_id = :tenant_id AND c.key_result_id = reported.id AND c.voided_at IS NULL
        ORDER BY c.observed_at DESC, c.recorded_at DESC, c.id DESC
        LIMIT 1
  ) AS latest ON true
 WHERE k.tenant_id = :tenant_id AND k.id = reported.id
RETURNING k.id, k.objective_id, k.weight, k.progress, k.current_value
