-- Which objectives are beneath :objective_id, or make up the forest of :cycle_id, down
-- to :depth levels below the first, as nested JSON? Of each at most :breadth children,
-- in display order; of the first, or of the forest's roots, those after :after_id.
-- None where there are more than :most in all. Of what is private only what is within
-- :reach_units and :reach_person; what is beneath one that is not seen is not shown with it.
--
-- Down first, level by level, each parent's children read off the index; then up
-- again, from the deepest level, each level's documents taking in those below (see
-- rollup/recomputed.sql for the arrays).

WITH RECURSIVE after AS (
    SELECT o.position, o.id
      FROM objectives AS o
     WHERE o.tenant_id = :tenant_id AND o.id = :after_id
       AND (NOT o.private OR okr_within(o.unit_id, o.owner_id, :reach_units, :reach_person))
),

roots AS (
    SELECT o.*, row_number() OVER (ORDER BY o.position, o.id) AS place
      FROM objectives AS o
     WHERE o.tenant_id = :tenant_id AND o.cycle_id = :cycle_id AND o.deleted_at IS NULL
       AND (SELECT parent.cycle_id
              FROM objectives AS parent
             WHERE parent.tenant_id = :tenant_id AND parent.id = o.parent_id
               AND parent.deleted_at IS NULL
               AND (NOT parent.private OR okr_within(
                       parent.unit_id, parent.owner_id, :reach_units, :reach_person))
           ) IS DISTINCT FROM o.cycle_id
       AND (NOT o.private OR okr_within(o.unit_id, o.owner_id, :reach_units, :reach_person))
       AND (CAST(:after_id AS uuid) IS NULL
            OR (o.position, o.id) > (SELECT position, id FROM after))
     ORDER BY o.position, o.id
     LIMIT :breadth + 1
),

down AS (
    SELECT o.id, o.external_id, o.title, o.state, o.ambition, o.weight, o.progress,
           o.unit_id, o.owner_id, o.cycle_id, NULL::uuid AS under, 0 AS level, 1::bigint AS place
      FROM objectives AS o
     WHERE o.tenant_id = :tenant_id AND o.id = :objective_id

    UNION ALL

    SELECT o.id, o.external_id, o.title, o.state, o.ambition, o.weight, o.progress,
           o.unit_id, o.owner_id, o.cycle_id, NULL, 0, o.place
      FROM roots AS o

    UNION ALL

    SELECT c.id, c.external_id, c.title, c.state, c.ambition, c.weight, c.progress,
           c.unit_id, c.owner_id, c.cycle_id, down.id, down.level + 1, c.place
      FROM down
     CROSS JOIN LATERAL (
           SELECT o.*, row_number() OVER (ORDER BY o.position, o.id) AS place
             FROM objectives AS o
            WHERE o.tenant_id = :tenant_id AND o.parent_id = down.id AND o.deleted_at IS NULL
              AND (NOT o.private OR okr_within(
                      o.unit_id, o.owner_id, :reach_units, :reach_person))
              AND (down.id IS DISTINCT FROM :objective_id OR CAST(:after_id AS uuid) IS NULL
                   OR (o.position, o.id) > (SELECT position, id FROM after))
            ORDER BY o.position, o.id
            LIMIT :breadth + 1
     ) AS c
     WHERE down.level < :depth AND down.place <= :breadth
),

-- one more than fits, where there are too many
found AS MATERIALIZED (SELECT * FROM down LIMIT :most + 1),

-- the last child shown, where one more was found
next AS (
    SELECT under, (array_agg(id) FILTER (WHERE place = :breadth))[1] AS id
      FROM found
     WHERE under IS NOT NULL
     GROUP BY under
    HAVING max(place) > :breadth
),

node AS MATERIALIZED (
    SELECT found.*, next.id AS next_id
      FROM found
      LEFT JOIN next ON next.under = found.id
     WHERE found.place <= :breadth
       AND (SELECT count(*) FROM found) <= :most
),

