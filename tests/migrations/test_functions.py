"""The functions in the database are those that are written down."""

import re
from importlib.resources import files

import pytest
from sqlalchemy import func, select, text

from okr_service.kernel.database import Database, Transaction

_WRITTEN = {
    room: files(f"okr_service.{room}").joinpath("functions.sql").read_text("utf-8")
    for room in (
        *("access", "identity", "rollup", "audit", "events", "imports"),
        "broker",
        "reminders",
    )
}
FUNCTIONS = [
    (room, name)
    for room, script in _WRITTEN.items()
    for name in re.findall(r"CREATE FUNCTION (okr_\w+)", script)
]


@pytest.mark.parametrize(("room", "name"), FUNCTIONS)
async def test_the_installed_functions_are_as_written(
    database: Database, room: str, name: str
) -> None:
    async with database.transaction() as tx:
        installed = await _definition(tx, "public", name)
        await tx.execute(text("CREATE SCHEMA as_written"))
        await tx.execute(text("SET LOCAL search_path TO as_written, public"))
        await _run(tx, _WRITTEN[room])
        written = await _definition(tx, "as_written", name)
        await tx.rollback()

    assert installed == written


async def _definition(tx: Transaction, schema: str, name: str) -> str:
    named = func.to_regproc(f"{schema}.{name}")
    found = await tx.scalar(select(func.pg_get_functiondef(named)))
    assert isinstance(found, str)
    return found.replace(f"{schema}.{name}", name)


async def _run(tx: Transaction, script: str) -> None:
    pooled = await (await tx.connection()).get_raw_connection()
    assert pooled.driver_connection is not None
    await pooled.driver_connection.execute(script)
