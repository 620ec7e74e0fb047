-- How far was objective :objective_id at the end of each day, or of every so many as
-- :step says, from :first_day to :last_day, and where should it have been? Not known
-- after today, nor before it was first measured. One point more than :most at most.

SELECT count(*) AS points,
       CAST(coalesce(json_agg(json_build_object(
           'date', day.on_date,
           'progress', trim_scale(known.progress),
           'expected_progress', trim_scale(okr_elapsed(c.start_date, c.end_date, day.on_date))
       ) ORDER BY day.on_date), '[]') AS text) AS data
  FROM objectives AS o
  JOIN cycles AS c ON c.tenant_id = :tenant_id AND c.id = o.cycle_id
 CROSS JOIN LATERAL (
       SELECT CAST(every AS date) AS on_date
         FROM generate_series(
              CAST(coalesce(:first_day, c.start_date) AS timestamp),
              coalesce(:last_day, c.end_date), CAST(:step AS interval)) AS every
        ORDER BY every
        LIMIT :most + 1
 ) AS day
  LEFT JOIN LATERAL (
       SELECT h.progress
         FROM progress_history AS h
        WHERE h.tenant_id = :tenant_id AND h.objective_id = o.id
          AND h.on_date <= day.on_date AND day.on_date <= current_date
        ORDER BY h.on_date DESC
        LIMIT 1
 ) AS known ON true
 WHERE o.tenant_id = :tenant_id AND o.id = :objective_id
