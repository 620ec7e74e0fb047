-- Hand out to :webhook_id the events in the places after :after up to :until that are of
-- :types if there are any, and of :unit_id or a unit beneath it, where that is not null;
-- what is about private objectives only where :include_private is true.

WITH RECURSIVE beneath AS (
    SELECT u.id FROM units AS u WHERE u.tenant_id = :tenant_id AND u.id = :unit_id

    UNION

    SELECT child.id
      FROM beneath
      JOIN units AS child ON child.tenant_id = :tenant_id AND child.parent_id = beneath.id
)

INSERT INTO webhook_deliveries (tenant_id, id, webhook_id, place, event_id, type, line)
SELECT :tenant_id, gen_random_uuid(), :webhook_id, e.place, e.id, e.type,
       coalesce(e.objective_id, e.subject_id)
  FROM events AS e
 WHERE e.tenant_id = :tenant_id
   AND e.place > :after AND e.place <= :until
   AND (cardinality(:types) = 0 OR e.type = ANY (:types))
   AND (:include_private OR e.objective_id IS NULL
        OR EXISTS (SELECT FROM objectives AS o
                    WHERE o.tenant_id = :tenant_id AND o.id = e.objective_id AND NOT o.private))
   AND (:unit_id IS NULL OR CASE
        WHEN e.objective_id IS NOT NULL THEN EXISTS (
             SELECT FROM objectives AS o
              WHERE o.tenant_id = :tenant_id AND o.id = e.objective_id
                AND o.unit_id IN (SELECT id FROM beneath))
        WHEN e.type LIKE 'okr.unit.%' THEN e.subject_id IN (SELECT id FROM beneath)
        WHEN e.type LIKE 'okr.person.%' THEN EXISTS (
             SELECT FROM people AS p
              WHERE p.tenant_id = :tenant_id AND p.id = e.subject_id
                AND p.unit_id IN (SELECT id FROM beneath))
        ELSE false
   END)
 ORDER BY e.place
