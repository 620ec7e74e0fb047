-- Report on every key result :weeks times more, about a week apart, further and
-- further back; written in order of time, as reports come in.

INSERT INTO check_ins (
    tenant_id, id, key_result_id, value, observed_at, recorded_at, confidence,
    comment, obstacles, next_steps, source
)
SELECT c.tenant_id, uuidv7(seen.at - now()), c.key_result_id,
       round(c.value * (:weeks + 1 - week) / (:weeks + 1), 2), seen.at, seen.at, c.confidence,
       '', '', '', 'feed'
  FROM check_ins AS c
 CROSS JOIN generate_series(1, CAST(:weeks AS int)) AS week
 CROSS JOIN LATERAL (
       SELECT c.observed_at - make_interval(days => 7 * week, hours => abs(hashtext(c.id::text)) % 24)
                  AS at
 ) AS seen
 ORDER BY week DESC, c.key_result_id
