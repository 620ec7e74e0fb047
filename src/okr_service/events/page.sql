-- Which of the :most events next after the place :after (after those forgotten, where that is
-- null; the last there is, where :latest), of :types if there are any, does a caller of
-- this reach see; and how far was looked? At most :window places on, so that what is seldom
-- does not take long to be looked for.
--
-- The first columns are the same in each row, and there is one where no event is found.
-- Each event's cursor is its place and the end of its id, which tells whether the feed is
-- still the one in which it was there.

SELECT feed.place AS after_place, feed.last_place, feed.forgotten_place, feed.until,
       feed.unplaced,
       (SELECT right(CAST(e.id AS text), 12) FROM events AS e
         WHERE e.tenant_id = :tenant_id AND e.place = feed.place) AS after_mark,
       (SELECT right(CAST(e.id AS text), 12) FROM events AS e
         WHERE e.tenant_id = :tenant_id AND e.place = feed.until) AS until_mark,
       found.place, found.mark, found.type, found.document
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
  LEFT JOIN LATERAL (
       SELECT e.place, right(CAST(e.id AS text), 12) AS mark, e.type,
              CAST(json_build_object(
                  'specversion', '1.0',
                  'id', e.id,
                  'source', 'urn:uuid:' || CAST(e.tenant_id AS text),
                  'type', e.type,
                  'subject', CASE split_part(e.type, '.', 2)
                      WHEN 'objective' THEN 'objectives/' || CAST(e.subject_id AS text)
                      WHEN 'key_result' THEN 'key-results/' || CAST(e.subject_id AS text)
                      WHEN 'check_in' THEN 'check-ins/' || CAST(e.subject_id AS text)
                      WHEN 'action_plan' THEN 'action-plans/' || CAST(e.subject_id AS text)
                      WHEN 'person' THEN 'people/' || CAST(e.subject_id AS text)
                      WHEN 'tenant' THEN 'tenant'
                      ELSE split_part(e.type, '.', 2) || 's/' || CAST(e.subject_id AS text)
                  END,
                  'time', e.occurred_at,
                  'datacontenttype', 'application/json',
                  'cursor', CAST(e.place AS text) || '-' || right(CAST(e.id AS text), 12),
                  'data', json_build_object(
                      'before', CASE WHEN :reach_units IS NULL THEN e.before
                          ELSE okr_said_to(:tenant_id, e.before, :reach_units, :reach_person) END,
                      'after', CASE WHEN :reach_units IS NULL THEN e.after
                          ELSE okr_said_to(:tenant_id, e.after, :reach_units, :reach_person) END)
              ) AS text) AS document
         FROM events AS e
        WHERE e.tenant_id = :tenant_id AND e.place > feed.place AND e.place <= feed.until
          AND (cardinality(:types) = 0 OR e.type = ANY (:types))
          AND (:reach_units IS NULL OR e.objective_id IS NULL
               OR EXISTS (SELECT FROM objectives AS o
                           WHERE o.tenant_id = :tenant_id AND o.id = e.objective_id
                             AND (NOT o.private OR okr_within(
                                  o.unit_id, o.owner_id, :reach_units, :reach_person))))
        ORDER BY e.place
        LIMIT :most
  ) AS found ON true
 ORDER BY found.place
