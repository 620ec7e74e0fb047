-- Delete of the oldest :most readings of the feed :feed_id that count for nothing those that
-- nothing maps and that came before :older.

DELETE FROM feed_readings AS r
 WHERE r.tenant_id = :tenant_id
   AND r.id = ANY (ARRAY(
       SELECT o.id
         FROM (SELECT u.id, u.reason, u.received_at
                 FROM feed_readings AS u
                WHERE u.tenant_id = :tenant_id AND u.feed_id = :feed_id AND u.reason IS NOT NULL
                ORDER BY u.id
                LIMIT :most) AS o
        WHERE o.reason IN ('no_mapping', 'outside_cycle') AND o.received_at < :older))
