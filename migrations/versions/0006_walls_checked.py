"""Check what was there before against the constraint that 0005 added, without blocking."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE people VALIDATE CONSTRAINT people_role_check")


def downgrade() -> None:
    pass  # there is no unchecking; 0005 drops it
