"""Value feeds, cadences, health thresholds, daily history, closing with a score."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# As in okr_service/rollup/functions.sql when this was written.
_FUNCTIONS = (
    """
CREATE FUNCTION okr_quotient(part numeric, whole numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN whole <> 0 THEN
        sign(part) * sign(whole) * 0.0000000001
        * div(20000000000 * abs(part) + abs(whole), 2 * abs(whole))
END
""",
    """
CREATE FUNCTION okr_raw_progress(
    metric text, start_value numeric, target_value numeric, target_max numeric,
    current_value numeric, done_weight numeric, action_weight numeric
) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE metric
    WHEN 'increase' THEN coalesce(
        okr_ratio(current_value - start_value, target_value - start_value), 0)
    WHEN 'decrease' THEN coalesce(
        okr_ratio(current_value - start_value, target_value - start_value), 0)
    WHEN 'at_least' THEN coalesce((current_value >= target_value)::int, 0)
    WHEN 'at_most' THEN coalesce((current_value <= target_value)::int, 0)
    WHEN 'between' THEN coalesce((current_value BETWEEN target_value AND target_max)::int, 0)
    WHEN 'boolean' THEN coalesce(okr_ratio(current_value, 1), 0)
    WHEN 'actions' THEN coalesce(okr_ratio(done_weight, action_weight), 0)
END
""",
    """
CREATE FUNCTION okr_elapsed(first_day date, last_day date, on_day date) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN on_day >= last_day THEN 1
    WHEN on_day <= first_day THEN 0
    ELSE okr_ratio(on_day - first_day, last_day - first_day)
END
""",
    """
CREATE FUNCTION okr_planned_value(
    tenant uuid, key_result uuid, start_value numeric, first_day date, on_day date
) RETURNS numeric LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    before record;
    after record;
BEGIN
    SELECT p.on_date, p.value INTO after
      FROM planned_values AS p
     WHERE p.tenant_id = tenant AND p.key_result_id = key_result
     ORDER BY p.on_date DESC
     LIMIT 1;
    IF after.on_date IS NULL OR after.on_date <= on_day THEN
        RETURN after.value;
    END IF;
    SELECT p.on_date, p.value INTO after
      FROM planned_values AS p
     WHERE p.tenant_id = tenant AND p.key_result_id = key_result AND p.on_date > on_day
     ORDER BY p.on_date
     LIMIT 1;
    SELECT p.on_date, p.value INTO before
      FROM planned_values AS p
     WHERE p.tenant_id = tenant AND p.key_result_id = key_result AND p.on_date <= on_day
     ORDER BY p.on_date DESC
     LIMIT 1;
    IF before.on_date IS NULL THEN
        SELECT first_day AS on_date, coalesce(start_value, 0) AS value INTO before;
    END IF;
    IF on_day <= before.on_date THEN
        RETURN before.value;
    END IF;
    RETURN before.value + okr_quotient(
        (after.value - before.value) * (on_day - before.on_date),
        after.on_date - before.on_date);
END $$
""",
    """
CREATE FUNCTION okr_expected_progress(
    metric text, start_value numeric, target_value numeric, target_max numeric,
    planned_value numeric, first_day date, last_day date, on_day date
) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN planned_value IS NULL OR metric = 'actions' THEN okr_elapsed(first_day, last_day, on_day)
    ELSE least(1, greatest(0, okr_raw_progress(
        metric, start_value, target_value, target_max, planned_value, 0, 0)))
END
""",
    """
CREATE FUNCTION okr_health(
    progress numeric, expected numeric, ahead numeric, on_track numeric, behind numeric
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN progress IS NULL THEN 'unmeasured'
    WHEN progress - expected >= ahead THEN 'ahead'
    WHEN progress - expected >= on_track THEN 'on_track'
    WHEN progress - expected >= behind THEN 'behind'
    ELSE 'at_risk'
END
""",
    """
CREATE FUNCTION okr_check_in_due(
    cadence text, first_day date, last_day date, observed_at timestamptz
) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN (observed_at AT TIME ZONE 'UTC')::date >= last_day THEN NULL
    ELSE least(
        (greatest((observed_at AT TIME ZONE 'UTC')::date, first_day)
         + CASE cadence
               WHEN 'weekly' THEN interval '7 days'
               WHEN 'every_two_weeks' THEN interval '14 days'
               WHEN 'monthly' THEN interval '1 month'
           END)::date,
        CASE WHEN cadence IS NOT NULL THEN last_day END)
END
""",
    """
CREATE FUNCTION okr_fed_value(
    tenant uuid, key_result uuid, how text, OUT value numeric, OUT observed_at timestamptz
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE how
               WHEN 'sum' THEN sum(coalesce(k.current_value, k.start_value))
               WHEN 'average' THEN okr_quotient(
                   sum(coalesce(k.current_value, k.start_value)),
                   count(coalesce(k.current_value, k.start_value)))
               WHEN 'min' THEN min(coalesce(k.current_value, k.start_value))
               WHEN 'max' THEN max(coalesce(k.current_value, k.start_value))
           END,
           max(k.observed_at)
      FROM key_results AS k
      JOIN objectives AS o ON o.tenant_id = tenant AND o.id = k.objective_id
     WHERE k.tenant_id = tenant AND k.feeds_id = key_result AND k.deleted_at IS NULL
       AND o.state IN ('active', 'closed') AND o.deleted_at IS NULL
$$
""",
    """
CREATE FUNCTION okr_refeed(
    tenant uuid, key_result uuid,
    OUT objective uuid, OUT weight numeric, OUT was numeric, OUT now_is numeric
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    SELECT k.progress INTO was
      FROM key_results AS k
     WHERE k.tenant_id = tenant AND k.id = key_result
       FOR NO KEY UPDATE;
    UPDATE key_results AS k
       SET current_value = fed.value, observed_at = fed.observed_at, confidence = NULL
      FROM (SELECT s.aggregate FROM key_results AS s
             WHERE s.tenant_id = tenant AND s.id = key_result) AS own
     CROSS JOIN LATERAL okr_fed_value(tenant, key_result, own.aggregate) AS fed
     WHERE k.tenant_id = tenant AND k.id = key_result AND k.source = 'children'
    RETURNING k.objective_id, k.weight, k.progress INTO objective, weight, now_is;
END $$
""",
)
_OKR_BUMP = """
CREATE OR REPLACE FUNCTION okr_bump(
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
    IF now_is IS DISTINCT FROM was THEN
        INSERT INTO progress_history AS h (tenant_id, objective_id, on_date, progress)
        VALUES (tenant, objective, (clock_timestamp() AT TIME ZONE 'UTC')::date, now_is)
        ON CONFLICT (tenant_id, objective_id, on_date) DO UPDATE SET progress = excluded.progress;
    END IF;
    parent_weight_change := share * ((now_is IS NOT NULL)::int - (was IS NOT NULL)::int);
    parent_progress_change := share * (coalesce(now_is, 0) - coalesce(was, 0));
END $$
"""
_OKR_BUMP_BEFORE = """
CREATE OR REPLACE FUNCTION okr_bump(
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
_SOURCE = """CASE source
                WHEN 'check_ins' THEN metric <> 'actions' AND aggregate IS NULL
                WHEN 'actions' THEN metric = 'actions' AND aggregate IS NULL AND feeds_id IS NULL
                WHEN 'children' THEN metric <> 'actions'
                    AND (aggregate IN ('sum', 'average', 'min', 'max')) IS TRUE
                ELSE false
            END"""
_CADENCE = "cadence IN ('weekly', 'every_two_weeks', 'monthly')"
_HEALTH = "behind_from < on_track_from AND on_track_from < ahead_from"
# Checked in a second step, so that nobody waits while a table is read.
_CHECKS = (
    ("objectives", "objectives_final_score_check", "final_score BETWEEN 0 AND 1"),
    ("key_results", "key_results_source_check", _SOURCE),
    ("key_results", "key_results_cadence_check", _CADENCE),
    ("cycles", "cycles_cadence_check", _CADENCE),
    ("tenants", "tenants_health_check", _HEALTH),
)
_LINKS = (("objectives", "carried_over_from_id"), ("key_results", "feeds_id"))
_SIGNATURES = (
    "okr_refeed(uuid, uuid)",
    "okr_fed_value(uuid, uuid, text)",
    "okr_check_in_due(text, date, date, timestamptz)",
    "okr_health(numeric, numeric, numeric, numeric, numeric)",
    "okr_expected_progress(text, numeric, numeric, numeric, numeric, date, date, date)",
    "okr_planned_value(uuid, uuid, numeric, date, date)",
    "okr_elapsed(date, date, date)",
    "okr_raw_progress(text, numeric, numeric, numeric, numeric, numeric, numeric)",
    "okr_quotient(numeric, numeric)",
)


def upgrade() -> None:
    _add_columns()
    op.create_table(
        "progress_history",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("objective_id", sa.Uuid(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("progress", sa.Numeric(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "objective_id"],
            ["objectives.tenant_id", "objectives.id"],
            name=op.f("progress_history_tenant_id_objective_id_fkey"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "objective_id", "on_date", name=op.f("progress_history_pkey")
        ),
        postgresql_with={"fillfactor": 80},
    )
    op.execute("UPDATE key_results SET source = 'actions' WHERE metric = 'actions'")
    for table, name, condition in _CHECKS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    for table, column in _LINKS:
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_tenant_id_{column}_fkey "
            f"FOREIGN KEY (tenant_id, {column}) REFERENCES {table} (tenant_id, id) NOT VALID"
        )
    for function in (*_FUNCTIONS, _OKR_BUMP):
        op.execute(function)


def _add_columns() -> None:
    columns = {
        "tenants": [
            sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
            sa.Column("ahead_from", sa.Numeric(), server_default="0.05", nullable=False),
            sa.Column("on_track_from", sa.Numeric(), server_default="-0.1", nullable=False),
            sa.Column("behind_from", sa.Numeric(), server_default="-0.25", nullable=False),
            sa.Column(
                "updated_at",
                sa.DateTime(timezone=True),
                server_default=sa.text("now()"),
                nullable=False,
            ),
        ],
        "cycles": [sa.Column("cadence", sa.Text(), nullable=True)],
        "objectives": [
            sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
            sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("final_score", sa.Numeric(), nullable=True),
            sa.Column("retrospective", sa.Text(), server_default="", nullable=False),
            sa.Column("carried_over_from_id", sa.Uuid(), nullable=True),
        ],
        "key_results": [
            sa.Column("cadence", sa.Text(), nullable=True),
            sa.Column("source", sa.Text(), server_default="check_ins", nullable=False),
            sa.Column("aggregate", sa.Text(), nullable=True),
            sa.Column("feeds_id", sa.Uuid(), nullable=True),
        ],
    }
    for table, added in columns.items():
        for column in added:
            op.add_column(table, column)


def downgrade() -> None:
    op.execute(_OKR_BUMP_BEFORE)
    for signature in _SIGNATURES:
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_table("progress_history")
    for table, name, _ in _CHECKS:
        op.drop_constraint(name, table)
    for table, column in _LINKS:
        op.drop_constraint(f"{table}_tenant_id_{column}_fkey", table)
    added = {
        "key_results": ("feeds_id", "aggregate", "source", "cadence"),
        "objectives": (
            "carried_over_from_id",
            "retrospective",
            "final_score",
            "closed_at",
            "position",
        ),
        "cycles": ("cadence",),
        "tenants": ("updated_at", "behind_from", "on_track_from", "ahead_from", "version"),
    }
    for table, columns in added.items():
        for name in columns:
            op.drop_column(table, name)
