-- Take so many deliveries of :webhook_id at :most that are due: of each line the first that
-- waits. Until :lease is over they are due to nobody else. The caller holds the webhook.

WITH heads AS (
    SELECT DISTINCT ON (d.line) d.id, d.due_at
      FROM webhook_deliveries AS d
     WHERE d.tenant_id = :tenant_id AND d.webhook_id = :webhook_id AND d.state = 'waiting'
     ORDER BY d.line, d.place, d.created_at
),

due AS (SELECT id FROM heads WHERE due_at <= now() ORDER BY due_at LIMIT :most)

UPDATE webhook_deliveries AS d
   SET attempts = d.attempts + 1,
       first_attempt_at = coalesce(d.first_attempt_at, now()),
       last_attempt_at = now(),
       due_at = now() + :lease
  FROM due
 WHERE d.tenant_id = :tenant_id AND d.id = due.id
RETURNING d.id, d.place, d.event_id, d.type, d.attempts, d.first_attempt_at, d.created_at
