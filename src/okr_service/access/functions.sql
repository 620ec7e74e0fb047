-- The functions that the walls between tenants, and around what is private, stand on. The
-- migrations made them; this is how they are now.

-- Whose rows may be seen and written here? Told by the service as it begins a transaction
-- or takes a connection; none where nobody was told.
CREATE FUNCTION okr_tenant() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CAST(nullif(current_setting('okr.tenant_id', true), '') AS uuid);

-- Does what belongs to a unit and an owner lie within a caller's reach (kernel/reach.py)?
-- No list of units stands for everything.
CREATE FUNCTION okr_within(unit_id uuid, owner_id uuid, reach_units uuid[], reach_person uuid)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN reach_units IS NULL OR unit_id = ANY (reach_units)
    OR coalesce(owner_id = reach_person, false);

-- Which rows hold these words? Row-level security keeps the full-text index from being used,
-- for `@@` might tell something of rows that it then hides; so these look on the owner's
-- behalf, and behind the same wall.
CREATE FUNCTION okr_units_found(tenant uuid, words tsquery) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
BEGIN ATOMIC
    SELECT id FROM units WHERE tenant_id = tenant AND tenant = okr_tenant() AND search @@ words;
END;

CREATE FUNCTION okr_people_found(tenant uuid, words tsquery) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
BEGIN ATOMIC
    SELECT id FROM people WHERE tenant_id = tenant AND tenant = okr_tenant() AND search @@ words;
END;

CREATE FUNCTION okr_objectives_found(tenant uuid, words tsquery) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
BEGIN ATOMIC
    SELECT id FROM objectives
     WHERE tenant_id = tenant AND tenant = okr_tenant() AND search @@ words;
END;

CREATE FUNCTION okr_key_results_found(tenant uuid, words tsquery) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
BEGIN ATOMIC
    SELECT id FROM key_results
     WHERE tenant_id = tenant AND tenant = okr_tenant() AND search @@ words;
END;
