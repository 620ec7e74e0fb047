-- Add a change to the sums of :objective_id and walk up to its root, or to where
-- neither sum changes any more. How many objectives did it touch?
--
-- The function updates one row; each step sees what the step before it did.

WITH RECURSIVE walk AS (
    SELECT step.*
      FROM okr_bump(:tenant_id, :objective_id, :weight_change, :progress_change) AS step

    UNION ALL

    SELECT step.*
      FROM walk
     CROSS JOIN LATERAL okr_bump(
           :tenant_id, walk.parent, walk.parent_weight_change, walk.parent_progress_change
     ) AS step
     WHERE walk.parent IS NOT NULL
       AND (walk.parent_weight_change <> 0 OR walk.parent_progress_change <> 0)
)

SELECT count(*) FROM walk
