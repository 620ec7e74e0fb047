-- Report for every key result of the tree in cycle :cycle_id what it holds
-- already, one check-in each.

INSERT INTO check_ins (
    tenant_id, id, key_result_id, value, observed_at, confidence,
    comment, obstacles, next_steps, source
)
SELECT :tenant_id,
       (lpad(to_hex(CAST(:millis AS bigint) + place / 4096), 12, '0')
        || '7' || lpad(to_hex(place % 4096), 3, '0')
        || '8' || substr(md5(:seed || k.external_id), 1, 15))::uuid,
       k.id, k.current_value, k.observed_at, k.confidence, '', '', '', 'feed'
  FROM (
       SELECT k.*, row_number() OVER (ORDER BY k.id) AS place
         FROM objectives AS o
         JOIN key_results AS k ON k.tenant_id = :tenant_id AND k.objective_id = o.id
        WHERE o.tenant_id = :tenant_id AND o.cycle_id = :cycle_id
  ) AS k
 ORDER BY place
