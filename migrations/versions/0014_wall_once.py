"""Ask for the tenant once in a statement, not for each row that something else is looked up for.

A subquery of its own is worked out once, where PostgreSQL would otherwise put the function's
body into the filter of every scan, those of correlated subqueries included.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLES = (
    "action_plans",
    "actions",
    "api_key_uses",
    "api_keys",
    "audit_events",
    "audit_lanes",
    "audit_personal_data",
    "check_ins",
    "cycles",
    "idempotent_answers",
    "identity_providers",
    "key_results",
    "objectives",
    "people",
    "planned_values",
    "progress_history",
    "request_counts",
    "tenants",
    "units",
)


def upgrade() -> None:
    _let("tenant_id = (SELECT okr_tenant())")


def downgrade() -> None:
    _let("tenant_id = okr_tenant()")


def _let(condition: str) -> None:
    for table in _TABLES:
        op.execute(f"ALTER POLICY of_the_tenant ON {table} USING ({condition})")
