-- How far had objective :objective_id and all beneath it come at each of the moments
-- :as_of, by the check-ins seen until then that at the moment of :known_at beside it
-- were recorded and not voided? With today's structure, weights and targets.
--
-- `at` counts the moments. Values first: what was reported, then, level by level
-- from the deepest, what those feed; progress of key results; then sums and progress
-- of objectives, level by level as in rollup/recomputed.sql.

WITH RECURSIVE moment AS (
    SELECT m.as_of, m.known_at, CAST(m.at AS int) AS at
      FROM unnest(:as_of, :known_at) WITH ORDINALITY AS m (as_of, known_at, at)
),

below AS (
    SELECT o.id, o.parent_id, 0 AS depth, NULL::numeric AS share
      FROM objectives AS o
     WHERE o.tenant_id = :tenant_id AND o.id = :objective_id

    UNION ALL

    SELECT c.id, c.parent_id, below.depth + 1,
           CASE WHEN c.state IN ('active', 'closed') THEN c.weight END
      FROM below
      JOIN objectives AS c ON c.tenant_id = :tenant_id AND c.parent_id = below.id
     WHERE c.deleted_at IS NULL
),

-- OFFSET 0 has each objective's read off their index: nobody can foresee how many
-- are below, and joined, all of a tenant's key results might be read
own AS MATERIALIZED (
    SELECT k.*
      FROM below
     CROSS JOIN LATERAL (
           SELECT k.id, k.objective_id, k.weight, k.source, k.aggregate, k.metric,
                  k.start_value, k.target_value, k.target_max
             FROM key_results AS k
            WHERE k.tenant_id = :tenant_id AND k.objective_id = below.id
              AND k.deleted_at IS NULL
           OFFSET 0
     ) AS k
),

-- what has its value from others, and these others, wherever they are
feeding AS (
    SELECT own.id, own.source, own.aggregate, NULL::uuid AS feeds_id, own.start_value, 0 AS depth
      FROM own
     WHERE own.source = 'children'

    UNION ALL

    SELECT k.id, k.source, k.aggregate, k.feeds_id, k.start_value, feeding.depth + 1
      FROM feeding
     CROSS JOIN LATERAL (
           SELECT k.id, k.source, k.aggregate, k.feeds_id, k.start_value
             FROM key_results AS k
             JOIN objectives AS o ON o.tenant_id = :tenant_id AND o.id = k.objective_id
            WHERE k.tenant_id = :tenant_id AND k.feeds_id = feeding.id AND k.deleted_at IS NULL
              AND o.deleted_at IS NULL AND o.state IN ('active', 'closed')
           OFFSET 0
     ) AS k
),

fed AS MATERIALIZED (
    SELECT id, aggregate, max(depth) AS depth
      FROM feeding
     WHERE source = 'children'
     GROUP BY id, aggregate
),

-- the links, each once; and for those at the ends of them what they report
link AS MATERIALIZED (
    SELECT DISTINCT id, source, feeds_id, start_value FROM feeding WHERE feeds_id IS NOT NULL
),

leaf AS MATERIALIZED (
    SELECT link.id, moment.at, coalesce(latest.value, link.start_value) AS value
      FROM link
     CROSS JOIN moment
      LEFT JOIN LATERAL (
           SELECT c.value
             FROM check_ins AS c
            WHERE c.tenant_id = :tenant_id AND c.key_result_id = link.id
              AND c.observed_at <= moment.as_of AND c.recorded_at <= moment.known_at
              AND (c.voided_at IS NULL OR c.voided_at > moment.known_at)
            ORDER BY c.observed_at DESC, c.recorded_at DESC, c.id DESC
            LIMIT 1
      ) AS latest ON true
     WHERE link.source = 'check_ins'
),

climb AS (
    SELECT (SELECT max(depth) FROM fed) AS depth,
           '{}'::uuid[] AS ids, '{}'::int[] AS ats, '{}'::numeric[] AS figures

    UNION ALL

    SELECT climb.depth - 1, climb.ids || level.ids, climb.ats || level.ats,
           climb.figures || level.figures
      FROM climb
     CROSS JOIN LATERAL (
           WITH value AS (
               SELECT id, at, value FROM leaf

               UNION ALL

               SELECT done.id, done.at, coalesce(done.value, link.start_value)
                 FROM unnest(climb.ids, climb.ats, climb.figures) AS done (id, at, value)
                 JOIN (SELECT DISTINCT id, start_value FROM link) AS link ON link.id = done.id
           ),
           here AS (
               SELECT fed.id, moment.at,
                      CASE fed.aggregate
                          WHEN 'sum' THEN sum(value.value)
                          WHEN 'average' THEN okr_quotient(sum(value.value), count(value.value))
                          WHEN 'min' THEN min(value.value)
                          WHEN 'max' THEN max(value.value)
                      END AS value
                 FROM fed
                CROSS JOIN moment
                 LEFT JOIN link ON link.feeds_id = fed.id
                 LEFT JOIN value ON value.id = link.id AND value.at = moment.at
                WHERE fed.depth = climb.depth
                GROUP BY fed.id, fed.aggregate, moment.at
           )
           SELECT coalesce(array_agg(id ORDER BY id, at), '{}'),
                  coalesce(array_agg(at ORDER BY id, at), '{}'),
                  coalesce(array_agg(value ORDER BY id, at), '{}')
             FROM here
     ) AS level (ids, ats, figures)
     WHERE climb.depth >= 0
),

