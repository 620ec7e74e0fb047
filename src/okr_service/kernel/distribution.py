"""Sharding the tables by tenant on a Citus cluster, unchanged.

Each table leads its keys by `tenant_id`, and so does what refers to it; a tenant's rows are
together on one node, where its statements and triggers run. What must be unique among all
tenants (whose issuer it is) is in a reference table, which each node has whole, and loses its
link to `tenants`. The queue of jobs and alembic's table stay on the coordinator. Run again, it
distributes what was added since.

What is asked of Citus is in its reference (docs.citusdata.com, "Citus Utility Functions"):
foreign keys only between tables that are distributed, triggers only by
`citus.enable_unsafe_triggers` (they touch nothing but their tenant's rows, on the same node),
and of settings it passes on to the nodes only those of `SET LOCAL`, by which the wall is told
its tenant: so the service is run with `OKR_POOLED=true` against it.
"""

from dataclasses import dataclass

from sqlalchemy import text

from okr_service.kernel.database import Transaction
from okr_service.kernel.model import Model

_FIRST = "tenants"
_HAS_CITUS = text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')")
_SETTINGS = (
    """DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET citus.enable_unsafe_triggers = on',
                       current_database());
        EXECUTE format('ALTER DATABASE %I SET citus.propagate_set_commands = %L',
                       current_database(), 'local');
    END $$""",
    "SET LOCAL citus.enable_unsafe_triggers = on",
    "SET LOCAL citus.multi_shard_modify_mode = 'sequential'",
)
_DISTRIBUTED = text("SELECT CAST(table_name AS text) FROM citus_tables")
_LINKS = text("""
    SELECT format('%I', r.relname) AS of, format('%I', c.conname) AS name,
           pg_get_constraintdef(c.oid) AS definition
      FROM pg_constraint AS c
      JOIN pg_class AS r ON r.oid = c.conrelid
     WHERE c.contype = 'f' AND r.relname = ANY (:tables)
     ORDER BY r.relname, c.conname
""")
_DISTRIBUTE = text("""
    SELECT create_distributed_table(
        CAST(:of AS regclass), 'tenant_id', colocate_with => :colocate_with)
""")
_WITH_A_KEY_OF_ALL = text("""
    SELECT DISTINCT r.relname
      FROM pg_index AS i
      JOIN pg_class AS r ON r.oid = i.indrelid
     WHERE i.indisunique AND r.relname = ANY (:tables)
       AND NOT EXISTS (SELECT FROM pg_attribute AS a
                        WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                          AND a.attname = 'tenant_id')
""")
_REFER = text("SELECT create_reference_table(CAST(:of AS regclass))")
_FUNCTIONS = text("""
    SELECT CAST(CAST(p.oid AS regprocedure) AS text) AS signature,
           p.proargnames[1] = 'tenant' AS of_tenant
      FROM pg_proc AS p
     WHERE p.proname LIKE 'okr\\_%' AND p.pronamespace = current_schema()::regnamespace
     ORDER BY 1
""")
_DISTRIBUTE_FUNCTION = text("""
    SELECT create_distributed_function(
        CAST(:signature AS regprocedure), 'tenant', colocate_with => 'tenants')
""")
_COPY_FUNCTION = text("SELECT create_distributed_function(CAST(:signature AS regprocedure))")


class NoCitus(Exception):
    """The database has no extension `citus`."""


@dataclass(frozen=True)
class _Link:
    of: str
    name: str
    definition: str


async def distribute(tx: Transaction) -> list[str]:
    """Distribute all tables that are not yet, by their tenant; returns their names.

    Raises:
        NoCitus: the server is no node of a cluster.
    """
    if not await tx.scalar(_HAS_CITUS):
        raise NoCitus
    there = set(await tx.scalars(_DISTRIBUTED))
    wanted = sorted(set(Model.metadata.tables) - there, key=lambda name: (name != _FIRST, name))
    for statement in _SETTINGS:
        await tx.execute(text(statement))
    # Two tables may refer to each other, and each must be distributed before the other.
    links = [_Link(*row) for row in await tx.execute(_LINKS, {"tables": wanted})]
    everywhere = set(await tx.scalars(_WITH_A_KEY_OF_ALL, {"tables": wanted}))
    for link in links:
        await tx.execute(text(f"ALTER TABLE {link.of} DROP CONSTRAINT {link.name}"))
    for name in wanted:
        if name in everywhere:
            await tx.execute(_REFER, {"of": name})
        else:
            beside = "none" if name == _FIRST else _FIRST
            await tx.execute(_DISTRIBUTE, {"of": name, "colocate_with": beside})
    for link in links:
        if link.of not in everywhere:
            added = f"ALTER TABLE {link.of} ADD CONSTRAINT {link.name} {link.definition}"
            await tx.execute(text(added))
    for signature, of_tenant in (await tx.execute(_FUNCTIONS)).all():
        how = _DISTRIBUTE_FUNCTION if of_tenant else _COPY_FUNCTION
        await tx.execute(how, {"signature": signature})
    return wanted
