"""Walls: row-level security for a role that cannot bypass it; roles; private objectives.

The service acts as `okr_service`, whichever role it logs in as, and sees the rows of one
tenant at a time. The owner of the tables, who migrates, sees all.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ROLE = "okr_service"
_TABLES = (
    "tenants",
    "api_keys",
    "units",
    "people",
    "cycles",
    "objectives",
    "key_results",
    "planned_values",
    "action_plans",
    "actions",
    "check_ins",
    "progress_history",
    "audit_events",
    "idempotent_answers",
)
# Roles belong to the whole server: another database of it may have made this one, even now.
_MAKE_ROLE = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{_ROLE}') THEN
        CREATE ROLE {_ROLE} NOLOGIN NOINHERIT;
    END IF;
    IF NOT pg_has_role(current_user, '{_ROLE}', 'MEMBER') THEN
        EXECUTE format('GRANT {_ROLE} TO %I', current_user);
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;
END
$$
"""
# As in okr_service/access/functions.sql when this was written.
_FUNCTIONS = (
    """
CREATE FUNCTION okr_tenant() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CAST(nullif(current_setting('okr.tenant_id', true), '') AS uuid)
""",
    """
CREATE FUNCTION okr_within(unit_id uuid, owner_id uuid, reach_units uuid[], reach_person uuid)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN reach_units IS NULL OR unit_id = ANY (reach_units)
    OR coalesce(owner_id = reach_person, false)
""",
    """
CREATE FUNCTION okr_units_found(tenant uuid, words tsquery) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
BEGIN ATOMIC
    SELECT id FROM units WHERE tenant_id = tenant AND tenant = okr_tenant() AND search @@ words;
END
""",
    """
CREATE FUNCTION okr_people_found(tenant uuid, words tsquery) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
BEGIN ATOMIC
    SELECT id FROM people WHERE tenant_id = tenant AND tenant = okr_tenant() AND search @@ words;
END
""",
    """
CREATE FUNCTION okr_objectives_found(tenant uuid, words tsquery) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
BEGIN ATOMIC
    SELECT id FROM objectives
     WHERE tenant_id = tenant AND tenant = okr_tenant() AND search @@ words;
END
""",
    """
CREATE FUNCTION okr_key_results_found(tenant uuid, words tsquery) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
BEGIN ATOMIC
    SELECT id FROM key_results
     WHERE tenant_id = tenant AND tenant = okr_tenant() AND search @@ words;
END
""",
)
_SEARCHED = ("units", "people", "objectives", "key_results")
_SIGNATURES = (
    *(f"okr_{table}_found(uuid, tsquery)" for table in _SEARCHED),
    "okr_within(uuid, uuid, uuid[], uuid)",
    "okr_tenant()",
)


def upgrade() -> None:
    op.execute(_MAKE_ROLE)
    op.add_column("people", sa.Column("role", sa.Text(), server_default="member", nullable=False))
    op.add_column(
        "objectives",
        sa.Column("private", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_check_constraint(
        op.f("people_role_check"),
        "people",
        "role IN ('viewer', 'member', 'planner', 'admin')",
        postgresql_not_valid=True,
    )
    for function in _FUNCTIONS:
        op.execute(function)
    op.execute(f"GRANT SELECT ON alembic_version TO {_ROLE}")
    for table in _TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {_ROLE}")
        op.execute(f"CREATE POLICY of_the_tenant ON {table} USING (tenant_id = okr_tenant())")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        op.execute(f"DROP POLICY of_the_tenant ON {table}")
        op.execute(f"REVOKE ALL ON {table} FROM {_ROLE}")
    op.execute(f"REVOKE ALL ON alembic_version FROM {_ROLE}")
    for signature in _SIGNATURES:
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_constraint("people_role_check", "people")
    op.drop_column("objectives", "private")
    op.drop_column("people", "role")
    # The role stays: other databases of the server may have given it rights.
