-- How events are appended, placed in the feed and forgotten inside PostgreSQL;
-- `okr_service/events/__init__.py` says what for. Migrations install these; a test compares
-- what is installed with this file.

-- Which objective does a thing hang from, by which it is seen or not? What was just deleted
-- is looked up by what is said of it. Null for what everybody sees.
CREATE FUNCTION okr_objective_of(tenant uuid, subject text, subject_id uuid, said jsonb)
RETURNS uuid LANGUAGE plpgsql STABLE AS $$
DECLARE
    plan uuid;
    key_result uuid;
BEGIN
    CASE subject
        WHEN 'objective' THEN
            RETURN subject_id;
        WHEN 'key_result' THEN
            key_result := subject_id;
        WHEN 'check_in' THEN
            key_result := said ->> 'key_result_id';
            IF key_result IS NULL THEN
                SELECT c.key_result_id INTO key_result
                  FROM check_ins AS c
                 WHERE c.tenant_id = tenant AND c.id = subject_id;
            END IF;
        WHEN 'action', 'action_plan' THEN
            plan := CASE subject WHEN 'action_plan' THEN subject_id ELSE coalesce(
                (SELECT a.action_plan_id FROM actions AS a
                  WHERE a.tenant_id = tenant AND a.id = subject_id),
                CAST(said ->> 'action_plan_id' AS uuid)) END;
            key_result := coalesce(
                (SELECT p.key_result_id FROM action_plans AS p
                  WHERE p.tenant_id = tenant AND p.id = plan),
                CAST(said ->> 'key_result_id' AS uuid));
        ELSE
            RETURN NULL;
    END CASE;
    RETURN (SELECT k.objective_id FROM key_results AS k
             WHERE k.tenant_id = tenant AND k.id = key_result);
END $$;

-- Append the events of changes, those that have a type, in the order in which they were made.
-- That it took on another tenant an operator is told by the audit alone.
CREATE FUNCTION okr_publish(tenant uuid, changes jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO events (tenant_id, id, type, subject_id, objective_id, before, after)
    SELECT tenant, c.id, c.type, c.subject_id,
           coalesce(
               c.objective_id,
               okr_objective_of(tenant, c.subject, c.subject_id, coalesce(c.after, c.before))),
           c.before, c.after
      FROM jsonb_to_recordset(changes) AS c (
           id uuid, type text, subject text, subject_id uuid, objective_id uuid,
           before jsonb, after jsonb)
     WHERE c.type IS NOT NULL AND (c.subject <> 'tenant' OR c.subject_id = tenant);
END $$;

-- Append the event that an objective's progress changed, whichever write did it.
CREATE FUNCTION okr_publish_objective_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (tenant_id, id, type, subject_id, objective_id, before, after)
    VALUES (
        NEW.tenant_id, gen_random_uuid(), 'okr.objective.progressed', NEW.id, NEW.id,
        jsonb_build_object('progress', trim_scale(OLD.progress)),
        jsonb_build_object('progress', trim_scale(NEW.progress)));
    RETURN NULL;
END $$;

-- Append the event that a key result's figures changed, whichever write did it.
CREATE FUNCTION okr_publish_key_result_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (tenant_id, id, type, subject_id, objective_id, before, after)
    VALUES (
        NEW.tenant_id, gen_random_uuid(), 'okr.key_result.progressed', NEW.id, NEW.objective_id,
        jsonb_build_object(
            'current_value', CAST(trim_scale(OLD.current_value) AS text),
            'observed_at', OLD.observed_at, 'confidence', OLD.confidence,
            'raw_progress', trim_scale(OLD.raw_progress), 'progress', trim_scale(OLD.progress)),
        jsonb_build_object(
            'current_value', CAST(trim_scale(NEW.current_value) AS text),
            'observed_at', NEW.observed_at, 'confidence', NEW.confidence,
            'raw_progress', trim_scale(NEW.raw_progress), 'progress', trim_scale(NEW.progress)));
    RETURN NULL;
END $$;

-- Give the tenant's events that have no place in the feed theirs, so many at most; how many
-- were there? One after the other: who waits for the head sees what was placed meanwhile.
--
-- Ordered by place first, though they have none, so that the index of places is read, and
-- not the table through its key.
CREATE FUNCTION okr_place_events(tenant uuid, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    last bigint;
    placed integer;
BEGIN
    INSERT INTO event_feeds (tenant_id) VALUES (tenant) ON CONFLICT DO NOTHING;
    SELECT f.last_place INTO last
      FROM event_feeds AS f
     WHERE f.tenant_id = tenant
       FOR NO KEY UPDATE;
    UPDATE events AS e
       SET place = last + next.nth
      FROM (SELECT p.recorded, row_number() OVER (ORDER BY p.place, p.recorded) AS nth
              FROM events AS p
             WHERE p.tenant_id = tenant AND p.place IS NULL
             ORDER BY p.place, p.recorded
             LIMIT most) AS next
     WHERE e.tenant_id = tenant AND e.recorded = next.recorded;
    GET DIAGNOSTICS placed = ROW_COUNT;
    UPDATE event_feeds AS f
       SET last_place = last + placed
     WHERE f.tenant_id = tenant AND placed > 0;
    RETURN placed;
END $$;

-- Delete the tenant's oldest events up to the last that is older than some moment, so many
-- at most; how many were there? What goes has had its place, so that no consumer takes what
-- follows for the next.
CREATE FUNCTION okr_forget_events(tenant uuid, older timestamptz, most integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    forgotten bigint;
    until bigint;
    gone integer;
BEGIN
    PERFORM okr_place_events(tenant, most);
    SELECT f.forgotten_place INTO forgotten FROM event_feeds AS f WHERE f.tenant_id = tenant;
    SELECT max(oldest.place) INTO until
      FROM (SELECT e.place, e.occurred_at
              FROM events AS e
             WHERE e.tenant_id = tenant AND e.place > forgotten
             ORDER BY e.place
             LIMIT most) AS oldest
     WHERE oldest.occurred_at < older;
    DELETE FROM events AS e
     WHERE e.tenant_id = tenant AND e.place > forgotten AND e.place <= until;
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE event_feeds AS f
       SET forgotten_place = until
     WHERE f.tenant_id = tenant AND until IS NOT NULL;
    RETURN gone;
END $$;

-- What an event says, for a caller who does not see everything: links to objectives, and to
-- key results of objectives, that they do not see are null.
CREATE FUNCTION okr_said_to(
    tenant uuid, said jsonb, reach_units uuid[], reach_person uuid
) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN said ?| '{parent_id,carried_over_from_id,feeds_id}' THEN said || (
        SELECT coalesce(jsonb_object_agg(link.name, NULL), '{}')
          FROM (VALUES
                ('parent_id', CAST(said ->> 'parent_id' AS uuid)),
                ('carried_over_from_id', CAST(said ->> 'carried_over_from_id' AS uuid)),
                ('feeds_id', (
                    SELECT k.objective_id FROM key_results AS k
                     WHERE k.tenant_id = tenant AND k.id = CAST(said ->> 'feeds_id' AS uuid)))
               ) AS link (name, objective_id)
         WHERE said ? link.name
           AND NOT EXISTS (
               SELECT FROM objectives AS o
                WHERE o.tenant_id = tenant AND o.id = link.objective_id
                  AND (NOT o.private
                       OR okr_within(o.unit_id, o.owner_id, reach_units, reach_person)))
    )
    ELSE said
END;
