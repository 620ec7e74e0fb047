-- Would anything in cycle :cycle_id fall outside it, were it to run from
-- :start_date to :end_date? (objectives.service asks the same of one objective
-- that moves to another cycle.)

SELECT EXISTS (
    -- cycles beneath it
    SELECT 1
      FROM cycles
     WHERE tenant_id = :tenant_id AND parent_id = :cycle_id
       AND (start_date < :start_date OR end_date > :end_date)
) OR EXISTS (
    -- key results of its objectives
    SELECT 1
      FROM objectives AS o
      JOIN key_results AS k ON k.tenant_id = :tenant_id AND k.objective_id = o.id
     WHERE o.tenant_id = :tenant_id AND o.cycle_id = :cycle_id
       AND o.deleted_at IS NULL AND k.deleted_at IS NULL
       AND (k.start_date < :start_date OR k.start_date > :end_date
            OR k.due_date < :start_date OR k.due_date > :end_date)
) OR EXISTS (
    -- what is planned for these key results: values, action plans, actions
    SELECT 1
      FROM objectives AS o
      JOIN key_results AS k ON k.tenant_id = :tenant_id AND k.objective_id = o.id
     CROSS JOIN LATERAL (
           SELECT v.on_date AS first_day, v.on_date AS last_day
             FROM planned_values AS v
            WHERE v.tenant_id = :tenant_id AND v.key_result_id = k.id

           UNION ALL

           SELECT p.start_date, p.end_date
             FROM action_plans AS p
            WHERE p.tenant_id = :tenant_id AND p.key_result_id = k.id

           UNION ALL

           SELECT a.due_date, a.due_date
             FROM action_plans AS p
             JOIN actions AS a ON a.tenant_id = :tenant_id AND a.action_plan_id = p.id
            WHERE p.tenant_id = :tenant_id AND p.key_result_id = k.id
     ) AS planned
     WHERE o.tenant_id = :tenant_id AND o.cycle_id = :cycle_id
       AND o.deleted_at IS NULL AND k.deleted_at IS NULL
       AND (planned.first_day < :start_date OR planned.last_day > :end_date)
) OR EXISTS (
    -- objectives aligned to one of its own, and what its own are aligned to
    SELECT 1
      FROM objectives AS o
      JOIN objectives AS p ON p.tenant_id = :tenant_id AND p.id = o.parent_id
      JOIN cycles AS inside ON inside.tenant_id = :tenant_id AND inside.id = o.cycle_id
      JOIN cycles AS outside ON outside.tenant_id = :tenant_id AND outside.id = p.cycle_id
     WHERE o.tenant_id = :tenant_id AND o.deleted_at IS NULL
       AND o.cycle_id <> p.cycle_id
       AND ((p.cycle_id = :cycle_id
             AND (inside.start_date < :start_date OR inside.end_date > :end_date))
            OR (o.cycle_id = :cycle_id
                AND (outside.start_date > :start_date OR outside.end_date < :end_date)))
)
