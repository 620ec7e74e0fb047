-- What should the sums of :objective_ids, and of all objectives above them, be?
-- Of all the tenant's objectives where :everything is true.
--
-- An aggregate may not stand in the recursive part of a recursive query, but it
-- may stand in a LATERAL subquery of it. So `up` has one row a level, from the
-- deepest to the roots; it carries the level's figures in arrays, and each level
-- adds up what the one below it carried.

WITH RECURSIVE above AS (
    SELECT id, parent_id
      FROM objectives
     WHERE tenant_id = :tenant AND id = ANY (:objective_ids) AND NOT :everything

    UNION

    SELECT parent.id, parent.parent_id
      FROM above
      JOIN objectives AS parent ON parent.tenant_id = :tenant AND parent.id = above.parent_id
),

-- An array of ids is looked up in an index. Joined to `above`, whose size nobody
-- can foresee, a large tenant's tables would be read from end to end.
wanted AS MATERIALIZED (
    SELECT o.id, o.parent_id,
           CASE WHEN o.state IN ('active', 'closed') THEN o.weight END AS share
      FROM objectives AS o
     WHERE o.tenant_id = :tenant AND o.id = ANY (ARRAY(SELECT id FROM above))
       AND o.deleted_at IS NULL

    UNION ALL

    SELECT o.id, o.parent_id,
           CASE WHEN o.state IN ('active', 'closed') THEN o.weight END
      FROM objectives AS o
     WHERE :everything AND o.tenant_id = :tenant AND o.deleted_at IS NULL
),

placed AS (
    SELECT id, parent_id, share, 0 AS depth FROM wanted WHERE parent_id IS NULL

    UNION ALL

    SELECT wanted.id, wanted.parent_id, wanted.share, placed.depth + 1
      FROM placed
      JOIN wanted ON wanted.parent_id = placed.id
),

-- what contributes and is not itself to be computed: key results, other children
given AS (
    SELECT k.objective_id AS id, k.weight, k.weight * k.progress AS progress
      FROM key_results AS k
     WHERE k.tenant_id = :tenant AND k.objective_id = ANY (ARRAY(SELECT id FROM above))
       AND k.deleted_at IS NULL

    UNION ALL

    SELECT k.objective_id, k.weight, k.weight * k.progress
      FROM key_results AS k
     WHERE :everything AND k.tenant_id = :tenant AND k.deleted_at IS NULL

    UNION ALL

    SELECT c.parent_id, c.weight, c.weight * c.progress
      FROM objectives AS c
     WHERE c.tenant_id = :tenant AND c.parent_id = ANY (ARRAY(SELECT id FROM above))
       AND NOT EXISTS (SELECT FROM wanted WHERE wanted.id = c.id)
       AND c.deleted_at IS NULL AND c.state IN ('active', 'closed') AND c.progress IS NOT NULL
),

base AS MATERIALIZED (
    SELECT placed.id, placed.parent_id, placed.depth, placed.share,
           coalesce(g.weight, 0) AS weight, coalesce(g.progress, 0) AS progress
      FROM placed
      LEFT JOIN (SELECT id, sum(weight) AS weight, sum(progress) AS progress
                   FROM given GROUP BY id) AS g ON g.id = placed.id
),

up AS (
    SELECT (SELECT max(depth) FROM base) AS depth,
           '{}'::uuid[] AS parents, '{}'::numeric[] AS weights, '{}'::numeric[] AS progresses,
           '{}'::uuid[] AS ids, '{}'::numeric[] AS weight_sums, '{}'::numeric[] AS progress_sums

    UNION ALL

    SELECT up.depth - 1, level.*
      FROM up
     CROSS JOIN LATERAL (
           WITH here AS (
               SELECT base.id, base.parent_id, base.share,
                      base.weight + coalesce(below.weight, 0) AS weight,
                      base.progress + coalesce(below.progress, 0) AS progress
                 FROM base
                 LEFT JOIN unnest(up.parents, up.weights, up.progresses)
                        AS below (id, weight, progress) ON below.id = base.id
                WHERE base.depth = up.depth
           ),
           passed_up AS (
               SELECT parent_id, sum(share) AS weight,
                      sum(share * okr_ratio(progress, weight)) AS progress
                 FROM here
                WHERE parent_id IS NOT NULL AND share IS NOT NULL AND weight <> 0
                GROUP BY parent_id
           )
           SELECT (SELECT coalesce(array_agg(parent_id ORDER BY parent_id), '{}') FROM passed_up),
                  (SELECT coalesce(array_agg(weight ORDER BY parent_id), '{}') FROM passed_up),
                  (SELECT coalesce(array_agg(progress ORDER BY parent_id), '{}') FROM passed_up),
                  (SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM here),
                  (SELECT coalesce(array_agg(weight ORDER BY id), '{}') FROM here),
                  (SELECT coalesce(array_agg(progress ORDER BY id), '{}') FROM here)
     ) AS level
     WHERE up.depth >= 0
)

SELECT figures.id, figures.weight_sum, figures.progress_sum
  FROM up
 CROSS JOIN LATERAL unnest(up.ids, up.weight_sums, up.progress_sums)
         AS figures (id, weight_sum, progress_sum)
