"""Check what was there before against the constraints that 0011 added, without blocking."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("person_id", "replaces_id"):
        op.execute(f"ALTER TABLE api_keys VALIDATE CONSTRAINT api_keys_tenant_id_{column}_fkey")


def downgrade() -> None:
    pass  # there is no unchecking; 0011 drops them