fed_value AS MATERIALIZED (
    SELECT done.id, done.at, done.value
      FROM climb
     CROSS JOIN LATERAL unnest(climb.ids, climb.ats, climb.figures) AS done (id, at, value)
     WHERE climb.depth = -1
),

measured AS MATERIALIZED (
    SELECT own.id, own.objective_id, moment.at, own.weight,
           least(1, greatest(0, okr_raw_progress(
               own.metric, own.start_value, own.target_value, own.target_max, latest.value, 0, 0
           ))) AS progress
      FROM own
     CROSS JOIN moment
      LEFT JOIN LATERAL (
           SELECT c.value
             FROM check_ins AS c
            WHERE c.tenant_id = :tenant_id AND c.key_result_id = own.id
              AND c.observed_at <= moment.as_of AND c.recorded_at <= moment.known_at
              AND (c.voided_at IS NULL OR c.voided_at > moment.known_at)
            ORDER BY c.observed_at DESC, c.recorded_at DESC, c.id DESC
            LIMIT 1
      ) AS latest ON true
     WHERE own.source = 'check_ins'

    UNION ALL

    SELECT own.id, own.objective_id, fed_value.at, own.weight,
           least(1, greatest(0, okr_raw_progress(
               own.metric, own.start_value, own.target_value, own.target_max,
               fed_value.value, 0, 0
           )))
      FROM own
      JOIN fed_value ON fed_value.id = own.id

    UNION ALL

    SELECT own.id, own.objective_id, moment.at, own.weight,
           coalesce(okr_ratio(done.weight, done.total), 0)
      FROM own
     CROSS JOIN moment
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(a.weight) FILTER (
                      WHERE a.state = 'done'
                        AND a.done_at <= least(moment.as_of, moment.known_at)), 0) AS weight,
                  coalesce(sum(a.weight), 0) AS total
             FROM action_plans AS p
             JOIN actions AS a ON a.tenant_id = :tenant_id AND a.action_plan_id = p.id
            WHERE p.tenant_id = :tenant_id AND p.key_result_id = own.id
              AND a.state <> 'cancelled'
     ) AS done
     WHERE own.source = 'actions'
),

base AS MATERIALIZED (
    SELECT below.id, below.parent_id, below.depth, below.share, moment.at,
           coalesce(sums.weight, 0) AS weight, coalesce(sums.progress, 0) AS progress
      FROM below
     CROSS JOIN moment
      LEFT JOIN (SELECT objective_id, at, sum(weight) AS weight, sum(weight * progress) AS progress
                   FROM measured GROUP BY objective_id, at) AS sums
             ON sums.objective_id = below.id AND sums.at = moment.at
),

up AS (
    SELECT (SELECT max(depth) FROM base) AS depth,
           '{}'::uuid[] AS parents, '{}'::int[] AS at_parents,
           '{}'::numeric[] AS weights, '{}'::numeric[] AS progresses,
           '{}'::uuid[] AS ids, '{}'::int[] AS ats, '{}'::numeric[] AS figures

    UNION ALL

    SELECT up.depth - 1, level.*
      FROM up
     CROSS JOIN LATERAL (
           WITH here AS (
               SELECT base.id, base.at, base.parent_id, base.share,
                      okr_ratio(base.progress + coalesce(below.progress, 0),
                                base.weight + coalesce(below.weight, 0)) AS progress
                 FROM base
                 LEFT JOIN unnest(up.parents, up.at_parents, up.weights, up.progresses)
                        AS below (id, at, weight, progress)
                        ON below.id = base.id AND below.at = base.at
                WHERE base.depth = up.depth
           ),
           passed_up AS (
               SELECT parent_id, at, sum(share) AS weight, sum(share * progress) AS progress
                 FROM here
                WHERE share IS NOT NULL AND progress IS NOT NULL
                GROUP BY parent_id, at
           )
           SELECT (SELECT coalesce(array_agg(parent_id ORDER BY parent_id, at), '{}')
                     FROM passed_up),
                  (SELECT coalesce(array_agg(at ORDER BY parent_id, at), '{}') FROM passed_up),
                  (SELECT coalesce(array_agg(weight ORDER BY parent_id, at), '{}') FROM passed_up),
                  (SELECT coalesce(array_agg(progress ORDER BY parent_id, at), '{}')
                     FROM passed_up),
                  (SELECT coalesce(array_agg(id ORDER BY id, at), '{}') FROM here),
                  (SELECT coalesce(array_agg(at ORDER BY id, at), '{}') FROM here),
                  (SELECT coalesce(array_agg(progress ORDER BY id, at), '{}') FROM here)
     ) AS level
     WHERE up.depth >= 0
)

SELECT 'objective' AS kind, figures.id, up.depth + 1 AS depth, figures.at, figures.progress
  FROM up
 CROSS JOIN LATERAL unnest(up.ids, up.ats, up.figures) AS figures (id, at, progress)

UNION ALL

SELECT 'key_result', measured.id, NULL, measured.at, measured.progress
  FROM measured
 WHERE :key_results
