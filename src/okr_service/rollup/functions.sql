-- The arithmetic of the rollup inside PostgreSQL. A migration installs these; a
-- test compares what is installed with this file.

-- part / whole, exactly, rounded half away from zero to 6 decimals; null where
-- there is nothing to divide by. `round(part / whole, 6)` would round twice, for
-- the quotient of two numerics is already rounded; div() truncates the exact one.
CREATE FUNCTION okr_ratio(part numeric, whole numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN whole <> 0 THEN
        sign(part) * sign(whole) * 0.000001
        * div(2000000 * abs(part) + abs(whole), 2 * abs(whole))
END;

-- Add a change to the sums of one objective and say what that changes in its
-- parent's. The figures before are worked out from the row just locked, so the
-- change is exact whatever other transactions did while this one waited.
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
END $$;
