-- What is person :person_id for the tenant: do they still work there, in which role, of
-- which unit, and which units do they lead, those beneath included?

WITH RECURSIVE led AS (
    SELECT u.id
      FROM units AS u
     WHERE u.tenant_id = :tenant_id AND u.manager_id = :person_id

    UNION

    SELECT u.id
      FROM led
     CROSS JOIN LATERAL (
           SELECT u.id
             FROM units AS u
            WHERE u.tenant_id = :tenant_id AND u.parent_id = led.id
           OFFSET 0
     ) AS u
)

SELECT p.active, p.role, p.unit_id, ARRAY(SELECT id FROM led) AS led
  FROM people AS p
 WHERE p.tenant_id = :tenant_id AND p.id = :person_id
