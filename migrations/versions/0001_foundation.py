"""Every table of the foundation, and the arithmetic of the rollup."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# As in okr_service/rollup/functions.sql when this was written.
_OKR_RATIO = """
CREATE FUNCTION okr_ratio(part numeric, whole numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN whole <> 0 THEN
        sign(part) * sign(whole) * 0.000001
        * div(2000000 * abs(part) + abs(whole), 2 * abs(whole))
END
"""
_OKR_BUMP = """
CREATE FUNCTION okr_bump(
    tenant uuid, objective uuid, weight_change numeric, progress_change numeric,
    OUT parent uuid, OUT parent_weight_change numeric, OUT parent_progress_change numeric
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    share numeric;
    was numeric;
    now_is numeric;
BEGIN
    UPDATE objectives AS o
       SET weight_sum = o.weight_sum + weight_change,
           progress_sum = o.progress_sum + progress_change
     WHERE o.tenant_id = tenant AND o.id = objective
    RETURNING o.parent_id,
              CASE WHEN o.state IN ('active', 'closed') AND o.deleted_at IS NULL
                   THEN o.weight ELSE 0 END,
              okr_ratio(o.progress_sum - progress_change, o.weight_sum - weight_change),
              o.progress
         INTO parent, share, was, now_is;
    parent_weight_change := share * ((now_is IS NOT NULL)::int - (was IS NOT NULL)::int);
    parent_progress_change := share * (coalesce(now_is, 0) - coalesce(was, 0));
END $$
"""
_RAW_PROGRESS = """CASE metric
    WHEN 'increase' THEN coalesce(
        okr_ratio(current_value - start_value, target_value - start_value), 0)
    WHEN 'decrease' THEN coalesce(
        okr_ratio(current_value - start_value, target_value - start_value), 0)
    WHEN 'at_least' THEN coalesce((current_value >= target_value)::int, 0)
    WHEN 'at_most' THEN coalesce((current_value <= target_value)::int, 0)
    WHEN 'between' THEN coalesce((current_value BETWEEN target_value AND target_max)::int, 0)
    WHEN 'boolean' THEN coalesce(okr_ratio(current_value, 1), 0)
    WHEN 'actions' THEN coalesce(okr_ratio(done_weight, action_weight), 0)
END"""
_FIGURES_FIT_METRIC = """CASE metric
                WHEN 'increase' THEN target_value > start_value IS TRUE
                WHEN 'decrease' THEN target_value < start_value IS TRUE
                WHEN 'at_least' THEN target_value IS NOT NULL
                WHEN 'at_most' THEN target_value IS NOT NULL
                WHEN 'between' THEN target_value <= target_max IS TRUE
                WHEN 'boolean' THEN target_value IS NULL
                WHEN 'actions' THEN target_value IS NULL
                ELSE false
            END"""
_SEARCH = (
    "to_tsvector('simple', lower(translate(regexp_replace("
    "normalize({columns}, NFD), E'[\\u0300-\\u036f]', '', 'g'), 'Đđ', 'dd')))"
)


def upgrade() -> None:
    op.execute(_OKR_RATIO)
    op.execute(_OKR_BUMP)
    op.create_table(
        "audit_events",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column(
            "before", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "after", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("audit_events_pkey")),
    )
    op.create_index(
        op.f("audit_events_tenant_id_subject_id_id_idx"),
        "audit_events",
        ["tenant_id", "subject_id", "id"],
        unique=False,
    )
    op.create_table(
        "idempotent_answers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "caller", "key", name=op.f("idempotent_answers_pkey")),
    )
    op.create_index(
        op.f("idempotent_answers_tenant_id_created_at_idx"),
        "idempotent_answers",
        ["tenant_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("tenants_pkey")),
    )
    op.create_table(
        "api_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("beginning", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("api_keys_tenant_id_fkey")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("api_keys_pkey")),
    )
    op.create_index(
        op.f("api_keys_tenant_id_key_hash_idx"), "api_keys", ["tenant_id", "key_hash"], unique=True
    )
    op.create_table(
        "cycles",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
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
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("cycles_state_check")),
        sa.CheckConstraint("start_date <= end_date", name=op.f("cycles_dates_check")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "parent_id"],
            ["cycles.tenant_id", "cycles.id"],
            name=op.f("cycles_tenant_id_parent_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("cycles_tenant_id_fkey")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("cycles_pkey")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("cycles_tenant_id_code_key")),
        sa.UniqueConstraint(
            "tenant_id", "external_id", name=op.f("cycles_tenant_id_external_id_key")
        ),
    )
    op.create_index(
        op.f("cycles_tenant_id_parent_id_idx"), "cycles", ["tenant_id", "parent_id"], unique=False
    )
    op.create_table(
        "units",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("manager_id", sa.Uuid(), nullable=True),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                _SEARCH.format(columns="name"),
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
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
            "kind IN ('group', 'company', 'department', 'team')", name=op.f("units_kind_check")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "parent_id"],
            ["units.tenant_id", "units.id"],
            name=op.f("units_tenant_id_parent_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("units_tenant_id_fkey")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("units_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "external_id", name=op.f("units_tenant_id_external_id_key")
        ),
    )
    op.create_index(
        op.f("units_search_idx"), "units", ["search"], unique=False, postgresql_using="gin"
    )
    op.create_index(
        op.f("units_tenant_id_manager_id_idx"), "units", ["tenant_id", "manager_id"], unique=False
    )
    op.create_index(
        op.f("units_tenant_id_parent_id_idx"), "units", ["tenant_id", "parent_id"], unique=False
    )
    op.create_table(
        "people",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("job_title", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                _SEARCH.format(columns="name"),
                persisted=True,
            ),
            nullable=False,
        ),
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
        sa.ForeignKeyConstraint(
            ["tenant_id", "unit_id"],
            ["units.tenant_id", "units.id"],
            name=op.f("people_tenant_id_unit_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("people_tenant_id_fkey")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("people_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "external_id", name=op.f("people_tenant_id_external_id_key")
        ),
    )
    op.create_index(
        op.f("people_search_idx"), "people", ["search"], unique=False, postgresql_using="gin"
    )
    op.create_index(
        op.f("people_tenant_id_unit_id_idx"), "people", ["tenant_id", "unit_id"], unique=False
    )
    op.create_foreign_key(
        op.f("units_tenant_id_manager_id_fkey"),
        "units",
        "people",
        ["tenant_id", "manager_id"],
        ["tenant_id", "id"],
    )
    op.create_table(
        "objectives",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("cycle_id", sa.Uuid(), nullable=False),
        sa.Column("weight", sa.Numeric(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ambition", sa.Text(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("links", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("weight_sum", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("progress_sum", sa.Numeric(), server_default="0", nullable=False),
        sa.Column(
            "progress",
            sa.Numeric(),
            sa.Computed("okr_ratio(progress_sum, weight_sum)", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                _SEARCH.format(columns="title || ' ' || description"),
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
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
            "ambition IN ('committed', 'aspirational')", name=op.f("objectives_ambition_check")
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'active', 'closed', 'cancelled')",
            name=op.f("objectives_state_check"),
        ),
        sa.CheckConstraint("weight >= 0", name=op.f("objectives_weight_check")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "cycle_id"],
            ["cycles.tenant_id", "cycles.id"],
            name=op.f("objectives_tenant_id_cycle_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "owner_id"],
            ["people.tenant_id", "people.id"],
            name=op.f("objectives_tenant_id_owner_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "parent_id"],
            ["objectives.tenant_id", "objectives.id"],
            name=op.f("objectives_tenant_id_parent_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "unit_id"],
            ["units.tenant_id", "units.id"],
            name=op.f("objectives_tenant_id_unit_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("objectives_pkey")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        op.f("objectives_search_idx"),
        "objectives",
        ["search"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        op.f("objectives_tenant_id_cycle_id_idx"),
        "objectives",
        ["tenant_id", "cycle_id"],
        unique=False,
    )
    op.create_index(
        "objectives_tenant_id_external_id_key",
        "objectives",
        ["tenant_id", "external_id"],
        unique=True,
        postgresql_where="deleted_at IS NULL",
    )
    op.create_index(
        op.f("objectives_tenant_id_owner_id_idx"),
        "objectives",
        ["tenant_id", "owner_id"],
        unique=False,
    )
    op.create_index(
        op.f("objectives_tenant_id_parent_id_idx"),
        "objectives",
        ["tenant_id", "parent_id"],
        unique=False,
    )
    op.create_index(
        op.f("objectives_tenant_id_unit_id_idx"),
        "objectives",
        ["tenant_id", "unit_id"],
        unique=False,
    )
    op.create_table(
        "key_results",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("objective_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("unit_of_measure", sa.Text(), nullable=True),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("start_value", sa.Numeric(), nullable=True),
        sa.Column("target_value", sa.Numeric(), nullable=True),
        sa.Column("target_max", sa.Numeric(), nullable=True),
        sa.Column("weight", sa.Numeric(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("links", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("current_value", sa.Numeric(), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confidence", sa.Text(), nullable=True),
        sa.Column("action_weight", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("done_weight", sa.Numeric(), server_default="0", nullable=False),
        sa.Column(
            "raw_progress",
            sa.Numeric(),
            sa.Computed(
                _RAW_PROGRESS,
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column(
            "progress",
            sa.Numeric(),
            sa.Computed(
                f"least(greatest({_RAW_PROGRESS}, 0), 1)",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                _SEARCH.format(columns="title"),
                persisted=True,
            ),
            nullable=False,
        ),
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
            _FIGURES_FIT_METRIC,
            name=op.f("key_results_metric_check"),
        ),
        sa.CheckConstraint("weight >= 0", name=op.f("key_results_weight_check")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "objective_id"],
            ["objectives.tenant_id", "objectives.id"],
            name=op.f("key_results_tenant_id_objective_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "owner_id"],
            ["people.tenant_id", "people.id"],
            name=op.f("key_results_tenant_id_owner_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("key_results_pkey")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        op.f("key_results_search_idx"),
        "key_results",
        ["search"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        "key_results_tenant_id_external_id_key",
        "key_results",
        ["tenant_id", "external_id"],
        unique=True,
        postgresql_where="deleted_at IS NULL",
    )
    op.create_index(
        op.f("key_results_tenant_id_objective_id_position_id_idx"),
        "key_results",
        ["tenant_id", "objective_id", "position", "id"],
        unique=False,
    )
    op.create_index(
        op.f("key_results_tenant_id_owner_id_idx"),
        "key_results",
        ["tenant_id", "owner_id"],
        unique=False,
    )
    op.create_table(
        "action_plans",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("key_result_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("expected_result", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
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
        sa.CheckConstraint("start_date <= end_date", name=op.f("action_plans_dates_check")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "key_result_id"],
            ["key_results.tenant_id", "key_results.id"],
            name=op.f("action_plans_tenant_id_key_result_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "owner_id"],
            ["people.tenant_id", "people.id"],
            name=op.f("action_plans_tenant_id_owner_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("action_plans_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "external_id", name=op.f("action_plans_tenant_id_external_id_key")
        ),
    )
    op.create_index(
        op.f("action_plans_tenant_id_key_result_id_idx"),
        "action_plans",
        ["tenant_id", "key_result_id"],
        unique=False,
    )
    op.create_index(
        op.f("action_plans_tenant_id_owner_id_idx"),
        "action_plans",
        ["tenant_id", "owner_id"],
        unique=False,
    )
    op.create_table(
        "check_ins",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("key_result_id", sa.Uuid(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("confidence", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("obstacles", sa.Text(), nullable=False),
        sa.Column("next_steps", sa.Text(), nullable=False),
        sa.Column("next_check_in_date", sa.Date(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("voids_id", sa.Uuid(), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "confidence IN ('on_track', 'at_risk', 'off_track')",
            name=op.f("check_ins_confidence_check"),
        ),
        sa.CheckConstraint(
            "source IN ('person', 'feed', 'import')", name=op.f("check_ins_source_check")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "author_id"],
            ["people.tenant_id", "people.id"],
            name=op.f("check_ins_tenant_id_author_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "key_result_id"],
            ["key_results.tenant_id", "key_results.id"],
            name=op.f("check_ins_tenant_id_key_result_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("check_ins_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "external_id", name=op.f("check_ins_tenant_id_external_id_key")
        ),
    )
    op.create_index(
        "check_ins_latest_idx",
        "check_ins",
        ["tenant_id", "key_result_id", "observed_at", "recorded_at", "id"],
        unique=False,
        postgresql_where="voided_at IS NULL",
    )
    op.create_index(
        op.f("check_ins_tenant_id_author_id_idx"),
        "check_ins",
        ["tenant_id", "author_id"],
        unique=False,
    )
    op.create_index(
        op.f("check_ins_tenant_id_key_result_id_idx"),
        "check_ins",
        ["tenant_id", "key_result_id"],
        unique=False,
    )
    op.create_table(
        "planned_values",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key_result_id", sa.Uuid(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "key_result_id"],
            ["key_results.tenant_id", "key_results.id"],
            name=op.f("planned_values_tenant_id_key_result_id_fkey"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "key_result_id", "on_date", name=op.f("planned_values_pkey")
        ),
    )
    op.create_table(
        "actions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("action_plan_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("weight", sa.Numeric(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
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
            "state IN ('todo', 'doing', 'done', 'cancelled')", name=op.f("actions_state_check")
        ),
        sa.CheckConstraint("weight >= 0", name=op.f("actions_weight_check")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "action_plan_id"],
            ["action_plans.tenant_id", "action_plans.id"],
            name=op.f("actions_tenant_id_action_plan_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "owner_id"],
            ["people.tenant_id", "people.id"],
            name=op.f("actions_tenant_id_owner_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("actions_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "external_id", name=op.f("actions_tenant_id_external_id_key")
        ),
    )
    op.create_index(
        op.f("actions_tenant_id_action_plan_id_idx"),
        "actions",
        ["tenant_id", "action_plan_id"],
        unique=False,
    )
    op.create_index(
        op.f("actions_tenant_id_owner_id_idx"), "actions", ["tenant_id", "owner_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("actions_tenant_id_owner_id_idx"), table_name="actions")
    op.drop_index(op.f("actions_tenant_id_action_plan_id_idx"), table_name="actions")
    op.drop_table("actions")
    op.drop_table("planned_values")
    op.drop_index(op.f("check_ins_tenant_id_key_result_id_idx"), table_name="check_ins")
    op.drop_index(op.f("check_ins_tenant_id_author_id_idx"), table_name="check_ins")
    op.drop_index(
        "check_ins_latest_idx", table_name="check_ins", postgresql_where="voided_at IS NULL"
    )
    op.drop_table("check_ins")
    op.drop_index(op.f("action_plans_tenant_id_owner_id_idx"), table_name="action_plans")
    op.drop_index(op.f("action_plans_tenant_id_key_result_id_idx"), table_name="action_plans")
    op.drop_table("action_plans")
    op.drop_index(op.f("key_results_tenant_id_owner_id_idx"), table_name="key_results")
    op.drop_index(
        op.f("key_results_tenant_id_objective_id_position_id_idx"), table_name="key_results"
    )
    op.drop_index(
        "key_results_tenant_id_external_id_key",
        table_name="key_results",
        postgresql_where="deleted_at IS NULL",
    )
    op.drop_index(op.f("key_results_search_idx"), table_name="key_results", postgresql_using="gin")
    op.drop_table("key_results")
    op.drop_index(op.f("objectives_tenant_id_unit_id_idx"), table_name="objectives")
    op.drop_index(op.f("objectives_tenant_id_parent_id_idx"), table_name="objectives")
    op.drop_index(op.f("objectives_tenant_id_owner_id_idx"), table_name="objectives")
    op.drop_index(
        "objectives_tenant_id_external_id_key",
        table_name="objectives",
        postgresql_where="deleted_at IS NULL",
    )
    op.drop_index(op.f("objectives_tenant_id_cycle_id_idx"), table_name="objectives")
    op.drop_index(op.f("objectives_search_idx"), table_name="objectives", postgresql_using="gin")
    op.drop_table("objectives")
    op.drop_constraint(op.f("units_tenant_id_manager_id_fkey"), "units")
    op.drop_index(op.f("people_tenant_id_unit_id_idx"), table_name="people")
    op.drop_index(op.f("people_search_idx"), table_name="people", postgresql_using="gin")
    op.drop_table("people")
    op.drop_index(op.f("units_tenant_id_parent_id_idx"), table_name="units")
    op.drop_index(op.f("units_tenant_id_manager_id_idx"), table_name="units")
    op.drop_index(op.f("units_search_idx"), table_name="units", postgresql_using="gin")
    op.drop_table("units")
    op.drop_index(op.f("cycles_tenant_id_parent_id_idx"), table_name="cycles")
    op.drop_table("cycles")
    op.drop_index(op.f("api_keys_tenant_id_key_hash_idx"), table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_table("tenants")
    op.drop_index(
        op.f("idempotent_answers_tenant_id_created_at_idx"), table_name="idempotent_answers"
    )
    op.drop_table("idempotent_answers")
    op.drop_index(op.f("audit_events_tenant_id_subject_id_id_idx"), table_name="audit_events")
    op.drop_table("audit_events")
    op.execute("DROP FUNCTION okr_bump(uuid, uuid, numeric, numeric)")
    op.execute("DROP FUNCTION okr_ratio(numeric, numeric)")
