-- Which key results make up the value of :key_result_id, down to :depth levels, and
-- what part of what it feeds is each? Level by level, the greatest parts first, at
-- most :most of them. Those of private objectives that are not within :reach_units and
-- :reach_person count, and are not shown, nor is what feeds them.

WITH RECURSIVE feeding AS (
    SELECT k.id, k.external_id, k.title, k.objective_id, k.owner_id, k.feeds_id, k.aggregate,
           k.progress, k.current_value AS value, 0 AS depth, NULL::uuid AS unit_id, true AS seen
      FROM key_results AS k
     WHERE k.tenant_id = :tenant_id AND k.id = :key_result_id

    UNION ALL

    SELECT k.id, k.external_id, k.title, k.objective_id, k.owner_id, k.feeds_id, k.aggregate,
           k.progress, coalesce(k.current_value, k.start_value), feeding.depth + 1, o.unit_id,
           NOT o.private OR okr_within(o.unit_id, o.owner_id, :reach_units, :reach_person)
      FROM feeding
      JOIN key_results AS k ON k.tenant_id = :tenant_id AND k.feeds_id = feeding.id
      JOIN objectives AS o ON o.tenant_id = :tenant_id AND o.id = k.objective_id
     WHERE feeding.depth < :depth AND feeding.seen AND k.deleted_at IS NULL
       AND o.deleted_at IS NULL AND o.state IN ('active', 'closed')
),

part AS MATERIALIZED (
    SELECT feeding.*,
           CASE fed.aggregate
               WHEN 'sum' THEN feeding.value
               WHEN 'average' THEN okr_quotient(
                   feeding.value, count(feeding.value) OVER (PARTITION BY feeding.feeds_id))
               ELSE CASE WHEN feeding.id = first_value(feeding.id) OVER (
                        PARTITION BY feeding.feeds_id
                        ORDER BY feeding.value IS NULL,
                                 CASE fed.aggregate WHEN 'min' THEN feeding.value
                                                    ELSE -feeding.value END,
                                 feeding.id)
                    THEN feeding.value ELSE 0 END
           END AS contribution
      FROM feeding
      JOIN feeding AS fed ON fed.id = feeding.feeds_id
     WHERE feeding.depth > 0
),

placed AS (
    SELECT part.*,
           row_number() OVER (
               ORDER BY depth, abs(contribution) DESC NULLS LAST, abs(value) DESC NULLS LAST, id
           ) AS place
      FROM part
     WHERE seen
)

SELECT CAST(json_build_object(
           'id', feeding.id,
           'external_id', feeding.external_id,
           'title', feeding.title,
           'aggregate', feeding.aggregate,
           'value', CAST(trim_scale(feeding.value) AS text),
           'data', (
               SELECT coalesce(json_agg(json_build_object(
                          'id', placed.id,
                          'external_id', placed.external_id,
                          'title', placed.title,
                          'objective_id', placed.objective_id,
                          'unit', (SELECT json_build_object('id', u.id, 'name', u.name)
                                     FROM units AS u
                                    WHERE u.tenant_id = :tenant_id AND u.id = placed.unit_id),
                          'owner', (SELECT json_build_object('id', p.id, 'name', p.name)
                                      FROM people AS p
                                     WHERE p.tenant_id = :tenant_id AND p.id = placed.owner_id),
                          'feeds_id', placed.feeds_id,
                          'depth', placed.depth,
                          'aggregate', placed.aggregate,
                          'value', CAST(trim_scale(placed.value) AS text),
                          'contribution', CAST(trim_scale(placed.contribution) AS text),
                          'progress', trim_scale(placed.progress)
                      ) ORDER BY placed.place), '[]')
                 FROM placed
                WHERE placed.place <= :most
           ),
           'others', (SELECT greatest(count(*) - :most, 0) FROM placed)
       ) AS text)
  FROM feeding
 WHERE feeding.depth = 0
