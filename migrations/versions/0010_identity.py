"""Identity providers: whose tokens are accepted, and how they name people."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# As in okr_service/identity/functions.sql when this was written.
_FIND = """
CREATE FUNCTION okr_identity_providers(of_issuer text, audiences text[])
RETURNS TABLE (
    tenant_id uuid, id uuid, version bigint, issuer text, audience text, jwks_url text,
    algorithms text[], clock_skew_seconds bigint, person_claim text, person_key text,
    role_claim text, roles jsonb, scope_prefix text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.tenant_id, p.id, p.version, p.issuer, p.audience, p.jwks_url,
           p.algorithms, p.clock_skew_seconds, p.person_claim, p.person_key,
           p.role_claim, p.roles, p.scope_prefix
      FROM identity_providers AS p
     WHERE p.issuer = of_issuer AND p.audience = ANY (audiences)
       AND p.proven_at IS NOT NULL AND p.enabled;
END
"""
_FIND_PEOPLE = """
CREATE FUNCTION okr_people_of_address(tenant uuid, address text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT id FROM people
     WHERE tenant_id = tenant AND tenant = okr_tenant()
       AND lower(email COLLATE "C") = lower(address COLLATE "C");
END
"""
_BY_EMAIL = "people_tenant_id_email_idx"


def upgrade() -> None:
    # First, and such that it can be run again, should the rest be interrupted.
    with op.get_context().autocommit_block():
        op.create_index(
            _BY_EMAIL,
            "people",
            ["tenant_id", sa.text('lower(email COLLATE "C")')],
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    op.create_table(
        "identity_providers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("jwks_url", sa.Text(), nullable=True),
        sa.Column("algorithms", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("clock_skew_seconds", sa.BigInteger(), nullable=False),
        sa.Column("person_claim", sa.Text(), nullable=False),
        sa.Column("person_key", sa.Text(), nullable=False),
        sa.Column("role_claim", sa.Text(), nullable=True),
        sa.Column("roles", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("scope_prefix", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "person_key IN ('external_id', 'email')",
            name=op.f("identity_providers_person_key_check"),
        ),
        sa.CheckConstraint(
            "clock_skew_seconds BETWEEN 0 AND 300",
            name=op.f("identity_providers_clock_skew_seconds_check"),
        ),
        sa.CheckConstraint(
            "cardinality(algorithms) > 0 AND algorithms <@ ARRAY['RS256', 'RS384', 'RS512', "
            "'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']",
            name=op.f("identity_providers_algorithms_check"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenants.tenant_id"],
            name=op.f("identity_providers_tenant_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("identity_providers_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "external_id", name=op.f("identity_providers_tenant_id_external_id_key")
        ),
    )
    op.create_index(
        op.f("identity_providers_issuer_audience_idx"),
        "identity_providers",
        ["issuer", "audience"],
        unique=True,
        postgresql_where=sa.text("proven_at IS NOT NULL"),
    )
    op.execute(_FIND)
    op.execute(_FIND_PEOPLE)
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON identity_providers TO okr_service")
    op.execute("CREATE POLICY of_the_tenant ON identity_providers USING (tenant_id = okr_tenant())")
    op.execute("ALTER TABLE identity_providers ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.execute("DROP FUNCTION okr_people_of_address(uuid, text)")
    op.execute("DROP FUNCTION okr_identity_providers(text, text[])")
    op.drop_table("identity_providers")
    with op.get_context().autocommit_block():
        op.drop_index(_BY_EMAIL, "people", postgresql_concurrently=True, if_exists=True)
