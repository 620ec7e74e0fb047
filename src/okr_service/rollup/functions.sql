-- The arithmetic of the rollup inside PostgreSQL. Migrations install these; a test
-- compares what is installed with this file.

-- part / whole, exactly, rounded half away from zero to the 6 decimals of a
-- progress; null where there is nothing to divide by. `round(part / whole, 6)` would
-- round twice, for the quotient of two numerics is already rounded; div() truncates
-- the exact one.
CREATE FUNCTION okr_ratio(part numeric, whole numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN whole <> 0 THEN
        sign(part) * sign(whole) * 0.000001
        * div(2000000 * abs(part) + abs(whole), 2 * abs(whole))
END;

-- The same to the 10 decimals of a figure.
CREATE FUNCTION okr_quotient(part numeric, whole numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN whole <> 0 THEN
        sign(part) * sign(whole) * 0.0000000001
        * div(20000000000 * abs(part) + abs(whole), 2 * abs(whole))
END;

-- A key result's raw progress at some value: what the generated column of that name
-- says of the current one.
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
END;

-- The share of the time from one day to another that has passed on a third.
CREATE FUNCTION okr_elapsed(first_day date, last_day date, on_day date) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN on_day >= last_day THEN 1
    WHEN on_day <= first_day THEN 0
    ELSE okr_ratio(on_day - first_day, last_day - first_day)
END;

-- The value that a key result should have on a day by its plan: on the straight
-- line from the planned value before to the one after, the first line from its
-- start; the last planned value from then on. Null where it has no plan.
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
END $$;

-- The progress that a key result should have on a day: that of its planned value,
-- else the share of its time that has passed.
CREATE FUNCTION okr_expected_progress(
    metric text, start_value numeric, target_value numeric, target_max numeric,
    planned_value numeric, first_day date, last_day date, on_day date
) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN planned_value IS NULL OR metric = 'actions' THEN okr_elapsed(first_day, last_day, on_day)
    ELSE least(1, greatest(0, okr_raw_progress(
        metric, start_value, target_value, target_max, planned_value, 0, 0)))
END;

-- How progress stands against what was expected, by a tenant's thresholds: the least
-- difference that is ahead, on track, behind.
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
END;

-- The day on which a key result is to be reported on next, by its cadence; the last
-- report of all is due on its last day. Null where none is due any more.
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
END;

-- The aggregate of the values that feed a key result, and when the newest of them
-- was seen. A key result without a report counts with its start value, one without
-- either not at all, nor those of objectives that do not count.
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
$$;

-- Give a key result the aggregate of what feeds it, and say how its progress changed.
-- What feeds it is read after its row is locked, so that whoever waited for the row
-- counts what was committed meanwhile.
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
END $$;

-- Add a change to the sums of one objective and say what that changes in its
-- parent's. The figures before are worked out from the row just locked, so the
-- change is exact whatever other transactions did while this one waited. A change
-- of progress is the objective's point in its history for the day on which the row
-- was locked, not that on which the transaction began.
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
    IF now_is IS DISTINCT FROM was THEN
        INSERT INTO progress_history AS h (tenant_id, objective_id, on_date, progress)
        VALUES (tenant, objective, (clock_timestamp() AT TIME ZONE 'UTC')::date, now_is)
        ON CONFLICT (tenant_id, objective_id, on_date) DO UPDATE SET progress = excluded.progress;
    END IF;
    parent_weight_change := share * ((now_is IS NOT NULL)::int - (was IS NOT NULL)::int);
    parent_progress_change := share * (coalesce(now_is, 0) - coalesce(was, 0));
END $$;
