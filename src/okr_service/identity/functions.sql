-- The functions by which tokens are recognised. A migration installs them; a test compares
-- what is installed with this file.

-- Which provider answers for a token of this issuer, for one of these audiences? There is at
-- most one for each audience, for the index on (issuer, audience) is unique among the proven.
-- A token for several is the one's that was proven first: who proves another of its audiences
-- later must not keep its owner out.
--
-- The one question that cannot name a tenant: its answer is the tenant. It runs as the
-- tables' owner, for the caller may see nothing before it is known whose token it holds;
-- its names were bound when it was made, and its search path is fixed all the same.
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
       AND p.proven_at IS NOT NULL AND p.enabled
     ORDER BY p.proven_at, p.id
     LIMIT 1;
END;

-- Who has this e-mail address? Letters outside ASCII are not folded: they must not make two
-- addresses one. Row-level security keeps a statement of the service's from the index, so
-- this looks on the owner's behalf, and behind the same wall.
CREATE FUNCTION okr_people_of_address(tenant uuid, address text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT id FROM people
     WHERE tenant_id = tenant AND tenant = okr_tenant()
       AND lower(email COLLATE "C") = lower(address COLLATE "C");
END;
