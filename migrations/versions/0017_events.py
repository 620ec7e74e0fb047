"""The outbox: events appended by the writes themselves, and the feed that they are read from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# As in okr_service/events/functions.sql when this was written.
_FUNCTIONS = (
    """
CREATE FUNCTION okr_objective_of(tenant uuid, subject text, subject_id uuid, said jsonb)
RETURNS uuid LANGUAGE plpgsql STABLE AS $$
DECLARE
    plan uuid;
    key_result uuid;
BEGIN
    CASE subject
        WHEN 'objective' THEN
            RETURN subject_id;
        WHEN 'key_result' THEN
            key_result := subject_id;
        WHEN 'check_in' THEN
            key_result := said ->> 'key_result_id';
            IF key_result IS NULL THEN
                SELECT c.key_result_id INTO key_result
                  FROM check_ins AS c
                 WHERE c.tenant_id = tenant AND c.id = subject_id;
            END IF;
        WHEN 'action', 'action_plan' THEN
            plan := CASE subject WHEN 'action_plan' THEN subject_id ELSE coalesce(
                (SELECT a.action_plan_id FROM actions AS a
                  WHERE a.tenant_id = tenant AND a.id = subject_id),
                CAST(said ->> 'action_plan_id' AS uuid)) END;
            key_result := coalesce(
                (SELECT p.key_result_id FROM action_plans AS p
                  WHERE p.tenant_id = tenant AND p.id = plan),
                CAST(said ->> 'key_result_id' AS uuid));
        ELSE
            RETURN NULL;
    END CASE;
    RETURN (SELECT k.objective_id FROM key_results AS k
             WHERE k.tenant_id = tenant AND k.id = key_result);
END $$
""",
    """
