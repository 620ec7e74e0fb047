"""Audit events in chains of hashes, what they say of people beside them, append-only.

From here on each event has its place in a chain; 0009 gives those that were there before
theirs, and is the only one that reads the table.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# As in okr_service/audit/functions.sql when this was written.
_FUNCTIONS = (
    """
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
)::text, 'UTF8'))
""",
    """
CREATE FUNCTION okr_audit_personal_digest(salt bytea, before jsonb, after jsonb) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(salt || convert_to(json_build_array(before, after)::text, 'UTF8'))
""",
    """
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
END $$
""",
)
_NAMES = (
    "okr_record",
    "okr_audit_personal_digest",
    "okr_audit_hash",
)
# Not of what was there before: 0009 sees to that.
_CHECKS = {
    "chained": "lane IS NOT NULL AND place IS NOT NULL AND hash IS NOT NULL",
    "personal": "personal_digest IS NULL OR (before IS NULL AND after IS NULL)",
}
_COLUMNS = {
    "actor_id": sa.Uuid(),
    "personal_digest": sa.LargeBinary(),
    "lane": sa.BigInteger(),
    "place": sa.BigInteger(),
    "hash": sa.LargeBinary(),
}
_PRIVILEGES = (
    "REVOKE ALL ON audit_events, audit_lanes, audit_personal_data FROM okr_service",
    "GRANT SELECT, INSERT ON audit_events TO okr_service",
    "GRANT SELECT, INSERT, UPDATE ON audit_lanes TO okr_service",
    "GRANT SELECT, INSERT, DELETE ON audit_personal_data TO okr_service",
    *(
        statement
        for table in ("audit_lanes", "audit_personal_data")
        for statement in (
            f"CREATE POLICY of_the_tenant ON {table} USING (tenant_id = okr_tenant())",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        )
    ),
)
_DATA_PUT_BACK = """
UPDATE audit_events AS e
   SET before = p.before, after = p.after
  FROM audit_personal_data AS p
 WHERE p.tenant_id = e.tenant_id AND p.event_id = e.id
"""


def upgrade() -> None:
    op.create_table(
        "audit_lanes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("lane", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("length", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("hash", sa.LargeBinary(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "lane", name=op.f("audit_lanes_pkey")),
        postgresql_with={"fillfactor": 50},
    )
    _create_personal_data()
    for name, type_ in _COLUMNS.items():
        op.add_column("audit_events", sa.Column(name, type_, nullable=True))
    for name, condition in _CHECKS.items():
        constraint = f"ADD CONSTRAINT audit_events_{name}_check CHECK ({condition}) NOT VALID"
        op.execute(f"ALTER TABLE audit_events {constraint}")
    for function in _FUNCTIONS:
        op.execute(function)
    for statement in _PRIVILEGES:
        op.execute(statement)


def _create_personal_data() -> None:
    op.create_table(
        "audit_personal_data",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("before", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("after", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "event_id"],
            ["audit_events.tenant_id", "audit_events.id"],
            name=op.f("audit_personal_data_tenant_id_event_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "event_id", name=op.f("audit_personal_data_pkey")),
    )
    op.create_index(
        op.f("audit_personal_data_tenant_id_person_id_idx"),
        "audit_personal_data",
        ["tenant_id", "person_id"],
    )


def downgrade() -> None:
    for name in _CHECKS:
        op.drop_constraint(f"audit_events_{name}_check", "audit_events")
    op.execute(_DATA_PUT_BACK)
    for name in _NAMES:
        op.execute(f"DROP FUNCTION {name}")
    for name in reversed(_COLUMNS):
        op.drop_column("audit_events", name)
    op.drop_table("audit_personal_data")
    op.drop_table("audit_lanes")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON audit_events TO okr_service")
