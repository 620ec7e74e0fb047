"""Let an import have PostgreSQL look at the tables that it fills, which only their owner may."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# As in okr_service/imports/functions.sql when this was written.
_TAKE_STOCK = """
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
END $$
"""


def upgrade() -> None:
    op.execute(_TAKE_STOCK)


def downgrade() -> None:
    op.execute("DROP FUNCTION okr_take_stock()")
