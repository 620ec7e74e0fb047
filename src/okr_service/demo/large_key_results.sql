-- Plant :each key results for every objective of the tree in cycle :cycle_id,
-- each from 0 to 100 and at a pseudo-random value seen in the week before now.
--
-- An objective's own number gives up to 60 of the value, the key result's up to
-- 40: with all of it from the key result, every objective would come to a half.

INSERT INTO key_results (
    tenant_id, id, external_id, objective_id, title, description, metric,
    unit_of_measure, format, start_value, target_value, weight, position, tags, links,
    current_value, observed_at, confidence, version
)
SELECT :tenant_id,
       (lpad(to_hex(CAST(:millis AS bigint) + place / 4096), 12, '0')
        || '7' || lpad(to_hex(place % 4096), 3, '0')
        || '8' || substr(digest, 1, 15))::uuid,
       o.external_id || '/KR' || k, o.id,
       (:measures)[1 + drawn.title % cardinality(:measures)] || ' – số ' || o.n || '.' || k,
       '', 'increase', '%', 'percent', 0, 100, 1 + drawn.weight % 4, k, '{}', '[]',
       (o.done % 6001 + drawn.done % 4001) / 100.0,
       now() - make_interval(secs => 60 * (drawn.seen % 10080)),
       (ARRAY['on_track', 'on_track', 'at_risk', 'off_track'])[1 + drawn.said % 4],
       1
  FROM (
       SELECT id, external_id, n, ('x' || substr(md5(:seed || '#' || n), 1, 4))::bit(16)::int AS done
         FROM objectives
        CROSS JOIN LATERAL CAST(substr(external_id, 3) AS bigint) AS n
        WHERE tenant_id = :tenant_id AND cycle_id = :cycle_id
  ) AS o
 CROSS JOIN generate_series(1, CAST(:each AS int)) AS k
 CROSS JOIN LATERAL md5(:seed || '/' || o.n || '/' || k) AS digest
 CROSS JOIN LATERAL (SELECT o.n * :each + k AS place) AS counted
 CROSS JOIN LATERAL (
       SELECT ('x' || substr(digest, 16, 3))::bit(12)::int AS title,
              ('x' || substr(digest, 19, 3))::bit(12)::int AS weight,
              ('x' || substr(digest, 22, 4))::bit(16)::int AS done,
              ('x' || substr(digest, 26, 4))::bit(16)::int AS seen,
              ('x' || substr(digest, 30, 3))::bit(12)::int AS said
  ) AS drawn
 ORDER BY o.n, k
