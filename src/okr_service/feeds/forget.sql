-- Delete of the readings of the feed :feed_id that nothing maps the :most that came longest
-- before :older.

DELETE FROM feed_readings AS r
 WHERE r.tenant_id = :tenant_id
   AND r.id = ANY (ARRAY(
       SELECT u.id
         FROM feed_readings AS u
        WHERE u.tenant_id = :tenant_id AND u.feed_id = :feed_id
          AND u.reason IN ('no_mapping', 'outside_cycle') AND u.received_at < :older
        ORDER BY u.received_at
        LIMIT :most))
