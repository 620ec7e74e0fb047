-- Which objectives, of those that a caller sees, are at the top of the trees that
-- :external_ids are in, and how far have they come?

WITH RECURSIVE line AS (
    SELECT id, parent_id
      FROM objectives
     WHERE tenant_id = :tenant_id AND external_id = ANY (:external_ids) AND deleted_at IS NULL

    UNION

    SELECT parent.id, parent.parent_id
      FROM line
      JOIN objectives AS parent ON parent.tenant_id = :tenant_id AND parent.id = line.parent_id
)

SELECT o.id, o.external_id, o.title, o.progress
  FROM line
  JOIN objectives AS o ON o.tenant_id = :tenant_id AND o.id = line.id
 WHERE line.parent_id IS NULL
   AND (NOT o.private OR okr_within(o.unit_id, o.owner_id, :reach_units, :reach_person))
 ORDER BY o.external_id, o.id
