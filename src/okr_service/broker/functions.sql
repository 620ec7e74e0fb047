-- Give a new tenant its turn at publishing: a job that lies in the queue until a worker has a
-- broker. As `okr_service.broker.service.turn_of` names it.
CREATE FUNCTION okr_begin_broker_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO okr_jobs.pgqueuer (priority, status, entrypoint, payload, dedupe_key)
    VALUES (
        0, 'queued', 'broker_turn',
        convert_to(concat(NEW.tenant_id, '/', NEW.tenant_id), 'UTF8'),
        concat('broker_turn ', NEW.tenant_id, '/', NEW.tenant_id));
    RETURN NULL;
END $$;
