"""Keep webhooks: the addresses that tenants want told, and what each is told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_TABLES = ("webhooks", "webhook_deliveries")
_MOMENT = sa.DateTime(timezone=True)
_NOW = sa.text("now()")


def upgrade() -> None:
    _create_webhooks()
    _create_deliveries()
    for table in _TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO okr_service")
        of_tenant = "tenant_id = (SELECT okr_tenant())"
        op.execute(f"CREATE POLICY of_the_tenant ON {table} USING ({of_tenant})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("include_private", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_at", _MOMENT, nullable=True),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("secret_number", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("previous_secret_until", _MOMENT, nullable=True),
        sa.Column("turn_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("failing_since", _MOMENT, nullable=True),
        sa.Column("paused_until", _MOMENT, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.CheckConstraint(
            "disabled_reason IN ('failing', 'gone')",
            name=op.f("webhooks_disabled_reason_check"),
        ),
        sa.CheckConstraint(
            "disabled_reason IS NULL OR NOT enabled", name=op.f("webhooks_disabled_check")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("webhooks_tenant_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "unit_id"],
            ["units.tenant_id", "units.id"],
            name=op.f("webhooks_tenant_id_unit_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("webhooks_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "external_id", name=op.f("webhooks_tenant_id_external_id_key")
        ),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index(
        op.f("webhooks_tenant_id_unit_id_idx"),
        "webhooks",
        ["tenant_id", "unit_id"],
        postgresql_where=sa.text("unit_id IS NOT NULL"),
    )


def _create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("line", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("due_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("first_attempt_at", _MOMENT, nullable=True),
        sa.Column("last_attempt_at", _MOMENT, nullable=True),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'delivered', 'dead')",
            name=op.f("webhook_deliveries_state_check"),
        ),
        sa.CheckConstraint(
            "(finished_at IS NULL) = (state = 'waiting')",
            name=op.f("webhook_deliveries_finished_check"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "webhook_id"],
            ["webhooks.tenant_id", "webhooks.id"],
            name=op.f("webhook_deliveries_tenant_id_webhook_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("webhook_deliveries_pkey")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        op.f("webhook_deliveries_tenant_id_webhook_id_line_place_idx"),
        "webhook_deliveries",
        ["tenant_id", "webhook_id", "line", "place"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    for columns in (["created_at", "id"], ["finished_at"]):
        named = ["tenant_id", "webhook_id", *columns]
        op.create_index(
            op.f(f"webhook_deliveries_{'_'.join(named)}_idx"), "webhook_deliveries", named
        )


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
    op.execute("DELETE FROM okr_jobs.pgqueuer WHERE entrypoint = 'webhook_turn'")
