-- Take so many deliveries of :webhook_id at :most that are due: of each line after the line
-- :after the first that waits. Until :lease is over they are due to nobody else. The caller
-- holds the webhook. With each comes its line; a last row, without an id, says when the
-- soonest of those is due that were looked at and are not.
--
-- The lines are walked one by one by the index, and no further than to as many as are wanted:
-- of a million deliveries that wait, one round looks at some dozen.

WITH RECURSIVE heads AS (
    (SELECT d.id, d.line, d.due_at, CAST(d.due_at <= now() AS integer) AS found
       FROM webhook_deliveries AS d
      WHERE d.tenant_id = :tenant_id AND d.webhook_id = :webhook_id AND d.state = 'waiting'
        AND d.line > :after
      ORDER BY d.line, d.place, d.created_at
      LIMIT 1)

    UNION ALL

    SELECT next.id, next.line, next.due_at,
           heads.found + CAST(next.due_at <= now() AS integer)
      FROM heads
     CROSS JOIN LATERAL (
           SELECT d.id, d.line, d.due_at
             FROM webhook_deliveries AS d
            WHERE d.tenant_id = :tenant_id AND d.webhook_id = :webhook_id
              AND d.state = 'waiting' AND d.line > heads.line
            ORDER BY d.line, d.place, d.created_at
            LIMIT 1) AS next
     WHERE heads.found < :most
),

taken AS (
    UPDATE webhook_deliveries AS d
       SET attempts = d.attempts + 1,
           first_attempt_at = coalesce(d.first_attempt_at, now()),
           last_attempt_at = now(),
           due_at = now() + :lease
      FROM heads
     WHERE d.tenant_id = :tenant_id AND d.id = heads.id AND heads.due_at <= now()
    RETURNING d.id, d.place, d.event_id, d.type, d.attempts, d.first_attempt_at, d.created_at,
              d.line
)

SELECT id, place, event_id, type, attempts, first_attempt_at, created_at, line,
       CAST(NULL AS timestamptz) AS next_due_at
  FROM taken

 UNION ALL

SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, min(due_at)
  FROM heads WHERE due_at > now()
