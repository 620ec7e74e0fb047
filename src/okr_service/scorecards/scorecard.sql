-- How far has unit :unit_id come in cycle :cycle_id by today, how well does it report
-- and act, and so each unit beneath it, down to :depth levels? As nested JSON; where
-- :ranked is true, as a league table of the units directly beneath it.
--
-- First the figures of all these units at once, then the documents, level by level
-- from the deepest, each taking in those below (see rollup/recomputed.sql for the
-- arrays). What is linked is read in LATERAL subqueries that cannot be made joins, so
-- each off its index: joined, a tenant's rows of all cycles would be read.

WITH RECURSIVE period AS (
    SELECT c.start_date, c.end_date, c.cadence, c.state,
           okr_elapsed(c.start_date, c.end_date, current_date) AS elapsed,
           json_build_object(
               'id', c.id, 'code', c.code, 'name', c.name,
               'start_date', c.start_date, 'end_date', c.end_date
           ) AS cycle
      FROM cycles AS c
     WHERE c.tenant_id = :tenant_id AND c.id = :cycle_id
),

unit AS (
    SELECT u.id, u.external_id, u.name, u.kind, u.parent_id, 0 AS level
      FROM units AS u
     WHERE u.tenant_id = :tenant_id AND u.id = :unit_id

    UNION ALL

    SELECT u.id, u.external_id, u.name, u.kind, u.parent_id, unit.level + 1
      FROM unit
     CROSS JOIN LATERAL (
           SELECT u.*
             FROM units AS u
            WHERE u.tenant_id = :tenant_id AND u.parent_id = unit.id
           OFFSET 0
     ) AS u
     WHERE unit.level < :depth
),

-- those that count, of the private ones only those within :reach_units and :reach_person
objective AS MATERIALIZED (
    SELECT o.id, o.unit_id, o.parent_id, o.state, o.weight, o.progress
      FROM objectives AS o
     WHERE o.tenant_id = :tenant_id AND o.cycle_id = :cycle_id
       AND o.unit_id = ANY (ARRAY(SELECT id FROM unit))
       AND o.state IN ('active', 'closed') AND o.deleted_at IS NULL
       AND (NOT o.private OR okr_within(o.unit_id, o.owner_id, :reach_units, :reach_person))
),

-- up from each measured one, until one above it is among them and of the same unit
climb AS (
    SELECT id, unit_id, parent_id AS above_id, false AS is_within, 0 AS steps
      FROM objective
     WHERE progress IS NOT NULL

    UNION ALL

    SELECT climb.id, climb.unit_id, above.parent_id,
           above.unit_id = climb.unit_id AND above.id IN (SELECT id FROM objective),
           climb.steps + 1
      FROM climb
     CROSS JOIN LATERAL (
           SELECT o.id, o.parent_id, o.unit_id
             FROM objectives AS o
            WHERE o.tenant_id = :tenant_id AND o.id = climb.above_id
           OFFSET 0
     ) AS above
     WHERE NOT climb.is_within AND climb.steps < 33
),

-- each unit's sums; the weights are those of what is not aligned under its own
sums AS (
    SELECT o.unit_id,
           count(*) AS objectives, count(o.progress) AS measured,
           sum(top.weight) AS weight, sum(top.weight * o.progress) AS progress,
           sum(k.key_results) AS key_results, sum(k.reported) AS reported,
           sum(k.overdue) AS overdue, sum(k.actions) AS actions,
           sum(k.actions_done) AS actions_done, sum(k.actions_overdue) AS actions_overdue
      FROM objective AS o
     CROSS JOIN period
     CROSS JOIN LATERAL (
           SELECT CASE WHEN o.progress IS NOT NULL
                        AND o.id NOT IN (SELECT id FROM climb WHERE is_within)
                       THEN o.weight END AS weight
     ) AS top
     CROSS JOIN LATERAL (
           SELECT count(*) AS key_results,
                  count(*) FILTER (
                      WHERE k.source = 'check_ins'
                        AND coalesce(k.cadence, period.cadence) IS NOT NULL
                  ) AS reported,
                  -- as CHECK_IN_STATUS in objectives/expectations.py has it
                  count(*) FILTER (
                      WHERE k.source = 'check_ins'
                        AND o.state = 'active' AND period.state = 'open'
                        AND okr_check_in_due(
                                coalesce(k.cadence, period.cadence),
                                coalesce(k.start_date, period.start_date),
                                coalesce(k.due_date, period.end_date),
                                k.observed_at
                            ) < current_date
                  ) AS overdue,
                  sum(a.actions) AS actions,
                  sum(a.done) AS actions_done,
                  sum(a.overdue) AS actions_overdue
             FROM key_results AS k
            CROSS JOIN LATERAL (
                  SELECT count(*) AS actions,
                         count(*) FILTER (WHERE a.state = 'done') AS done,
                         count(*) FILTER (
                             WHERE a.due_date < current_date AND a.state IN ('todo', 'doing')
                         ) AS overdue
                    FROM action_plans AS p
                    JOIN actions AS a ON a.tenant_id = :tenant_id AND a.action_plan_id = p.id
                   WHERE p.tenant_id = :tenant_id AND p.key_result_id = k.id
                     AND a.state <> 'cancelled'
            ) AS a
            WHERE k.tenant_id = :tenant_id AND k.objective_id = o.id AND k.deleted_at IS NULL
     ) AS k
     GROUP BY o.unit_id
),