CREATE FUNCTION okr_publish(tenant uuid, changes jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO events (tenant_id, id, type, subject_id, objective_id, before, after)
    SELECT tenant, c.id, c.type, c.subject_id,
           coalesce(
               c.objective_id,
               okr_objective_of(tenant, c.subject, c.subject_id, coalesce(c.after, c.before))),
           c.before, c.after
      FROM jsonb_to_recordset(changes) AS c (
           id uuid, type text, subject text, subject_id uuid, objective_id uuid,
           before jsonb, after jsonb)
     WHERE c.type IS NOT NULL AND (c.subject <> 'tenant' OR c.subject_id = tenant);
END $$
""",
    """
CREATE FUNCTION okr_publish_objective_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (tenant_id, id, type, subject_id, objective_id, before, after)
    VALUES (
        NEW.tenant_id, gen_random_uuid(), 'okr.objective.progressed', NEW.id, NEW.id,
        jsonb_build_object('progress', trim_scale(OLD.progress)),
        jsonb_build_object('progress', trim_scale(NEW.progress)));
    RETURN NULL;
END $$
""",
    """
CREATE FUNCTION okr_publish_key_result_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (tenant_id, id, type, subject_id, objective_id, before, after)
    VALUES (
        NEW.tenant_id, gen_random_uuid(), 'okr.key_result.progressed', NEW.id, NEW.objective_id,
        jsonb_build_object(
            'current_value', CAST(trim_scale(OLD.current_value) AS text),
            'observed_at', OLD.observed_at, 'confidence', OLD.confidence,
            'raw_progress', trim_scale(OLD.raw_progress), 'progress', trim_scale(OLD.progress)),
        jsonb_build_object(
            'current_value', CAST(trim_scale(NEW.current_value) AS text),
            'observed_at', NEW.observed_at, 'confidence', NEW.confidence,
            'raw_progress', trim_scale(NEW.raw_progress), 'progress', trim_scale(NEW.progress)));
    RETURN NULL;
END $$
""",
    """
CREATE FUNCTION okr_place_events(tenant uuid, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    last bigint;
    placed integer;
BEGIN
    INSERT INTO event_feeds (tenant_id) VALUES (tenant) ON CONFLICT DO NOTHING;
    SELECT f.last_place INTO last
      FROM event_feeds AS f
     WHERE f.tenant_id = tenant
       FOR NO KEY UPDATE;
    UPDATE events AS e
       SET place = last + next.nth
      FROM (SELECT p.recorded, row_number() OVER (ORDER BY p.place, p.recorded) AS nth
              FROM events AS p
             WHERE p.tenant_id = tenant AND p.place IS NULL
             ORDER BY p.place, p.recorded
             LIMIT most) AS next
     WHERE e.tenant_id = tenant AND e.recorded = next.recorded;
    GET DIAGNOSTICS placed = ROW_COUNT;
    UPDATE event_feeds AS f
       SET last_place = last + placed
     WHERE f.tenant_id = tenant AND placed > 0;
    RETURN placed;
END $$
""",
    """
CREATE FUNCTION okr_forget_events(tenant uuid, older timestamptz, most integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    forgotten bigint;
    until bigint;
    gone integer;
BEGIN
    PERFORM okr_place_events(tenant, most);
    SELECT f.forgotten_place INTO forgotten FROM event_feeds AS f WHERE f.tenant_id = tenant;
    SELECT max(oldest.place) INTO until
      FROM (SELECT e.place, e.occurred_at
              FROM events AS e
             WHERE e.tenant_id = tenant AND e.place > forgotten
             ORDER BY e.place
             LIMIT most) AS oldest
     WHERE oldest.occurred_at < older;
    DELETE FROM events AS e
     WHERE e.tenant_id = tenant AND e.place > forgotten AND e.place <= until;
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE event_feeds AS f
       SET forgotten_place = until
     WHERE f.tenant_id = tenant AND until IS NOT NULL;
    RETURN gone;
END $$
""",
    """
CREATE FUNCTION okr_said_to(
    tenant uuid, said jsonb, reach_units uuid[], reach_person uuid
) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN said ?| '{parent_id,carried_over_from_id,feeds_id}' THEN said || (
        SELECT coalesce(jsonb_object_agg(link.name, NULL), '{}')
          FROM (VALUES
                ('parent_id', CAST(said ->> 'parent_id' AS uuid)),
                ('carried_over_from_id', CAST(said ->> 'carried_over_from_id' AS uuid)),
                ('feeds_id', (
                    SELECT k.objective_id FROM key_results AS k
                     WHERE k.tenant_id = tenant AND k.id = CAST(said ->> 'feeds_id' AS uuid)))
               ) AS link (name, objective_id)
         WHERE said ? link.name
           AND NOT EXISTS (
               SELECT FROM objectives AS o
                WHERE o.tenant_id = tenant AND o.id = link.objective_id
                  AND (NOT o.private
                       OR okr_within(o.unit_id, o.owner_id, reach_units, reach_person)))
    )
    ELSE said
END
""",
)
_NAMES = (
    "okr_objective_of",
    "okr_publish",
    "okr_publish_objective_progress",
    "okr_publish_key_result_progress",
    "okr_place_events",
    "okr_forget_events",
    "okr_said_to",
)


def _figures(row: str) -> str:
    columns = ("current_value", "observed_at", "confidence", "raw_progress")
    return ", ".join(f"{row}.{column}" for column in columns)


# At the end of the transaction, while its rows are held still: after the event that a thing
# was created, even where the audit writes its events together at the end.
_TRIGGERS = {
    "objectives": (
        "UPDATE OF weight_sum, progress_sum",
        "OLD.progress IS DISTINCT FROM NEW.progress",
        "okr_publish_objective_progress",
    ),
    "key_results": (
        "UPDATE",
        f"({_figures('OLD')}) IS DISTINCT FROM ({_figures('NEW')})",
        "okr_publish_key_result_progress",
    ),
}
_TABLES = ("events", "event_feeds")


def upgrade() -> None:
    _create_tables()
    for function in _FUNCTIONS:
        op.execute(function)
    for table, (of, condition, function) in _TRIGGERS.items():
        op.execute(
            f"CREATE CONSTRAINT TRIGGER progress_published AFTER {of} ON {table}"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
            f" WHEN ({condition}) EXECUTE FUNCTION {function}()"
        )
    for table in _TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO okr_service")
        of_tenant = "tenant_id = (SELECT okr_tenant())"
        op.execute(f"CREATE POLICY of_the_tenant ON {table} USING ({of_tenant})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def _create_tables() -> None:
    op.create_table(
        "events",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("recorded", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("objective_id", sa.Uuid(), nullable=True),
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("before", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("after", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "recorded", name=op.f("events_pkey")),
        postgresql_with={"autovacuum_vacuum_scale_factor": "0.05"},
    )
    op.create_index(
        op.f("events_tenant_id_place_recorded_idx"), "events", ["tenant_id", "place", "recorded"]
    )
    op.create_index(
        op.f("events_tenant_id_subject_id_idx"),
        "events",
        ["tenant_id", "subject_id"],
        postgresql_where="objective_id IS NULL",
    )
    op.create_table(
        "event_feeds",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("last_place", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("forgotten_place", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("event_feeds_pkey")),
        postgresql_with={"fillfactor": 50},
    )


def downgrade() -> None:
    for table in _TRIGGERS:
        op.execute(f"DROP TRIGGER progress_published ON {table}")
    for name in reversed(_NAMES):
        op.execute(f"DROP FUNCTION {name}")
    for table in reversed(_TABLES):
        op.drop_table(table)
