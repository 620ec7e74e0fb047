"""Sharding by tenant: what Citus is asked for, by functions of its names that note it.

There is no cluster here. What these tests hold is what a cluster demands of a schema: every
key and every link of every table leads by the tenant.
"""

import pytest
from sqlalchemy import text

from okr_service.kernel.database import Database
from okr_service.kernel.distribution import NoCitus, distribute
from okr_service.kernel.model import Model

_CITUS = (
    """INSERT INTO pg_extension
    SELECT 99999999, 'citus', extowner, extnamespace, false, '12.1', NULL, NULL
      FROM pg_extension LIMIT 1""",
    """CREATE TABLE asked (nth serial, name text, by_column text, beside text)""",
    """CREATE VIEW citus_tables AS SELECT CAST(name AS regclass) AS table_name FROM asked
     WHERE by_column IN ('tenant_id', 'all')""",
    """CREATE FUNCTION create_reference_table(of regclass) RETURNS void LANGUAGE sql AS $$
        INSERT INTO asked (name, by_column) VALUES (of, 'all') $$""",
    """CREATE FUNCTION create_distributed_table(of regclass, by text, colocate_with text)
    RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = of) THEN
            RAISE 'it refers to a table that may not be distributed yet';
        END IF;
        INSERT INTO asked (name, by_column, beside) VALUES (of, by, colocate_with);
    END $$""",
    """CREATE FUNCTION create_distributed_function(
        of regprocedure, by text DEFAULT NULL, colocate_with text DEFAULT NULL)
    RETURNS void LANGUAGE sql AS $$
        INSERT INTO asked (name, by_column, beside) VALUES (of, by, colocate_with) $$""",
)
_OF_ALL = "identity_providers_issuer_audience_idx"  # an issuer is one tenant's
_EVERYWHERE = {"identity_providers"}
_LINKS = text("""
    SELECT c.conname, pg_get_constraintdef(c.oid), c.conrelid::regclass::text
      FROM pg_constraint AS c
     WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace ORDER BY 1, 2
""")
_KEYS_WITHOUT_TENANT = text("""
    SELECT i.indexrelid::regclass::text
      FROM pg_index AS i
      JOIN pg_class AS r ON r.oid = i.indrelid
     WHERE (i.indisunique OR i.indisexclusion) AND r.relname = ANY (:tables)
       AND (SELECT attname FROM pg_attribute
             WHERE attrelid = i.indrelid AND attnum = i.indkey[0]) IS DISTINCT FROM 'tenant_id'
""")


async def test_every_key_and_link_leads_by_the_tenant(own_database: Database) -> None:
    async with own_database.reading() as connection:
        of = {"tables": list(Model.metadata.tables)}
        assert (await connection.scalars(_KEYS_WITHOUT_TENANT, of)).all() == [_OF_ALL]
        links = (await connection.execute(_LINKS)).all()
    assert links
    for name, definition, _ in links:
        assert definition.startswith("FOREIGN KEY (tenant_id"), name
        assert "(tenant_id" in definition.partition("REFERENCES")[2], name


async def test_all_tables_and_functions_are_distributed_once(own_database: Database) -> None:
    async with own_database.transaction() as tx:
        with pytest.raises(NoCitus):
            await distribute(tx)
    async with own_database.transaction() as tx:
        for statement in _CITUS:
            await tx.execute(text(statement))
        before = (await tx.execute(_LINKS)).all()
        assert set(await distribute(tx)) == set(Model.metadata.tables)
        after = (await tx.execute(_LINKS)).all()
        assert set(before) - set(after) == {link for link in before if link[2] in _EVERYWHERE}
        assert set(after) <= set(before)
        rows = (await tx.execute(text("SELECT name, by_column, beside FROM asked"))).all()
        assert {row.name for row in rows if row.by_column == "all"} == _EVERYWHERE
        tables = [tuple(row) for row in rows if row.by_column == "tenant_id"]
        assert tables[0] == ("tenants", "tenant_id", "none")
        assert {row[2] for row in tables[1:]} == {"tenants"}
        functions = [row for row in rows if row.name.startswith("okr_")]
        assert ("okr_publish(uuid,jsonb)", "tenant", "tenants") in [tuple(r) for r in functions]
        assert ("okr_ratio(numeric,numeric)", None, None) in [tuple(r) for r in functions]
        assert await distribute(tx) == []
        await tx.rollback()
