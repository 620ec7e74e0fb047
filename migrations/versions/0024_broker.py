"""Keep how far each tenant's feed is published to a broker, and give each tenant its turn."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_FUNCTION = """
CREATE FUNCTION okr_begin_broker_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO okr_jobs.pgqueuer (priority, status, entrypoint, payload, dedupe_key)
    VALUES (
        0, 'queued', 'broker_turn',
        convert_to(concat(NEW.tenant_id, '/', NEW.tenant_id), 'UTF8'),
        concat('broker_turn ', NEW.tenant_id, '/', NEW.tenant_id));
    RETURN NULL;
END $$;
"""
# After the trigger, which has new tenants wait until this is committed.
_FOR_THOSE_THERE_ARE = """
INSERT INTO okr_jobs.pgqueuer (priority, status, entrypoint, payload, dedupe_key)
SELECT 0, 'queued', 'broker_turn',
       convert_to(concat(t.tenant_id, '/', t.tenant_id), 'UTF8'),
       concat('broker_turn ', t.tenant_id, '/', t.tenant_id)
  FROM tenants AS t
"""


def upgrade() -> None:
    op.create_table(
        "broker_cursors",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("broker_cursors_tenant_id_fkey")
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("broker_cursors_pkey")),
        postgresql_with={"fillfactor": 50},
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON broker_cursors TO okr_service")
    of_tenant = "tenant_id = (SELECT okr_tenant())"
    op.execute(f"CREATE POLICY of_the_tenant ON broker_cursors USING ({of_tenant})")
    op.execute("ALTER TABLE broker_cursors ENABLE ROW LEVEL SECURITY")
    op.execute(_FUNCTION)
    op.execute(
        "CREATE TRIGGER begin_broker_turn AFTER INSERT ON tenants"
        " FOR EACH ROW EXECUTE FUNCTION okr_begin_broker_turn()"
    )
    op.execute(_FOR_THOSE_THERE_ARE)


def downgrade() -> None:
    op.execute("DROP TRIGGER begin_broker_turn ON tenants")
    op.execute("DROP FUNCTION okr_begin_broker_turn()")
    op.drop_table("broker_cursors")
    op.execute("DELETE FROM okr_jobs.pgqueuer WHERE entrypoint = 'broker_turn'")