up AS (
    SELECT (SELECT max(level) FROM node) AS level,
           '{}'::uuid[] AS parents, '{}'::json[] AS families

    UNION ALL

    SELECT up.level - 1, families.*
      FROM up
     CROSS JOIN LATERAL (
           WITH family AS (
               SELECT node.under,
                      json_agg(json_build_object(
                          'id', node.id,
                          'external_id', node.external_id,
                          'title', node.title,
                          'state', node.state,
                          'ambition', node.ambition,
                          'cycle_id', node.cycle_id,
                          'weight', trim_scale(node.weight),
                          'progress', trim_scale(node.progress),
                          'expected_progress', trim_scale(expected.progress),
                          'health', expected.health,
                          'confidence', (
                              SELECT k.confidence
                                FROM key_results AS k
                               WHERE k.tenant_id = :tenant_id AND k.objective_id = node.id
                                 AND k.deleted_at IS NULL AND k.confidence IS NOT NULL
                               ORDER BY array_position(
                                   ARRAY['off_track', 'at_risk', 'on_track'], k.confidence)
                               LIMIT 1
                          ),
                          'unit', (
                              SELECT json_build_object('id', u.id, 'name', u.name)
                                FROM units AS u
                               WHERE u.tenant_id = :tenant_id AND u.id = node.unit_id
                          ),
                          'owner', (
                              SELECT json_build_object('id', p.id, 'name', p.name)
                                FROM people AS p
                               WHERE p.tenant_id = :tenant_id AND p.id = node.owner_id
                          ),
                          'key_results', CASE WHEN :key_results THEN (
                              SELECT coalesce(json_agg(json_build_object(
                                         'id', k.id,
                                         'external_id', k.external_id,
                                         'title', k.title,
                                         'metric', k.metric,
                                         'unit_of_measure', k.unit_of_measure,
                                         'current_value', CAST(trim_scale(
                                             coalesce(k.current_value, k.start_value)) AS text),
                                         'target_value', CAST(trim_scale(k.target_value) AS text),
                                         'weight', trim_scale(k.weight),
                                         'progress', trim_scale(k.progress),
                                         'confidence', k.confidence
                                     ) ORDER BY k.position, k.id), '[]')
                                FROM key_results AS k
                               WHERE k.tenant_id = :tenant_id AND k.objective_id = node.id
                                 AND k.deleted_at IS NULL
                          ) END,
                          'children', coalesce(below.family, '[]'),
                          'has_more_children', node.next_id IS NOT NULL OR (
                              node.level = :depth AND EXISTS (
                                  SELECT FROM objectives AS c
                                   WHERE c.tenant_id = :tenant_id AND c.parent_id = node.id
                                     AND c.deleted_at IS NULL
                                     AND (NOT c.private OR okr_within(
                                             c.unit_id, c.owner_id,
                                             :reach_units, :reach_person)))),
                          'next_children', node.next_id,
                          'children_count', CASE WHEN :count_children THEN (
                              SELECT count(*)
                                FROM objectives AS c
                               WHERE c.tenant_id = :tenant_id AND c.parent_id = node.id
                                 AND c.deleted_at IS NULL
                                 AND (NOT c.private OR okr_within(
                                         c.unit_id, c.owner_id, :reach_units, :reach_person))
                          ) END
                      ) ORDER BY node.place) AS family
                 FROM node
                 LEFT JOIN unnest(up.parents, up.families) AS below (parent, family)
                        ON below.parent = node.id
                CROSS JOIN LATERAL (
                      SELECT elapsed.progress,
                             okr_health(node.progress, elapsed.progress,
                                        t.ahead_from, t.on_track_from, t.behind_from) AS health
                        FROM cycles AS c
                       CROSS JOIN tenants AS t
                       CROSS JOIN LATERAL (
                             SELECT okr_elapsed(c.start_date, c.end_date, current_date) AS progress
                       ) AS elapsed
                       WHERE c.tenant_id = :tenant_id AND c.id = node.cycle_id
                         AND t.tenant_id = :tenant_id
                ) AS expected
                WHERE node.level = up.level
                GROUP BY node.under
           )
           SELECT coalesce(array_agg(under), '{}'), coalesce(array_agg(family), '{}') FROM family
     ) AS families (parents, families)
     WHERE up.level >= 0
)

SELECT CAST(coalesce(up.families[1], '[]') AS text) AS objectives,
       (SELECT CASE WHEN count(*) > :breadth THEN
                   (SELECT roots.id FROM roots WHERE roots.place = :breadth) END
          FROM roots) AS next_root,
       (SELECT count(*) FROM found) > :most AS is_too_large
  FROM up
 WHERE up.level = -1 OR up.level IS NULL
