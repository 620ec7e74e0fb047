"""Reminders: what was told, when a tenant is told, the job of each tenant, and calendars."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# As in okr_service/reminders/functions.sql when this was written.
_PUT = """
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
END
"""
_TABLES = ("reminders", "calendar_addresses")
_SETTINGS = {"reminder_days_ahead": 31, "reminder_hour": 23}
_WALKED = {
    "objectives": (["tenant_id", "id"], "state = 'active' AND deleted_at IS NULL"),
    "actions": (["tenant_id", "due_date", "id"], "state IN ('todo', 'doing')"),
}


def upgrade() -> None:
    # First, and such that it can be run again, should the rest be interrupted.
    with op.get_context().autocommit_block():
        for table, (columns, where) in _WALKED.items():
            op.create_index(
                op.f(f"{table}_{'_'.join(columns)}_idx"),
                table,
                columns,
                postgresql_where=sa.text(where),
                postgresql_concurrently=True,
                if_not_exists=True,
            )
        for setting, most in _SETTINGS.items():
            op.execute(
                f"ALTER TABLE tenants ADD COLUMN IF NOT EXISTS {setting} bigint DEFAULT 1 NOT NULL"
                f" CONSTRAINT tenants_{setting}_check CHECK ({setting} BETWEEN 0 AND {most})"
            )
    _create_tables()
    for table in _TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO okr_service")
        of_tenant = "tenant_id = (SELECT okr_tenant())"
        op.execute(f"CREATE POLICY of_the_tenant ON {table} USING ({of_tenant})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(_PUT)
    op.execute("SELECT okr_put_hourly()")


def _create_tables() -> None:
    op.create_table(
        "reminders",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("overdue", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "due_date", "subject_id", "overdue", name=op.f("reminders_pkey")
        ),
    )
    op.create_table(
        "calendar_addresses",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "person_id"],
            ["people.tenant_id", "people.id"],
            name=op.f("calendar_addresses_tenant_id_person_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("calendar_addresses_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "person_id", name=op.f("calendar_addresses_tenant_id_person_id_key")
        ),
    )
    op.create_index(
        op.f("calendar_addresses_tenant_id_secret_hash_idx"),
        "calendar_addresses",
        ["tenant_id", "secret_hash"],
        unique=True,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION okr_put_hourly()")
    op.execute("DELETE FROM okr_jobs.pgqueuer WHERE entrypoint = 'hourly'")
    for table in reversed(_TABLES):
        op.drop_table(table)
    for setting in reversed(_SETTINGS):
        op.drop_column("tenants", setting)
    with op.get_context().autocommit_block():
        for table, (columns, _) in reversed(_WALKED.items()):
            op.drop_index(
                op.f(f"{table}_{'_'.join(columns)}_idx"),
                table,
                postgresql_concurrently=True,
                if_exists=True,
            )
