"""What SCIM alone knows of people: their user names, the client's keys, parts of their names."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scim_users",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=True),
        sa.Column(
            "folded_user_name",
            sa.Text(),
            sa.Computed("lower(normalize(user_name))", persisted=True),
            nullable=True,
        ),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("formatted", sa.Text(), nullable=True),
        sa.Column("family_name", sa.Text(), nullable=True),
        sa.Column("given_name", sa.Text(), nullable=True),
        sa.Column("middle_name", sa.Text(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("scim_users_tenant_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "person_id"],
            ["people.tenant_id", "people.id"],
            name=op.f("scim_users_tenant_id_person_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "person_id", name=op.f("scim_users_pkey")),
    )
    op.create_index(
        op.f("scim_users_tenant_id_folded_user_name_idx"),
        "scim_users",
        ["tenant_id", "folded_user_name"],
        unique=True,
    )
    op.create_index(
        op.f("scim_users_tenant_id_external_id_idx"), "scim_users", ["tenant_id", "external_id"]
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON scim_users TO okr_service")
    of_tenant = "tenant_id = (SELECT okr_tenant())"
    op.execute(f"CREATE POLICY of_the_tenant ON scim_users USING ({of_tenant})")
    op.execute("ALTER TABLE scim_users ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("scim_users")
