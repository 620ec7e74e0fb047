"""Count requests, by credential, tenant and client address."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "request_counts",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "subject", "window_start", name=op.f("request_counts_pkey")
        ),
        prefixes=["UNLOGGED"],
    )
    op.create_index(
        op.f("request_counts_tenant_id_window_start_idx"),
        "request_counts",
        ["tenant_id", "window_start"],
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON request_counts TO okr_service")
    op.execute("CREATE POLICY of_the_tenant ON request_counts USING (tenant_id = okr_tenant())")
    op.execute("ALTER TABLE request_counts ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("request_counts")
