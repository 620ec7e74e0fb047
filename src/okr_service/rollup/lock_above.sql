-- Hold the objectives :objective_ids and all above them until the transaction
-- ends: the deepest first, by id where equally deep. All of the tenant's where
-- :everything is true. How many are they?

WITH RECURSIVE above AS (
    SELECT id, parent_id
      FROM objectives
     WHERE tenant_id = :tenant AND id = ANY (:objective_ids)

    UNION

    SELECT id, parent_id
      FROM objectives
     WHERE :everything AND tenant_id = :tenant

    UNION

    SELECT parent.id, parent.parent_id
      FROM above
      JOIN objectives AS parent ON parent.tenant_id = :tenant AND parent.id = above.parent_id
     WHERE NOT :everything
),

placed AS (
    SELECT id, 0 AS depth FROM above WHERE parent_id IS NULL

    UNION ALL

    SELECT above.id, placed.depth + 1
      FROM placed
      JOIN above ON above.parent_id = placed.id
)

SELECT count(*)
  FROM (SELECT o.id
          FROM placed
          JOIN objectives AS o ON o.tenant_id = :tenant AND o.id = placed.id
         ORDER BY placed.depth DESC, o.id
           FOR NO KEY UPDATE OF o) AS held
