-- Which of the :most events next after the place :after (after those forgotten, where that is
-- null; the last there is, where :latest), of :types if there are any, does a caller of
-- this reach see; and how far was looked? At most :window places on, so that what is seldom
-- does not take long to be looked for.
--
-- A cursor is a place and the end of its event's id, which tells whether the feed is still
-- the one in which it was there. What is put together as text is text that needs no escaping,
-- or JSON already; PostgreSQL would take twice as long to build objects.

SELECT looked.*,
       (SELECT right(CAST(e.id AS text), 12) FROM events AS e
         WHERE e.tenant_id = :tenant_id AND e.place = looked.place) AS mark,
       (SELECT right(CAST(e.id AS text), 12) FROM events AS e
         WHERE e.tenant_id = :tenant_id AND e.place = looked.until) AS until_mark
  FROM (
       SELECT feed.place, feed.last_place, feed.forgotten_place, feed.unplaced, found.data,
              CASE WHEN found.count = :most THEN found.last_place ELSE feed.until END AS until
         FROM (SELECT head.place, head.last_place, head.forgotten_place,
                      least(head.last_place, head.place + :window) AS until,
                      EXISTS (SELECT FROM events AS e
                               WHERE e.tenant_id = :tenant_id AND e.place IS NULL) AS unplaced
                 FROM (SELECT CASE WHEN :latest THEN coalesce(max(f.last_place), 0)
                                   ELSE coalesce(:after, max(f.forgotten_place), 0) END AS place,
                              coalesce(max(f.last_place), 0) AS last_place,
                              coalesce(max(f.forgotten_place), 0) AS forgotten_place
                         FROM event_feeds AS f
                        WHERE f.tenant_id = :tenant_id) AS head) AS feed
        CROSS JOIN LATERAL (
              SELECT count(*) AS count, max(shown.place) AS last_place,
                     convert_to(string_agg(shown.document, ',' ORDER BY shown.place), 'UTF8')
                         AS data
                FROM (
                     SELECT e.place, concat(
                            '{"specversion":"1.0","id":"', e.id,
                            '","source":"urn:uuid:', :tenant_id,
                            '","type":"', e.type,
                            '","subject":"', CASE CASE
                                WHEN e.type IN ('okr.check_in.due', 'okr.check_in.overdue')
                                THEN 'key_result' ELSE split_part(e.type, '.', 2) END
                                WHEN 'objective' THEN concat('objectives/', e.subject_id)
                                WHEN 'key_result' THEN concat('key-results/', e.subject_id)
                                WHEN 'check_in' THEN concat('check-ins/', e.subject_id)
                                WHEN 'feed' THEN concat('feeds/', e.subject_id)
                                WHEN 'feed_mapping' THEN concat('feed-mappings/', e.subject_id)
                                WHEN 'action_plan' THEN concat('action-plans/', e.subject_id)
                                WHEN 'action' THEN concat('actions/', e.subject_id)
                                WHEN 'cycle' THEN concat('cycles/', e.subject_id)
                                WHEN 'unit' THEN concat('units/', e.subject_id)
                                WHEN 'person' THEN concat('people/', e.subject_id)
                                WHEN 'webhook' THEN concat('webhooks/', e.subject_id)
                                ELSE split_part(e.type, '.', 2)
                            END,
                            '","time":', to_json(e.occurred_at),
                            ',"datacontenttype":"application/json","cursor":"',
                            e.place, '-', right(CAST(e.id AS text), 12),
                            '","data":{"before":', coalesce(CAST(
                                CASE WHEN :reach_units IS NULL THEN e.before ELSE okr_said_to(
                                    :tenant_id, e.before, :reach_units, :reach_person) END
                                AS text), 'null'),
                            ',"after":', coalesce(CAST(
                                CASE WHEN :reach_units IS NULL THEN e.after ELSE okr_said_to(
                                    :tenant_id, e.after, :reach_units, :reach_person) END
                                AS text), 'null'),
                            '}}') AS document
                       FROM events AS e
                      WHERE e.tenant_id = :tenant_id
                        AND e.place > feed.place AND e.place <= feed.until
                        AND (cardinality(:types) = 0 OR e.type = ANY (:types))
                        AND (:reach_units IS NULL OR e.objective_id IS NULL
                             OR EXISTS (SELECT FROM objectives AS o
                                         WHERE o.tenant_id = :tenant_id AND o.id = e.objective_id
                                           AND (NOT o.private OR okr_within(
                                                o.unit_id, o.owner_id,
                                                :reach_units, :reach_person))))
                      ORDER BY e.place
                      LIMIT :most
                ) AS shown
        ) AS found
  ) AS looked
