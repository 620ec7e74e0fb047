"""The wall between tenants, as it stands in the database, and who stands behind it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import ForeignKeyConstraint, Table, text
from sqlalchemy.exc import DBAPIError
from tests.build import Build
from tests.calling import client
from tests.conftest import API_KEY_SECRET, new_tenant, stop

from okr_service import models
from okr_service.kernel.database import SERVICE_ROLE, Database
from okr_service.kernel.servers import database_url
from okr_service.kernel.translating import sqlstate
from okr_service.main import create_app
from okr_service.settings import Settings

_TABLES = list(models.METADATA.sorted_tables)
_ALL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
_FEWER = {
    "alembic_version": {"SELECT"},
    "audit_events": {"SELECT", "INSERT"},
    "audit_lanes": {"SELECT", "INSERT", "UPDATE"},
    "audit_personal_data": {"SELECT", "INSERT", "DELETE"},
}
# The one function that shows rows of other tenants: a token's issuer tells whose it is.
_SHOWS_OTHERS = "okr_identity_providers"
# They look at the tables of all tenants: for PostgreSQL's own use, and for jobs that are missing.
# They say nothing, or how many.
_SHOW_NOTHING = {"okr_take_stock", "okr_put_hourly"}
_BEHIND_THE_WALL = {
    "okr_units_found",
    "okr_people_found",
    "okr_objectives_found",
    "okr_key_results_found",
    "okr_people_of_address",
}

_WALL = text(
    """
    SELECT c.relname, c.relrowsecurity AS has_wall, p.polcmd = '*' AS for_all,
           p.polpermissive AS permissive, p.polroles = '{0}' AS for_everyone,
           pg_get_expr(p.polqual, p.polrelid) AS seen, p.polwithcheck IS NULL AS as_seen
      FROM pg_class AS c
      LEFT JOIN pg_policy AS p ON p.polrelid = c.oid
     WHERE c.relnamespace = CAST('public' AS regnamespace) AND c.relkind IN ('r', 'p')
    """
)
_GRANTS = text(
    """
    SELECT c.relname, array_agg(CAST(granted.privilege_type AS text)) AS privileges
      FROM pg_class AS c
     CROSS JOIN LATERAL aclexplode(c.relacl) AS granted
     WHERE c.relnamespace = CAST('public' AS regnamespace)
       AND granted.grantee IN (0, CAST(:role AS regrole))
     GROUP BY c.relname
    """
)
_OF_COLUMNS = text(
    "SELECT count(*) FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid"
    " WHERE c.relnamespace = CAST('public' AS regnamespace) AND a.attacl IS NOT NULL"
)
_ROLE = text(
    "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin,"
    " rolinherit, rolconfig IS NOT NULL FROM pg_roles WHERE rolname = :role"
)
_BELONGING_TO_ROLE = text(
    """
    SELECT (SELECT count(*) FROM pg_shdepend
             WHERE refobjid = CAST(:role AS regrole) AND deptype = 'o')
         + (SELECT count(*) FROM pg_auth_members WHERE member = CAST(:role AS regrole))
    """
)
_ON_BEHALF_OF_OWNER = text(
    "SELECT proname FROM pg_proc WHERE pronamespace = CAST('public' AS regnamespace) AND prosecdef"
)

# What one who got hold of the service's connection would try.
_ESCAPES = (
    "CREATE TABLE loot (id int)",
    "CREATE SCHEMA loot",
    "CREATE FUNCTION loot() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE EXTENSION dblink",
    "CREATE ROLE loot",
    "TRUNCATE check_ins",
    "DROP TABLE check_ins",
    "ALTER TABLE objectives DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE objectives OWNER TO okr_service",
    "DROP POLICY of_the_tenant ON objectives",
    "CREATE POLICY loot ON objectives USING (true)",
    "CREATE TRIGGER loot BEFORE INSERT ON objectives EXECUTE FUNCTION suppress_redundant_updates()",
    "ALTER ROLE okr_service BYPASSRLS",
    "ALTER FUNCTION okr_tenant() OWNER TO okr_service",
    "CREATE OR REPLACE FUNCTION okr_tenant() RETURNS uuid LANGUAGE sql RETURN NULL",
    "SET session_replication_role = replica",
    "COPY objectives TO PROGRAM 'cat'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT * FROM elsewhere.secrets",
    "SELECT * FROM pg_authid",
    "SET ROLE elsewhere_owner",
    "SET SESSION AUTHORIZATION elsewhere_owner",
    "SET row_security = off; SELECT * FROM objectives",
    "UPDATE alembic_version SET version_num = '0001'",
)


_OF_THE_TENANT = "(tenant_id = ( SELECT okr_tenant() AS okr_tenant))"


async def test_every_table_has_its_wall(database: Database) -> None:
    async with database.reading() as connection:
        found = {row.relname: row for row in await connection.execute(_WALL)}
    assert set(found) == {table.name for table in _TABLES} | {"alembic_version"}
    del found["alembic_version"]
    for name, row in found.items():
        assert tuple(row)[1:] == (True, True, True, True, _OF_THE_TENANT, True), name


async def test_the_service_is_granted_what_it_needs_and_nobody_else_anything(
    database: Database,
) -> None:
    async with database.reading() as connection:
        granted = await connection.execute(_GRANTS, {"role": SERVICE_ROLE})
        found = {row.relname: set(row.privileges) for row in granted}
        assert await connection.scalar(_OF_COLUMNS) == 0
    assert found == {table.name: _ALL for table in _TABLES} | _FEWER


async def test_the_service_s_role_has_no_powers_of_its_own(database: Database) -> None:
    async with database.reading() as connection:
        assert not any((await connection.execute(_ROLE, {"role": SERVICE_ROLE})).one())
        assert await connection.scalar(_BELONGING_TO_ROLE, {"role": SERVICE_ROLE}) == 0


async def test_what_looks_on_the_owner_s_behalf_is_known(database: Database) -> None:
    async with database.reading() as connection:
        found = set(await connection.scalars(_ON_BEHALF_OF_OWNER))
    assert found == {*_BEHIND_THE_WALL, _SHOWS_OTHERS, *_SHOW_NOTHING}


@pytest.mark.parametrize("table", _TABLES, ids=lambda table: table.name)
def test_no_link_leads_into_another_tenant(table: Table) -> None:
    assert "tenant_id" in table.primary_key.columns
    for constraint in table.constraints:
        if isinstance(constraint, ForeignKeyConstraint):
            pairs = [(link.parent.name, link.column.name) for link in constraint.elements]
            assert ("tenant_id", "tenant_id") in pairs, constraint.name


@pytest.fixture(scope="module")
async def mere_member(own_database_url: str, worker_id: str) -> str:
    """Return the URL of a login that may do nothing but act as the service."""
    url, name = database_url(own_database_url), f"okr_member_{worker_id}"
    owner = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(owner)
    await connection.execute(
        f"""
        DROP ROLE IF EXISTS {name};
        CREATE ROLE {name} LOGIN NOINHERIT IN ROLE {SERVICE_ROLE};
        DO $$ BEGIN CREATE ROLE elsewhere_owner; EXCEPTION WHEN duplicate_object THEN END $$;
        CREATE SCHEMA elsewhere;
        CREATE TABLE elsewhere.secrets (id int);
        """
    )
    await connection.close()
    return url.set(username=name).render_as_string(hide_password=False)


@pytest.fixture
async def behind(mere_member: str) -> AsyncIterator[Database]:
    """Return the module's database as the service sees it, logged in as a mere member."""
    database = Database(Settings(database_url=mere_member))
    yield database
    await database.close()