-- each unit's figures, as they are shown
card AS MATERIALIZED (
    SELECT unit.id, unit.parent_id, unit.level, unit.name,
           json_build_object(
               'id', unit.id, 'external_id', unit.external_id,
               'name', unit.name, 'kind', unit.kind
           ) AS unit,
           trim_scale(figures.progress) AS progress,
           trim_scale(period.elapsed) AS expected_progress,
           okr_health(
               figures.progress, period.elapsed, t.ahead_from, t.on_track_from, t.behind_from
           ) AS health,
           json_build_object(
               'total', coalesce(sums.objectives, 0), 'measured', coalesce(sums.measured, 0)
           ) AS objectives,
           json_build_object(
               'total', coalesce(sums.key_results, 0),
               'reported', coalesce(sums.reported, 0),
               'overdue', coalesce(sums.overdue, 0),
               'on_time_share', trim_scale(
                   okr_ratio(sums.reported - sums.overdue, sums.reported))
           ) AS key_results,
           json_build_object(
               'total', coalesce(sums.actions, 0),
               'done', coalesce(sums.actions_done, 0),
               'overdue', coalesce(sums.actions_overdue, 0),
               'done_share', trim_scale(okr_ratio(sums.actions_done, sums.actions))
           ) AS actions
      FROM unit
     CROSS JOIN period
     CROSS JOIN tenants AS t
      LEFT JOIN sums ON sums.unit_id = unit.id
     CROSS JOIN LATERAL (SELECT okr_ratio(sums.progress, sums.weight) AS progress) AS figures
     WHERE t.tenant_id = :tenant_id
),

-- a row a level, with the documents of those one level deeper, by whom they are under
up AS (
    SELECT (SELECT max(level) FROM card) AS level,
           '{}'::uuid[] AS parents, '{}'::json[] AS families

    UNION ALL

    SELECT up.level - 1, level.*
      FROM up
     CROSS JOIN LATERAL (
           WITH family AS (
               SELECT card.parent_id,
                      json_agg(row_to_json(document) ORDER BY card.name, card.id) AS documents
                 FROM card
                 LEFT JOIN unnest(up.parents, up.families) AS below (parent_id, family)
                        ON below.parent_id = card.id
                CROSS JOIN LATERAL (
                      SELECT card.unit, card.progress, card.expected_progress, card.health,
                             card.objectives, card.key_results, card.actions,
                             coalesce(below.family, '[]') AS sub_units
                ) AS document
                WHERE card.level = up.level
                GROUP BY card.parent_id
           )
           SELECT array_agg(parent_id ORDER BY parent_id),
                  array_agg(documents ORDER BY parent_id)
             FROM family
     ) AS level
     WHERE up.level > 0
),

league AS (
    SELECT json_agg(row_to_json(document) ORDER BY document.rank, ranked.name, ranked.id) AS rows
      FROM (
           SELECT card.*,
                  CASE WHEN progress IS NOT NULL
                       THEN rank() OVER (ORDER BY progress DESC NULLS LAST) END AS rank
             FROM card
            WHERE level = 1
      ) AS ranked
     CROSS JOIN LATERAL (
           SELECT ranked.rank, ranked.unit, ranked.progress, ranked.expected_progress,
                  ranked.health, ranked.objectives, ranked.key_results, ranked.actions
     ) AS document
)

SELECT CAST(CASE WHEN :ranked THEN (
           SELECT row_to_json(document)
             FROM (SELECT card.unit, period.cycle,
                          coalesce((SELECT rows FROM league), '[]') AS data) AS document
       ) ELSE (
           SELECT row_to_json(document)
             FROM (SELECT card.unit, period.cycle, card.progress, card.expected_progress,
                          card.health, card.objectives, card.key_results, card.actions,
                          coalesce((SELECT families[1] FROM up WHERE level = 0), '[]')
                              AS sub_units) AS document
       ) END AS text) AS document
  FROM card
 CROSS JOIN period
 WHERE card.level = 0
