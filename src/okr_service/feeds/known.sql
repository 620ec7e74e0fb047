-- Which readings does the feed :feed_id know of those that :metrics, :moments and :keys name,
-- and what do they say?
--
-- OFFSET 0 for the reason given in `values.sql`.

SELECT r.*
  FROM unnest(:metrics, :moments, :keys) AS given (metric, observed_at, reading_id)
 CROSS JOIN LATERAL (
       SELECT r.id, r.metric, r.observed_at, r.reading_id, r.series, r.value, r.reason
         FROM feed_readings AS r
        WHERE r.tenant_id = :tenant_id AND r.feed_id = :feed_id AND r.metric = given.metric
          AND r.observed_at = given.observed_at AND r.reading_id = given.reading_id
       OFFSET 0
  ) AS r
