"""Give the audit events that were there before 0008 their places in chains, and index them.

Tenant by tenant, in the order of their ids, 5,000 to a transaction, each of which holds
only the events it writes and the lane they are in. Each step can be run again, should it
be interrupted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ADOPT = """
DO $$
DECLARE
    tenant uuid;
    taken audit_lanes;
    event audit_events;
    last uuid;
    salt bytea;
BEGIN
    FOR tenant IN SELECT tenant_id FROM tenants LOOP
        last := '00000000-0000-0000-0000-000000000000';
        LOOP
            taken := NULL;
            FOR event IN
                SELECT e.*
                  FROM audit_events AS e
                 WHERE e.tenant_id = tenant AND e.id > last AND e.lane IS NULL
                 ORDER BY e.id
                 LIMIT 5000
            LOOP
                IF taken.lane IS NULL THEN
                    SELECT l.* INTO taken
                      FROM audit_lanes AS l
                     WHERE l.tenant_id = tenant
                     ORDER BY l.lane
                     LIMIT 1
                       FOR NO KEY UPDATE SKIP LOCKED;
                END IF;
                IF taken.lane IS NULL THEN
                    INSERT INTO audit_lanes AS l (tenant_id) VALUES (tenant)
                    RETURNING l.* INTO taken;
                END IF;
                taken.length := taken.length + 1;
                IF event.subject = 'person'
                   AND num_nonnulls(event.before, event.after) > 0 THEN
                    salt := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
                    event.personal_digest :=
                        okr_audit_personal_digest(salt, event.before, event.after);
                    INSERT INTO audit_personal_data (
                        tenant_id, event_id, person_id, salt, before, after)
                    VALUES (
                        tenant, event.id, event.subject_id, salt, event.before, event.after);
                    event.before := NULL;
                    event.after := NULL;
                END IF;
                taken.hash := okr_audit_hash(
                    taken.hash, tenant, taken.lane, taken.length, event.id, event.occurred_at,
                    NULL, event.credential, event.request_id, event.action, event.subject,
                    event.subject_id, event.before, event.after, event.personal_digest);
                UPDATE audit_events AS e
                   SET lane = taken.lane, place = taken.length, hash = taken.hash,
                       before = event.before, after = event.after,
                       personal_digest = event.personal_digest
                 WHERE e.tenant_id = tenant AND e.id = event.id;
                last := event.id;
            END LOOP;
            EXIT WHEN taken.lane IS NULL;
            UPDATE audit_lanes AS l
               SET length = taken.length, hash = taken.hash
             WHERE l.tenant_id = tenant AND l.lane = taken.lane;
            COMMIT;
        END LOOP;
    END LOOP;
END $$
"""
_CHECKS = ("chained", "personal")
_COLUMNS = ("lane", "place", "hash")
_PLACE = "audit_events_tenant_id_lane_place_key"
_INDEXES = (
    (["occurred_at", "id"], None),
    (["request_id"], None),
    (["actor_id", "occurred_at"], "actor_id IS NOT NULL"),
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(_ADOPT)
        _index(_PLACE, ["lane", "place"], unique=True)
        for columns, condition in _INDEXES:
            where = None if condition is None else sa.text(condition)
            _index(_name(columns), columns, postgresql_where=where)
    for name in _CHECKS:
        op.execute(f"ALTER TABLE audit_events VALIDATE CONSTRAINT audit_events_{name}_check")
    # By the checks, PostgreSQL knows already what it would read the table for.
    for column in _COLUMNS:
        op.alter_column("audit_events", column, nullable=False)
    op.execute(f"ALTER TABLE audit_events ADD CONSTRAINT {_PLACE} UNIQUE USING INDEX {_PLACE}")


def _name(columns: list[str]) -> str:
    return f"audit_events_tenant_id_{'_'.join(columns)}_idx"


def _index(name: str, columns: list[str], **more: object) -> None:
    op.create_index(
        op.f(name),
        "audit_events",
        ["tenant_id", *columns],
        postgresql_concurrently=True,
        if_not_exists=True,
        **more,
    )


def downgrade() -> None:
    for columns, _ in _INDEXES:
        op.drop_index(op.f(_name(columns)), "audit_events")
    op.drop_constraint(op.f(_PLACE), "audit_events")
    for column in _COLUMNS:
        op.alter_column("audit_events", column, nullable=True)
