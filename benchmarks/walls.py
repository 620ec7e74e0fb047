"""Measure what the wall between tenants costs: row-level security, and telling the tenant.

The list page (50 objectives with their key results) and single check-ins over HTTP, 8
connections, through one process of the service as it is, against one that acts as the
tables' owner, tells no tenant, and works on a copy of the database with row-level security
disabled. As one tenant, and as 16 in turns, whom the connections are seldom told already;
directly, and through PgBouncer, where without a wall a read needs no transaction. Turn about.

    .venv/bin/python -m benchmarks.walls
"""

import asyncio
import os
import statistics
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from uuid import UUID

import asyncpg
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from tests.kernel.pooler import pooling

from benchmarks.ground import Tree, ground, plant_all, serving, spread, turns
from benchmarks.list_page import service as walled
from benchmarks.load import check_ins, reads_in_turns
from okr_service import models
from okr_service.kernel.connections import begun
from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.positions import Position
from okr_service.kernel.servers import database_url
from okr_service.serving import Service

_TENANTS, _OBJECTIVES, _CONNECTIONS = 16, 2_000, 8
_ROUNDS, _SECONDS = 5, 4
_PATH = "/v1/objectives?limit=50&include=key_results"
_WALL, _NONE = "with", "without"
_NO_LIMITS = {"OKR_RATE_LIMIT_PER_CREDENTIAL": "0", "OKR_RATE_LIMIT_PER_TENANT": "0"}


class _Unwalled(Database):
    """A database that nobody is told a tenant of."""

    @asynccontextmanager
    async def transaction(
        self,
        tenant_id: UUID | None = None,  # noqa: ARG002
        committed: Callable[[Position], None] | None = None,  # noqa: ARG002
    ) -> AsyncIterator[Transaction]:
        async with (
            self._connected(self._writer) as connection,
            begun(connection, self._begin),
            AsyncSession(connection, expire_on_commit=False, autoflush=False) as session,
            session.begin(),
        ):
            yield session

    @asynccontextmanager
    async def reading(self, tenant_id: UUID | None = None) -> AsyncIterator[AsyncConnection]:  # noqa: ARG002
        async with self._connected(self._reader) as connection:
            yield connection


def unwalled() -> FastAPI:
    """Make the service without a wall."""
    app = walled()
    service: Service = app.state.service
    database = _Unwalled(service.settings, role=None)
    app.state.service = replace(service, database=database)
    return app


async def _copy_without_wall(url: str) -> str:
    """Copy the database and take its wall down; returns the copy's URL."""
    owner, copy = database_url(url).set(drivername="postgresql"), "okr_without"
    for database, statements in {
        "postgres": [f"CREATE DATABASE {copy} TEMPLATE {owner.database}"],
        copy: [
            *(f"ALTER TABLE {t} DISABLE ROW LEVEL SECURITY" for t in models.METADATA.tables),
            "VACUUM ANALYZE",
        ],
    }.items():
        address = owner.set(database=database).render_as_string(hide_password=False)
        connection = await asyncpg.connect(address)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()
    return owner.set(database=copy).render_as_string(hide_password=False)


def _measures(trees: Sequence[Tree]) -> dict[str, Callable[[str], float]]:
    """Return what is measured of an address, by name."""
    one, all_ = [trees[0]] * _CONNECTIONS, list(trees)

    def pages(of: Sequence[Tree]) -> Callable[[str], float]:
        return lambda address: reads_in_turns(address + _PATH, [tree.key for tree in of], _SECONDS)

    def reports(of: Sequence[Tree]) -> Callable[[str], float]:
        return lambda address: check_ins(address, of, _SECONDS).per_second

    return {
        "list page, 1 tenant": pages(trees[:1]),
        f"list page, {_TENANTS} tenants": pages(all_),
        "check-ins, 1 tenant": reports(one),
        f"check-ins, {_TENANTS} tenants": reports(all_),
    }


def _compare(way: str, addresses: dict[str, str], trees: Sequence[Tree]) -> None:
    for name, measure in _measures(trees).items():
        figures: dict[str, list[float]] = {_WALL: [], _NONE: []}
        for wall in turns(_ROUNDS + 1, list(addresses)):
            figures[wall].append(measure(addresses[wall]))
        medians = {wall: statistics.median(values[1:]) for wall, values in figures.items()}
        print(f"{way}, {name}", flush=True)
        for wall, values in figures.items():
            print(f"    {wall:<8} {spread(values[1:])} a second")  # the first warms up
        goal = "  (goal at least 0.95)" if (way, name[-8:]) == ("direct", "1 tenant") else ""
        print(f"    ratio    {medians[_WALL] / medians[_NONE]:.3f}{goal}", flush=True)


def main() -> None:
    """Plant the trees, measure each way, print the ratios and how busy the machine was."""
    with ground(max_wal_size="8GB") as url, ExitStack() as stack:
        trees = plant_all(url, [_OBJECTIVES] * _TENANTS)
        copy = asyncio.run(_copy_without_wall(url))
        through = stack.enter_context(pooling(database_url(url), servers=10))
        for way, pooled in (("direct", "false"), ("through PgBouncer", "true")):
            addresses = {}
            for wall, of, app in (
                (_WALL, url, "list_page:service"),
                (_NONE, copy, "walls:unwalled"),
            ):
                leads = (
                    through.set(database=database_url(of).database) if pooled == "true" else None
                )
                address = leads.render_as_string(hide_password=False) if leads else of
                environment = {"DATABASE": address, "OKR_POOLED": pooled, **_NO_LIMITS}
                addresses[wall] = stack.enter_context(serving(f"benchmarks.{app}", **environment))
            _compare(way, addresses, trees)
    print("load average  " + ", ".join(f"{load:.1f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
