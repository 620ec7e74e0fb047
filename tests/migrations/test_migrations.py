"""Migrations go up, down and up again, equal the models, and are safe to run."""

import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import create_async_engine
from tests.migrations.test_functions import FUNCTIONS

from okr_service.kernel.migrations import (
    check_drift,
    migrate,
    migration_sql,
    revisions,
    unmigrate,
)
from okr_service.kernel.servers import database_url
from okr_service.models import METADATA


async def _tables(url: str) -> set[str]:
    plain = database_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    rows = await connection.fetch("SELECT relname FROM pg_class WHERE relkind = 'r'")
    functions = await connection.fetch("SELECT proname FROM pg_proc WHERE proname LIKE 'okr_%'")
    await connection.close()
    names = {row["relname"] for row in rows} & set(METADATA.tables)
    return names | {row["proname"] for row in functions}


def test_migrations_go_up_and_down_and_equal_the_models(empty_database_url: str) -> None:
    import asyncio  # noqa: PLC0415 - alembic runs its own loop, so this test has none

    migrate(empty_database_url)
    check_drift(empty_database_url)
    up = asyncio.run(_tables(empty_database_url))
    assert up == set(METADATA.tables) | {name for _, name in FUNCTIONS}
    unmigrate(empty_database_url, "base")
    assert asyncio.run(_tables(empty_database_url)) == set()
    migrate(empty_database_url)
    check_drift(empty_database_url)
    migrate(empty_database_url)
    assert asyncio.run(_tables(empty_database_url)) == up


@pytest.mark.parametrize(("after", "until"), list(pairwise(["base", *revisions()])))
def test_migrations_are_safe_on_a_live_database(tmp_path: Path, after: str, until: str) -> None:
    printed = StringIO()
    with redirect_stdout(printed):
        migration_sql(after, until)
    file = tmp_path / "migration.sql"
    file.write_text(printed.getvalue())
    squawk = Path(sys.executable).parent / "squawk"
    # Alembic's own table has a varchar; the models' text columns are `text`.
    command = [str(squawk), "--reporter", "Gcc", "--pg-version", "15.0"]
    command += ["--exclude", "prefer-text-field", str(file)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "alembic_version" in printed.getvalue()
    assert judged.returncode == 0, judged.stdout


async def test_every_foreign_key_is_indexed_and_leads_with_the_tenant(settings: object) -> None:
    url = settings.database_url.get_secret_value()  # type: ignore[attr-defined] # a Settings
    engine = create_async_engine(database_url(url))
    async with engine.connect() as connection:
        for table in METADATA.tables:
            missing = await connection.run_sync(_unindexed, table)
            assert missing == [], (table, missing)
    await engine.dispose()


def _unindexed(connection: object, table: str) -> list[list[str]]:
    found = inspect(connection)
    indexes = [index["column_names"] for index in found.get_indexes(table)]
    indexes += [key["column_names"] for key in found.get_unique_constraints(table)]
    indexes.append(found.get_pk_constraint(table)["constrained_columns"])
    keys = [key["constrained_columns"] for key in found.get_foreign_keys(table)]
    assert all(columns[0] == "tenant_id" for columns in keys)
    return [key for key in keys if not any(index[: len(key)] == key for index in indexes)]
