-- What does the progress of :objective_id come from, and with which share each? Its
-- key results and those of the objectives beneath it, down to :depth levels; what is
-- deeper counts as part of the objective at that level.
--
-- One that is private, and not within :reach_units and :reach_person, counts as it is
-- seen from above: as a part of its own that is not to be named.
--
-- Shares are kept to 30 decimals, so that a product of 32 of them still has enough.

WITH RECURSIVE branch AS (
    SELECT o.id, o.weight, o.weight_sum, o.progress, 1::numeric AS share,
           0 AS level, '{}'::uuid[] AS path, true AS seen
      FROM objectives AS o
     WHERE o.tenant_id = :tenant_id AND o.id = :objective_id AND o.weight_sum > 0

    UNION ALL

    SELECT c.id, c.weight, c.weight_sum, c.progress,
           round(branch.share, 30) * c.weight / branch.weight_sum,
           branch.level + 1,
           CASE branch.level WHEN 0 THEN branch.path ELSE branch.path || branch.id END,
           NOT c.private OR okr_within(c.unit_id, c.owner_id, :reach_units, :reach_person)
      FROM branch
      JOIN objectives AS c ON c.tenant_id = :tenant_id AND c.parent_id = branch.id
     WHERE branch.level < :depth AND branch.seen
       AND c.state IN ('active', 'closed') AND c.deleted_at IS NULL
       AND c.progress IS NOT NULL AND c.weight > 0
)

SELECT 'key_result' AS kind, k.id, k.weight, k.progress,
       round(branch.share, 30) * k.weight / branch.weight_sum AS share,
       CASE branch.level WHEN 0 THEN branch.path ELSE branch.path || branch.id END AS path,
       true AS seen
  FROM branch
  JOIN key_results AS k ON k.tenant_id = :tenant_id AND k.objective_id = branch.id
 WHERE branch.level < :depth AND branch.seen AND k.deleted_at IS NULL AND k.weight > 0

UNION ALL

SELECT 'objective', branch.id, branch.weight, branch.progress, branch.share,
       branch.path, branch.seen
  FROM branch
 WHERE branch.level = :depth OR NOT branch.seen
