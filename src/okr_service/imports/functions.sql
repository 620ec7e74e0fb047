-- What an import asks of PostgreSQL on behalf of the tables' owner. Migrations install
-- these; a test compares what is installed with this file.

-- Look at the tables that an import fills, as they are in its own transaction. What was
-- known of them before says nothing of a tenant whose first file is being loaded, and a
-- batch would be looked up by reading all that came before it. Who else looks at a table
-- meanwhile is not waited for.
CREATE FUNCTION okr_take_stock() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    ANALYZE (SKIP_LOCKED)
        public.objectives (
            tenant_id, id, external_id, parent_id, unit_id, owner_id, cycle_id, deleted_at),
        public.key_results (
            tenant_id, id, external_id, objective_id, owner_id, feeds_id, deleted_at),
        public.planned_values (tenant_id, key_result_id, on_date),
        public.check_ins (tenant_id, id, key_result_id, external_id, author_id, observed_at),
        public.action_plans (tenant_id, id, external_id, key_result_id, owner_id),
        public.actions (tenant_id, id, external_id, action_plan_id, owner_id);
END $$;
