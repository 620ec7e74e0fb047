-- The function by which the jobs that tenants have done each hour are found again. A migration installs it; a
-- test compares what is installed with this file.

-- Put the job of each tenant that has none in the queue; how many had none? One that is held,
-- for it could not be put back, is there: the queue takes it up again.
--
-- It can name no tenant, for it is about all of them. It runs as the tables' owner, for its
-- caller sees none, and tells no more than a number; its names were bound when it was made,
-- and its search path is fixed all the same. What it puts is what `kernel.queue.put` does.
CREATE FUNCTION okr_put_hourly() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH missing AS (
        SELECT concat(t.tenant_id, '/', t.tenant_id) AS task
          FROM tenants AS t
         WHERE NOT EXISTS (
               SELECT FROM okr_jobs.pgqueuer AS q
                WHERE q.dedupe_key = concat('hourly ', t.tenant_id, '/', t.tenant_id))
    ),
    put AS (
        INSERT INTO okr_jobs.pgqueuer (priority, status, entrypoint, dedupe_key, payload)
        SELECT 0, 'queued', 'hourly', concat('hourly ', m.task), convert_to(m.task, 'UTF8')
          FROM missing AS m
            ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT count(*) FROM put;
END;
