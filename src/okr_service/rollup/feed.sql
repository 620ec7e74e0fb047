-- Give the key results :key_result_ids, and all that they feed in turn, the aggregate
-- of what feeds them. How did the progress of each change?
--
-- The deepest first, by id where equally deep, so that each finds the new values of
-- what feeds it, and nothing waits in a circle.

WITH RECURSIVE above AS (
    SELECT id, feeds_id
      FROM key_results
     WHERE tenant_id = :tenant_id AND id = ANY (:key_result_ids)

    UNION

    SELECT fed.id, fed.feeds_id
      FROM above
      JOIN key_results AS fed ON fed.tenant_id = :tenant_id AND fed.id = above.feeds_id
),

placed AS (
    SELECT id, 0 AS depth FROM above WHERE feeds_id IS NULL

    UNION ALL

    SELECT above.id, placed.depth + 1
      FROM placed
      JOIN above ON above.feeds_id = placed.id
)

SELECT step.*
  FROM (SELECT id FROM placed ORDER BY depth DESC, id) AS ordered
 CROSS JOIN LATERAL okr_refeed(:tenant_id, ordered.id) AS step
 WHERE step.objective IS NOT NULL
