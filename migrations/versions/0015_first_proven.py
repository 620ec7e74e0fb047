"""Let the provider that was proven first answer for a token of several audiences."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_FIND = """
CREATE OR REPLACE FUNCTION okr_identity_providers(of_issuer text, audiences text[])
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
       AND p.proven_at IS NOT NULL AND p.enabled
     ORDER BY p.proven_at, p.id
     LIMIT 1;
END;
"""
_FIRST = "\n     ORDER BY p.proven_at, p.id\n     LIMIT 1"


def upgrade() -> None:
    op.execute(_FIND)


def downgrade() -> None:
    op.execute(_FIND.replace(_FIRST, ""))
