-- What should be reported of the key results to which :series are mapped, each from :since
-- on (from the first reading where that is null), and was not, or was otherwise? At most
-- :most differences. `okr_service/feeds/__init__.py` says what should be.
--
-- Also notes of the readings of these series why they count for nothing, where they do.
--
-- OFFSET 0 has PostgreSQL look up the rows of each series, and of each key result, by
-- themselves: as long as it does not know how a table has grown, it would rather read all.

WITH touched AS MATERIALIZED (
    SELECT given.series, coalesce(given.since, '-infinity') AS since
      FROM unnest(:series, :since) AS given (series, since)
),

mapped AS MATERIALIZED (
    -- the mappings, the days that each takes, and what keeps it from being reported on
    SELECT t.series, t.since, m.id, m.key_result_id, m.aggregation, m.offset, k.metric,
           CASE WHEN m.negated THEN -m.factor ELSE m.factor END AS factor,
           CAST(c.start_date AS timestamp) AT TIME ZONE 'UTC'
               - make_interval(mins => CAST(f.utc_offset_minutes AS integer)) AS begins,
           CAST(c.end_date + 1 AS timestamp) AT TIME ZONE 'UTC'
               - make_interval(mins => CAST(f.utc_offset_minutes AS integer)) AS ends,
           CASE WHEN c.state = 'closed' THEN 'cycle_closed'
                WHEN o.state IN ('closed', 'cancelled') THEN 'objective_ended'
                WHEN k.source <> 'check_ins' THEN 'takes_no_check_ins'
           END AS hindrance
      FROM touched AS t
      JOIN feed_mappings AS m ON m.tenant_id = :tenant_id AND m.series = t.series
      JOIN metric_feeds AS f ON f.tenant_id = :tenant_id AND f.id = m.feed_id
      JOIN key_results AS k
        ON k.tenant_id = :tenant_id AND k.id = m.key_result_id AND k.deleted_at IS NULL
      JOIN objectives AS o ON o.tenant_id = :tenant_id AND o.id = k.objective_id
      JOIN cycles AS c ON c.tenant_id = :tenant_id AND c.id = o.cycle_id
),

wanted AS (
    -- what each makes of the readings of each moment; in a sum or an average are all before it
    SELECT m.id AS mapping_id, m.key_result_id, m.series, m.hindrance,
           r.observed_at, r.id AS reading_id, trim_scale(made.value) AS value,
           CASE WHEN abs(made.value) >= 100000000000000000000 THEN 'value_out_of_range'
                WHEN m.metric = 'boolean' AND made.value NOT IN (0, 1) THEN 'not_zero_or_one'
           END AS misfit
      FROM mapped AS m
     CROSS JOIN LATERAL (
           SELECT DISTINCT ON (r.observed_at) r.observed_at, r.id, r.value,
                  sum(r.value) OVER so_far AS total, count(*) OVER so_far AS number
             FROM feed_readings AS r
            WHERE r.tenant_id = :tenant_id AND r.series = m.series
              AND r.observed_at >= CASE m.aggregation
                      WHEN 'latest' THEN greatest(m.begins, m.since) ELSE m.begins END
              AND r.observed_at < m.ends
           WINDOW so_far AS (ORDER BY r.observed_at)
            ORDER BY r.observed_at, r.reading_id COLLATE "C" DESC
     ) AS r
     CROSS JOIN LATERAL (
           SELECT CASE m.aggregation
                  WHEN 'latest' THEN okr_quotient(r.value * m.factor + m.offset, 1)
                  WHEN 'sum' THEN okr_quotient(r.total * m.factor + m.offset, 1)
                  WHEN 'average' THEN
                      okr_quotient(r.total * m.factor + r.number * m.offset, r.number)
                  END AS value
     ) AS made
     WHERE r.observed_at >= m.since
),

reported AS (
    SELECT m.id AS mapping_id, m.key_result_id, m.hindrance,
           c.observed_at, c.id, c.value, c.feed_reading_id, c.feed_mapping_id
      FROM mapped AS m
     CROSS JOIN LATERAL (
           SELECT c.*
             FROM check_ins AS c
            WHERE c.tenant_id = :tenant_id AND c.key_result_id = m.key_result_id
              AND c.observed_at >= m.since AND c.voided_at IS NULL
              AND c.feed_mapping_id IS NOT NULL
           OFFSET 0
     ) AS c
),

compared AS MATERIALIZED (
    SELECT coalesce(w.mapping_id, r.mapping_id) AS mapping_id,
           coalesce(w.key_result_id, r.key_result_id) AS key_result_id, w.series,
           coalesce(w.hindrance, r.hindrance) AS hindrance, w.observed_at, w.reading_id,
           w.value, w.misfit, r.id AS check_in_id, r.feed_mapping_id AS reported_by,
           (w.mapping_id, w.reading_id, w.value)
               IS NOT DISTINCT FROM (r.feed_mapping_id, r.feed_reading_id, r.value) AS agrees
      FROM wanted AS w
      FULL JOIN reported AS r
        ON r.mapping_id = w.mapping_id AND r.observed_at = w.observed_at
),

moments AS (
    -- what counts with one mapping counts
    SELECT c.series, c.observed_at,
           CASE WHEN NOT bool_or(c.misfit IS NULL AND (c.hindrance IS NULL OR c.agrees))
                THEN min(coalesce(c.misfit, c.hindrance))
           END AS reason
      FROM compared AS c
     WHERE c.observed_at IS NOT NULL
     GROUP BY c.series, c.observed_at
),

judged AS (
    SELECT r.id, r.reason AS was,
           CASE WHEN m.series IS NOT NULL THEN m.reason
                WHEN t.is_mapped THEN 'outside_cycle'
                ELSE 'no_mapping'
           END AS reason
      FROM (SELECT t.series, t.since, t.series IN (SELECT m.series FROM mapped AS m) AS is_mapped
              FROM touched AS t) AS t
     CROSS JOIN LATERAL (
           SELECT r.id, r.observed_at, r.reason
             FROM feed_readings AS r
            WHERE r.tenant_id = :tenant_id AND r.series = t.series AND r.observed_at >= t.since
           OFFSET 0
     ) AS r
      LEFT JOIN moments AS m ON m.series = t.series AND m.observed_at = r.observed_at
),

noted AS (
    UPDATE feed_readings AS r
       SET reason = j.reason
      FROM judged AS j
     WHERE r.tenant_id = :tenant_id AND r.id = j.id AND j.was IS DISTINCT FROM j.reason
)

SELECT c.key_result_id, c.mapping_id, c.reading_id, c.value, c.check_in_id,
       CASE WHEN c.misfit IS NULL THEN c.observed_at END AS observed_at
  FROM compared AS c
 WHERE c.hindrance IS NULL AND NOT c.agrees
   AND CASE WHEN c.observed_at IS NOT NULL AND c.misfit IS NULL THEN true
            ELSE c.reported_by = c.mapping_id END
 ORDER BY c.key_result_id, c.observed_at
 LIMIT :most