@pytest.mark.parametrize("attempt", _ESCAPES)
async def test_there_is_no_way_around_the_wall(behind: Database, attempt: str) -> None:
    with pytest.raises(DBAPIError) as refused:
        await _try(behind, attempt)
    assert sqlstate(refused.value) == "42501"


async def _try(database: Database, attempt: str) -> None:
    async with database.transaction() as tx:
        for statement in attempt.split("; "):
            await tx.execute(text(statement))


async def test_leaving_the_role_gains_nothing(behind: Database) -> None:
    for leave in ("SET LOCAL ROLE NONE", "RESET ROLE", "RESET SESSION AUTHORIZATION"):
        async with behind.transaction() as tx:
            await tx.execute(text(leave))
            if await tx.scalar(text("SELECT current_user")) != SERVICE_ROLE:
                with pytest.raises(DBAPIError, match="permission denied"):
                    await tx.execute(text("SELECT * FROM objectives"))
            await tx.rollback()


async def test_the_service_works_for_a_login_that_is_a_mere_member(
    own_database_url: str, mere_member: str
) -> None:
    owner = Database.as_owner(Settings(database_url=own_database_url))
    tenant = await new_tenant(owner)
    await owner.close()
    app = create_app(Settings(database_url=mere_member, api_key_secret=API_KEY_SECRET))
    async with client(app, tenant.key) as rest:
        build = Build(rest)
        objective = await build.objective()
        await build.check_in(await build.key_result(objective), 50)
        assert await build.progress(objective) == 0.5
        assert (await rest.get("/readyz")).status_code == 200
    await stop(app)
