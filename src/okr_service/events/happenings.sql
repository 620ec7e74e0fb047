-- Which of the :most events next after the place :after are of :types, what of them decides who
-- follows them and who sees them, and how far was looked? At most :window places on.
--
-- What they are about is as it is now: where its objective is gone, nothing is told of it. Asked
-- once for all who follow, so that it shows what each alone may see: that is judged afterwards.

SELECT looked.last_place, looked.forgotten_place, looked.unplaced, looked.until, looked.data,
       (SELECT right(CAST(e.id AS text), 12) FROM events AS e
         WHERE e.tenant_id = :tenant_id AND e.place = :after) AS mark,
       (SELECT right(CAST(e.id AS text), 12) FROM events AS e
         WHERE e.tenant_id = :tenant_id AND e.place = looked.until) AS until_mark
  FROM (
       SELECT feed.last_place, feed.forgotten_place, feed.unplaced, found.data,
              CASE WHEN found.count = :most THEN found.last_place ELSE feed.reached END AS until
         FROM (SELECT head.last_place, head.forgotten_place,
                      least(head.last_place, :after + :window) AS reached,
                      EXISTS (SELECT FROM events AS e
                               WHERE e.tenant_id = :tenant_id AND e.place IS NULL) AS unplaced
                 FROM (SELECT coalesce(max(f.last_place), 0) AS last_place,
                              coalesce(max(f.forgotten_place), 0) AS forgotten_place
                         FROM event_feeds AS f
                        WHERE f.tenant_id = :tenant_id) AS head) AS feed
        CROSS JOIN LATERAL (
              SELECT count(*) AS count, max(next.place) AS last_place,
                     convert_to(CAST(json_agg(json_build_object(
                         'place', next.place,
                         'mark', right(CAST(next.id AS text), 12),
                         'type', next.type,
                         'subject_id', next.subject_id,
                         'occurred_at', next.occurred_at,
                         'before', next.before,
                         'after', next.after,
                         'objectives', (
                             WITH RECURSIVE up AS (
                                 SELECT o.id, o.parent_id, o.private, o.unit_id, o.owner_id, 0 AS nth
                                   FROM objectives AS o
                                  WHERE o.tenant_id = :tenant_id AND o.id = next.objective_id
                                    AND o.deleted_at IS NULL
                                 UNION ALL
                                 SELECT o.id, o.parent_id, o.private, o.unit_id, o.owner_id,
                                        up.nth + 1
                                   FROM up
                                   JOIN objectives AS o
                                     ON o.tenant_id = :tenant_id AND o.id = up.parent_id
                             )
                             SELECT json_agg(json_build_array(
                                        up.id, up.private, up.unit_id, up.owner_id) ORDER BY up.nth)
                               FROM up),
                         'units', (
                             WITH RECURSIVE up AS (
                                 SELECT u.id, u.parent_id
                                   FROM units AS u
                                  WHERE u.tenant_id = :tenant_id AND u.id = (
                                        SELECT o.unit_id FROM objectives AS o
                                         WHERE o.tenant_id = :tenant_id
                                           AND o.id = next.objective_id)
                                 UNION ALL
                                 SELECT u.id, u.parent_id
                                   FROM up
                                   JOIN units AS u
                                     ON u.tenant_id = :tenant_id AND u.id = up.parent_id
                             )
                             SELECT json_agg(up.id) FROM up),
                         'report', (
                             SELECT json_build_array(c.key_result_id, c.author_id)
                               FROM check_ins AS c
                              WHERE c.tenant_id = :tenant_id AND c.id = next.subject_id
                                AND next.type = 'okr.check_in.recorded'))
                         ORDER BY next.place) AS text), 'UTF8') AS data
                FROM (
                     SELECT e.place, e.id, e.type, e.subject_id, e.objective_id, e.occurred_at,
                            e.before, e.after
                       FROM events AS e
                      WHERE e.tenant_id = :tenant_id
                        AND e.place > :after AND e.place <= feed.reached
                        AND e.type = ANY (:types)
                      ORDER BY e.place
                      LIMIT :most
                ) AS next
        ) AS found
  ) AS looked
