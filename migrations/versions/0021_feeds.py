"""Metric feeds: the systems that push readings, what is mapped to what, and the readings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_TABLES = ("metric_feeds", "feed_mappings", "feed_readings")
_MADE_BY = ("feed_mapping_id", "feed_reading_id")


def upgrade() -> None:
    _create_feeds()
    _create_mappings()
    _create_readings()
    for column in _MADE_BY:
        op.add_column("check_ins", sa.Column(column, sa.Uuid(), nullable=True))
    for table in _TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO okr_service")
        of_tenant = "tenant_id = (SELECT okr_tenant())"
        op.execute(f"CREATE POLICY of_the_tenant ON {table} USING ({of_tenant})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _create_feeds() -> None:
    op.create_table(
        "metric_feeds",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("utc_offset_minutes", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        _now("created_at"),
        _now("updated_at"),
        sa.CheckConstraint(
            "utc_offset_minutes BETWEEN -840 AND 840",
            name=op.f("metric_feeds_utc_offset_minutes_check"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("metric_feeds_tenant_id_fkey")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("metric_feeds_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "external_id", name=op.f("metric_feeds_tenant_id_external_id_key")
        ),
    )


def _create_mappings() -> None:
    op.create_table(
        "feed_mappings",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("feed_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("dimensions", postgresql.JSONB(), nullable=False),
        sa.Column("series", sa.Uuid(), nullable=False),
        sa.Column("key_result_id", sa.Uuid(), nullable=False),
        sa.Column("aggregation", sa.Text(), nullable=False),
        sa.Column("factor", sa.Numeric(), nullable=False),
        sa.Column("offset", sa.Numeric(), nullable=False),
        sa.Column("negated", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        _now("created_at"),
        _now("updated_at"),
        sa.CheckConstraint(
            "aggregation IN ('latest', 'sum', 'average')",
            name=op.f("feed_mappings_aggregation_check"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "feed_id"],
            ["metric_feeds.tenant_id", "metric_feeds.id"],
            name=op.f("feed_mappings_tenant_id_feed_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "key_result_id"],
            ["key_results.tenant_id", "key_results.id"],
            name=op.f("feed_mappings_tenant_id_key_result_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("feed_mappings_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "external_id", name=op.f("feed_mappings_tenant_id_external_id_key")
        ),
        sa.UniqueConstraint(
            "tenant_id", "key_result_id", name=op.f("feed_mappings_tenant_id_key_result_id_key")
        ),
    )
    for column in ("feed_id", "series"):
        name = op.f(f"feed_mappings_tenant_id_{column}_idx")
        op.create_index(name, "feed_mappings", ["tenant_id", column])


def _create_readings() -> None:
    reasons = (
        "'no_mapping', 'outside_cycle', 'cycle_closed', 'objective_ended',"
        " 'takes_no_check_ins', 'not_zero_or_one', 'value_out_of_range'"
    )
    op.create_table(
        "feed_readings",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("feed_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("dimensions", postgresql.JSONB(), nullable=False),
        sa.Column("series", sa.Uuid(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reading_id", sa.Text(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(f"reason IN ({reasons})", name=op.f("feed_readings_reason_check")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "feed_id"],
            ["metric_feeds.tenant_id", "metric_feeds.id"],
            name=op.f("feed_readings_tenant_id_feed_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("feed_readings_pkey")),
        sa.UniqueConstraint(
            "tenant_id",
            "feed_id",
            "metric",
            "observed_at",
            "reading_id",
            name=op.f("feed_readings_known_by_key"),
        ),
    )
    op.create_index(
        op.f("feed_readings_tenant_id_series_observed_at_idx"),
        "feed_readings",
        ["tenant_id", "series", "observed_at"],
    )
    op.create_index(
        op.f("feed_readings_tenant_id_feed_id_id_idx"),
        "feed_readings",
        ["tenant_id", "feed_id", "id"],
        postgresql_where=sa.text("reason IS NOT NULL"),
    )
    op.create_index(
        op.f("feed_readings_tenant_id_feed_id_received_at_idx"),
        "feed_readings",
        ["tenant_id", "feed_id", "received_at"],
        postgresql_where=sa.text("reason IN ('no_mapping', 'outside_cycle')"),
    )


def downgrade() -> None:
    for column in reversed(_MADE_BY):
        op.drop_column("check_ins", column)
    for table in reversed(_TABLES):
        op.drop_table(table)
