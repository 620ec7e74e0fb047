"""Check what was there before against the constraints that 0002 added, without blocking."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CONSTRAINTS = (
    ("objectives", "objectives_final_score_check"),
    ("objectives", "objectives_tenant_id_carried_over_from_id_fkey"),
    ("key_results", "key_results_source_check"),
    ("key_results", "key_results_cadence_check"),
    ("key_results", "key_results_tenant_id_feeds_id_fkey"),
    ("cycles", "cycles_cadence_check"),
    ("tenants", "tenants_health_check"),
)


def upgrade() -> None:
    for table, name in _CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def downgrade() -> None:
    pass  # there is no unchecking; 0002 drops them
