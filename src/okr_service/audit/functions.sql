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
-- beside the event, which has its digest. Hashes are chained one by one, rows are written
-- together.
CREATE FUNCTION okr_record(
    tenant uuid, actor uuid, credential text, request text, changes jsonb, preferred bigint
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    taken audit_lanes;
    change record;
    at_last timestamptz;
    before_them bigint;
    nth integer := 0;
    salts bytea[] := '{}';
    digests bytea[] := '{}';
    hashes bytea[] := '{}';
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
    before_them := taken.length;
    FOR change IN
        SELECT *
          FROM jsonb_to_recordset(changes) AS c (
               id uuid, action text, subject text, subject_id uuid, before jsonb, after jsonb)
    LOOP
        nth := nth + 1;
        salts[nth] := NULL;
        digests[nth] := NULL;
        IF change.subject = 'person' AND num_nonnulls(change.before, change.after) > 0 THEN
            salts[nth] := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
            digests[nth] := okr_audit_personal_digest(salts[nth], change.before, change.after);
        END IF;
        taken.hash := okr_audit_hash(
            taken.hash, tenant, taken.lane, before_them + nth, change.id, at_last,
            actor, credential, request, change.action, change.subject, change.subject_id,
            CASE WHEN digests[nth] IS NULL THEN change.before END,
            CASE WHEN digests[nth] IS NULL THEN change.after END, digests[nth]);
        hashes[nth] := taken.hash;
    END LOOP;
    taken.length := before_them + nth;
    INSERT INTO audit_events (
        tenant_id, id, lane, place, occurred_at, actor_id, credential, request_id,
        action, subject, subject_id, before, after, personal_digest, hash)
    SELECT tenant, c.id, taken.lane, before_them + c.nth, at_last, actor, credential, request,
           c.action, c.subject, c.subject_id,
           CASE WHEN c.digest IS NULL THEN c.before END,
           CASE WHEN c.digest IS NULL THEN c.after END, c.digest, c.hash
      FROM ROWS FROM (
           jsonb_to_recordset(changes) AS (
               id uuid, action text, subject text, subject_id uuid, before jsonb, after jsonb),
           unnest(digests), unnest(hashes)
           ) WITH ORDINALITY AS c (
           id, action, subject, subject_id, before, after, digest, hash, nth);
    INSERT INTO audit_personal_data (tenant_id, event_id, person_id, salt, before, after)
    SELECT tenant, c.id, c.subject_id, c.salt, c.before, c.after
      FROM ROWS FROM (
           jsonb_to_recordset(changes) AS (id uuid, subject_id uuid, before jsonb, after jsonb),
           unnest(salts)
           ) AS c (id, subject_id, before, after, salt)
     WHERE c.salt IS NOT NULL;
    UPDATE audit_lanes AS l
       SET length = taken.length, hash = taken.hash
     WHERE l.tenant_id = tenant AND l.lane = taken.lane;
    RETURN taken.lane;
END $$;
