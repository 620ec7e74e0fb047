-- How much of its allowance has a subject asked for in the present window, this slice included?
-- :tenant_id, :subject whose; :slice how much is asked for; :shift the second at which the
-- subject's windows begin; :lasts how many seconds a window lasts, :kept how many it is kept.
--
-- Also says for how many seconds the window goes on. Each slice gets numbers that no other gets,
-- up to `used`; those within the limit are granted.

WITH present AS (
    SELECT date_bin(make_interval(secs => :lasts), now(),
                    CAST('epoch' AS timestamptz) + make_interval(secs => :shift)) AS window_start
),

-- A few a time; what another lease is dropping is left to it.
swept AS (
    DELETE FROM request_counts
     WHERE tenant_id = :tenant_id
       AND (subject, window_start) IN (
           SELECT subject, window_start
             FROM request_counts
            WHERE tenant_id = :tenant_id
              AND window_start < now() - make_interval(secs => :kept)
            ORDER BY window_start
            LIMIT 20
              FOR UPDATE SKIP LOCKED)
)

INSERT INTO request_counts AS counted (tenant_id, subject, window_start, used)
SELECT :tenant_id, :subject, present.window_start, :slice
  FROM present
    ON CONFLICT (tenant_id, subject, window_start)
    DO UPDATE SET used = counted.used + excluded.used
RETURNING used, CAST(extract(epoch FROM window_start - now()) AS float8) + :lasts AS goes_on
