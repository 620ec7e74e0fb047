"""API keys: bound to people, rotated, hashed with a secret, and when they were last used.

Keys made before are hashed without the service's secret and cannot be recognised any
more: they are marked as revoked.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ROLE = "okr_service"
_LINKS = (("person_id", "people"), ("replaces_id", "api_keys"))


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("person_id", sa.Uuid(), nullable=True))
    op.add_column("api_keys", sa.Column("replaces_id", sa.Uuid(), nullable=True))
    for column, table in _LINKS:
        op.create_foreign_key(
            op.f(f"api_keys_tenant_id_{column}_fkey"),
            "api_keys",
            table,
            ["tenant_id", column],
            ["tenant_id", "id"],
            postgresql_not_valid=True,
        )
    op.execute("UPDATE api_keys SET revoked_at = now() WHERE revoked_at IS NULL")
    op.create_table(
        "api_key_uses",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "api_key_id"],
            ["api_keys.tenant_id", "api_keys.id"],
            name=op.f("api_key_uses_tenant_id_api_key_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "api_key_id", name=op.f("api_key_uses_pkey")),
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON api_key_uses TO {_ROLE}")
    op.execute("CREATE POLICY of_the_tenant ON api_key_uses USING (tenant_id = okr_tenant())")
    op.execute("ALTER TABLE api_key_uses ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("api_key_uses")  # with its policy and grants
    for column, _ in reversed(_LINKS):
        op.drop_constraint(op.f(f"api_keys_tenant_id_{column}_fkey"), "api_keys")
        op.drop_column("api_keys", column)
    # The keys stay revoked: as they are hashed now, nobody would recognise them.
