-- The chaining of audit events inside PostgreSQL; `okr_service/audit/__init__.py` says
-- what for. Migrations install these; a test compares what is installed with this file.

-- The hash of an event, which covers that of the event before it in its lane: an empty
-- one before the first. `audit/chain.py` computes the same in Python.
CREATE FUNCTION okr_audit_hash(
    previous bytea, tenant uuid, lane bigint, place bigint, id uuid, occurred_at timestamptz,
    actor uuid, credential text, request text, action text, subject text, subject_id uuid,
    before jsonb, after jsonb, personal_digest bytea
) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(previous || convert_to(json_build_array(
    tenant, lane, place, id,
    to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    actor, credential, request, action, subject, subject_id, before, after,
    encode(personal_digest, 'hex')
)::text, 'UTF8'));

-- The digest of what an event says of a person; the salt keeps anyone from guessing.
CREATE FUNCTION okr_audit_personal_digest(salt bytea, before jsonb, after jsonb) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(salt || convert_to(json_build_array(before, after)::text, 'UTF8'));

-- Write down changes in a lane of the tenant that nobody else is writing in, after its
-- last event, and say which lane that is: the one preferred, if it can be had. Where all
-- are taken a new one is begun, so that nobody waits here. What is said of a person goes
-- beside the event, which has its digest.
CREATE FUNCTION okr_record(
    tenant uuid, actor uuid, credential text, request text, changes jsonb, preferred bigint
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    taken audit_lanes;
    change record;
    at_last timestamptz;
    salt bytea;
    digest bytea;
BEGIN
    SELECT l.* INTO taken
      FROM audit_lanes AS l
     WHERE l.tenant_id = tenant
     ORDER BY l.lane IS DISTINCT FROM preferred, l.lane
     LIMIT 1
       FOR NO KEY UPDATE SKIP LOCKED;
    IF taken.lane IS NULL THEN
        INSERT INTO audit_lanes AS l (tenant_id) VALUES (tenant) RETURNING l.* INTO taken;
    END IF;
    at_last := clock_timestamp();
    FOR change IN
        SELECT *
          FROM jsonb_to_recordset(changes) AS c (
               id uuid, action text, subject text, subject_id uuid, before jsonb, after jsonb)
    LOOP
        taken.length := taken.length + 1;
        digest := NULL;
        IF change.subject = 'person' AND num_nonnulls(change.before, change.after) > 0 THEN
            salt := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
            digest := okr_audit_personal_digest(salt, change.before, change.after);
        END IF;
        taken.hash := okr_audit_hash(
            taken.hash, tenant, taken.lane, taken.length, change.id, at_last,
            actor, credential, request, change.action, change.subject, change.subject_id,
            CASE WHEN digest IS NULL THEN change.before END,
            CASE WHEN digest IS NULL THEN change.after END, digest);
        INSERT INTO audit_events (
            tenant_id, id, lane, place, occurred_at, actor_id, credential, request_id,
            action, subject, subject_id, before, after, personal_digest, hash)
        VALUES (
            tenant, change.id, taken.lane, taken.length, at_last, actor, credential, request,
            change.action, change.subject, change.subject_id,
            CASE WHEN digest IS NULL THEN change.before END,
            CASE WHEN digest IS NULL THEN change.after END, digest, taken.hash);
        IF digest IS NOT NULL THEN
            INSERT INTO audit_personal_data (
                tenant_id, event_id, person_id, salt, before, after)
            VALUES (tenant, change.id, change.subject_id, salt, change.before, change.after);
        END IF;
    END LOOP;
    UPDATE audit_lanes AS l
       SET length = taken.length, hash = taken.hash
     WHERE l.tenant_id = tenant AND l.lane = taken.lane;
    RETURN taken.lane;
END $$;
