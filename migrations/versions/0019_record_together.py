"""Write the audit events of many changes together: one by one they were most of an import."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# As in okr_service/audit/functions.sql when this was written.
_TOGETHER = """
CREATE OR REPLACE FUNCTION okr_record(
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
END $$
"""

# As in 0008.
_ONE_BY_ONE = """
CREATE OR REPLACE FUNCTION okr_record(
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
END $$
"""


def upgrade() -> None:
    op.execute(_TOGETHER)


def downgrade() -> None:
    op.execute(_ONE_BY_ONE)
