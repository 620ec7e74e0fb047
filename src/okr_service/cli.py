"""The command `okr`: serve, migrate, import, keep keys, check rollup and audit, plan a demo."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer
import uvicorn
from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from okr_service.access.policy import Principal
from okr_service.ask import rollup_app
from okr_service.client import DATA, admin_key_of, fail, secret_of
from okr_service.credentials.hashing import ApiKeySecretMissing
from okr_service.credentials.issuing import Issuing
from okr_service.credentials.tenants import (
    BOOTSTRAP_TENANT_ID,
    found_bootstrap_tenant,
    found_with_key,
)
from okr_service.files import export_file, import_file, template_file
from okr_service.kernel.database import SERVICE_ROLE, Database
from okr_service.kernel.distribution import NoCitus, distribute
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.garbage import settle
from okr_service.kernel.migrations import admit, unmigrate
from okr_service.kernel.migrations import migrate as migrate_database
from okr_service.kernel.model import new_id
from okr_service.kernel.servers import database_url
from okr_service.keys import keys_app
from okr_service.observability import logs
from okr_service.organisation.model import Tenant
from okr_service.rest.probes import Readiness
from okr_service.settings import Settings, given_settings, misgiven

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(rollup_app, name="rollup")
audit_app = typer.Typer(no_args_is_help=True, help="Check that nobody tampered with the audit.")
app.add_typer(audit_app, name="audit")
app.add_typer(keys_app, name="keys")
app.command("import")(import_file)
app.command("export")(export_file)
app.command("template")(template_file)

_T = TypeVar("_T")
_TICK = 0.1  # seconds: uvicorn's own
_DRAINS_WITHIN = 20  # seconds in which requests may end, and streams are cut after
_IS_WALLED = select(func.row_security_active("tenants"))

DataFolder = Annotated[
    Path,
    typer.Option("--data", help="Where the embedded database is, if OKR_DATABASE_URL is unset."),
]


@app.callback()
def _refuse_misgiven_settings() -> None:
    if wrong := list(misgiven(os.environ)):
        fail(f"{'; '.join(wrong)}; see docs/operating.md for the settings there are")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    demo: Annotated[bool, typer.Option("--demo", help="With a made-up group, planned.")] = False,
    data: DataFolder | None = None,
) -> None:
    """Start the service; with a database of its own unless OKR_DATABASE_URL is set."""
    _stop_when_told()
    folder = data or DATA / ("demo" if demo else "serve")
    with _settings(folder, as_owner=True) as settings:
        if demo:
            asyncio.run(_plan_demo(settings))
        _run(settings, host, port)


@app.command()
def work(data: DataFolder = DATA / "serve") -> None:
    """Do jobs, such as large imports, until it is told to stop; serves no requests."""
    _stop_when_told()
    with _settings(data) as settings:
        asyncio.run(_work(settings))


def _stop_when_told() -> None:
    """Let the signal by which a supervisor stops a process do what Ctrl-C does: clean up."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


async def _work(settings: Settings) -> None:
    from okr_service.main import create_app  # noqa: PLC0415 - other commands need no doors

    logs.begin(settings)
    app = create_app(settings)
    settle()
    async with app.router.lifespan_context(app):
        working, told = app.state.worker.start(), asyncio.Event()
        for stop in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(stop, told.set)
        print("okr-service does jobs", flush=True)
        stopping = asyncio.create_task(told.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()


@app.command()
def migrate(
    data: DataFolder = DATA / "serve",
    down_to: Annotated[
        str | None, typer.Option(help="Take the tables down to this revision; `base` removes them.")
    ] = None,
) -> None:
    """Bring the database's tables to this version."""
    with _settings(data, migrated=False) as settings:
        if settings.pooled and settings.owner_database_url is None:
            # Its lock belongs to a session, and a pooler gives each transaction another.
            fail("set OKR_OWNER_DATABASE_URL to lead past the pooler: migrations hold a lock")
        url = (settings.owner_database_url or settings.database_url).get_secret_value()
        if down_to is not None:
            unmigrate(url, down_to)
            return
        migrate_database(url)
        login = database_url(settings.database_url.get_secret_value()).username
        if settings.owner_database_url is not None and login is not None:
            asyncio.run(_admit(settings, login))


async def _admit(settings: Settings, login: str) -> None:
    try:
        await _as_owner(settings, lambda owner: admit(owner, login))
    except DBAPIError as error:
        fail(f"the tables are migrated, but `GRANT {SERVICE_ROLE} TO {login}` failed: {error.orig}")


@app.command("distribute")
def distribute_tables(data: DataFolder = DATA / "serve") -> None:
    """Shard the tables by tenant: the database is the coordinator of a Citus cluster."""
    with _settings(data) as settings:
        asyncio.run(_as_owner(settings, _distribute))


async def _distribute(owner: Database) -> None:
    try:
        async with owner.transaction() as tx:
            names = await distribute(tx)
    except NoCitus:
        fail("this database has no extension citus: it is no coordinator of a cluster")
    print(f"distributed by tenant: {', '.join(names) or 'nothing, for all is already'}")


@app.command()
def demo(
    objectives: Annotated[
        int, typer.Option(min=0, help="Plant a tree of so many objectives instead of the group.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same figures.")] = 2026,
    data: DataFolder = DATA / "demo",
) -> None:
    """Plan a made-up group, or a large tree to measure with."""
    with _settings(data) as settings:
        asyncio.run(_plan_demo(settings, objectives, seed))


@app.command()
def schema(
    folder: Annotated[Path, typer.Argument(help="Where the documents are.")] = Path("openapi"),
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether they are current.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(help="With --check: also refuse what breaks the GraphQL schema of a commit."),
    ] = None,
) -> None:
    """Write the published documents: OpenAPI, GraphQL schema and the list of problems."""
    # Building the app is slow, and other commands need none.
    from okr_service.documents import differences, generate  # noqa: PLC0415

    if not check:
        generate(folder)
    elif stale := differences(folder):
        fail(f"not current: {', '.join(stale)}; run `okr schema`")
    elif since is not None:
        _refuse_breaking_changes(folder, since)


def _refuse_breaking_changes(folder: Path, since: str) -> None:
    from okr_service.evolution import NoSuchCommit, breaking_changes  # noqa: PLC0415 - likewise

    try:
        broken = breaking_changes(folder, since)
    except NoSuchCommit:
        fail(f"git knows no commit {since} here")
    if broken:
        told = "\n".join(f"- {change}" for change in broken)
        fail(
            f"this breaks the GraphQL schema of {since}:\n{told}\n"
            "Where it is meant, tell it in CHANGELOG.md in these words."
        )


@rollup_app.command()
def verify(data: DataFolder = DATA / "serve") -> None:
    """Compute every figure anew and list those that differ; exit status 1 if any does."""
    from okr_service.rollup import service as rollup  # noqa: PLC0415

    async def check(database: Database, tenant_id: UUID) -> int:
        async with database.transaction(tenant_id) as tx:
            wrong = await rollup.verify(tx, tenant_id)
        for figure in wrong:
            print(f"{tenant_id} {figure.kind} {figure.id}: {figure.stored} → {figure.right}")
        return len(wrong)

    with _settings(data) as settings:
        wrong = asyncio.run(_in_each_tenant(settings, check))
    print(f"{wrong} wrong figures")
    raise typer.Exit(1 if wrong else 0)


@rollup_app.command()
def repair(data: DataFolder = DATA / "serve") -> None:
    """Compute every figure anew and write it where it differs."""
    from okr_service.rollup import service as rollup  # noqa: PLC0415

    async def mend(database: Database, tenant_id: UUID) -> int:
        async with database.transaction(tenant_id) as tx:
            await hold_structure(tx, tenant_id, alone=True)
            return await rollup.repair(tx, _itself(tenant_id))

    with _settings(data) as settings:
        mended = asyncio.run(_in_each_tenant(settings, mend))
    print(f"{mended} figures mended")


@audit_app.command("verify")
def verify_audit(
    save: Annotated[
        Path | None, typer.Option(help="Write where the chains end to this file, if all is well.")
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Where chains ended when it was saved."),
    ] = None,
    data: DataFolder = DATA / "serve",
) -> None:
    """Compute the hash of every audit event anew; exit status 1 if any does not fit."""
    from okr_service.audit import heads  # noqa: PLC0415
    from okr_service.audit.verification import Findings, verify_all  # noqa: PLC0415

    try:
        earlier = heads.load(since) if since else {}
    except ValueError as error:
        fail(f"{since} is no file of saved heads: {error}")
    if save and not save.absolute().parent.is_dir():
        fail(f"there is no folder to save {save} in")

    async def walk(database: Database) -> list[Findings]:
        await _require_owner(database)
        return await verify_all(database, earlier, print)

    with _settings(data) as settings:
        found = asyncio.run(_as_owner(settings, walk))
    for one in found:
        counts = f"{one.events} events, {len(one.heads)} lanes, {one.erased} erased"
        print(f"{one.tenant_id} {counts}, {one.faults} faults, digest {one.digest}")
    if any(one.faults for one in found):
        raise typer.Exit(1)
    if save:
        heads.save(save, found)


def _itself(tenant_id: UUID) -> Principal:
    """Return the caller that the command is when it writes by itself."""
    return Principal(tenant_id, "cli", {}, f"cli/{new_id()}")


@contextmanager
def _settings(folder: Path, *, as_owner: bool = False, migrated: bool = True) -> Iterator[Settings]:
    """Give settings: the environment's, or those of the embedded database in a folder."""
    try:
        given = given_settings(os.environ)
        if "database_url" in given:
            yield Settings()
            return
        with _embedded_url(folder, as_owner=as_owner) as url:
            if migrated:
                migrate_database(url)
            makers = {"bootstrap_api_key": admin_key_of, "api_key_secret": secret_of}
            made = {name: make(folder) for name, make in makers.items() if name not in given}
            yield Settings(database_url=url, **made)  # type: ignore[arg-type] # each is a secret
    except ValidationError as error:
        fail("; ".join(_said(detail["loc"], detail["msg"]) for detail in error.errors()))
    except (SettingsError, ApiKeySecretMissing) as error:
        fail(str(error))


def _said(place: tuple[int | str, ...], message: str) -> str:
    named = f"OKR_{place[0]}: ".upper() if place else ""
    return named + message.removeprefix("Value error, ")


@contextmanager
def _embedded_url(folder: Path, *, as_owner: bool) -> Iterator[str]:
    # Not even imported where OKR_DATABASE_URL is set: it is an optional dependency.
    from okr_service.kernel.embedded import EmbeddedFailure, EmbeddedPostgres, running  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    try:
        if not as_owner and (guest := running(folder)):
            yield guest.url()
            return
        with EmbeddedPostgres.run(folder) as server:
            server.ensure_database("okr")
            yield server.url()
    except EmbeddedFailure as error:
        fail(str(error))


class _Server(uvicorn.Server):
    """Says where it is once it answers, and that it leaves before it does."""

    def __init__(
        self, config: uvicorn.Config, key: str | None, readiness: Readiness, leaves_for: float
    ) -> None:
        super().__init__(config)
        self._key = key
        self._readiness = readiness
        self._leaves_for = leaves_for

    async def main_loop(self) -> None:
        """Serve until told to stop, and then until all who send requests have heard of it."""
        await super().main_loop()
        self._readiness.leave()
        for tick in range(round(self._leaves_for / _TICK)):
            if self.force_exit:
                break
            await self.on_tick(tick)
            await asyncio.sleep(_TICK)

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override] # uvicorn's own type is wider than it uses
        await super().startup(sockets)  # type: ignore[arg-type] # see above
        if self.started:
            _announce(f"http://{self.config.host}:{self.config.port}", self._key)


def _announce(address: str, key: str | None) -> None:
    # Flushed, for whoever waits for it may read it from a pipe.
    print(f"\nokr-service is ready at {address}  (documentation: {address}/docs)", flush=True)
    if key is not None:
        print(f"Admin API key: {key}")
        print(f"Try:  curl -H 'Authorization: Bearer {key}' {address}/v1/objectives\n", flush=True)


def _run(settings: Settings, host: str, port: int) -> None:
    from okr_service.main import create_app  # noqa: PLC0415 - other commands need no doors

    logs.begin(settings)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        log_level="warning",
        access_log=False,  # `rest.watch` tells of each request
        proxy_headers=False,  # OKR_TRUSTED_PROXIES says whom the app believes
        server_header=False,
        ws_max_size=settings.body_limit_bytes,
        timeout_graceful_shutdown=_DRAINS_WITHIN,
        ws_per_message_deflate=False,  # its state takes as much memory as all else of a connection
    )
    # Who gave a key knows it, and what is printed here is the log of a container.
    made = None if "bootstrap_api_key" in given_settings(os.environ) else settings.bootstrap_api_key
    key = made.get_secret_value() if made else None
    server = _Server(config, key, app.state.readiness, settings.leave_seconds)
    settle()
    try:
        server.run()
    except KeyboardInterrupt:
        return
    if not server.started:
        raise typer.Exit(1)


async def _plan_demo(settings: Settings, objectives: int = 0, seed: int = 2026) -> None:
    from okr_service.demo.large import plant_large  # noqa: PLC0415
    from okr_service.demo.service import plan_demo  # noqa: PLC0415

    async def plan(database: Database) -> None:
        await found_bootstrap_tenant(database)
        if objectives:
            issuing = Issuing.by(settings)
            async with database.transaction() as tx:
                tenant, key = await found_with_key(tx, f"{objectives} objectives", issuing)
            await plant_large(database, tenant.tenant_id, objectives, seed)
            print(f"Planted in a tenant of its own. Admin API key: {key}")
        elif not await plan_demo(database, BOOTSTRAP_TENANT_ID, datetime.now(UTC).date(), seed):
            print("The demo is planned already.")

    await _with_database(settings, plan)


async def _with_database(settings: Settings, work: Callable[[Database], Awaitable[_T]]) -> _T:
    database = Database(settings)
    try:
        return await work(database)
    finally:
        await database.close()


async def _in_each_tenant(
    settings: Settings, work: Callable[[Database, UUID], Awaitable[int]]
) -> int:
    async def each(database: Database) -> int:
        await _require_owner(database)
        async with database.reading() as connection:
            tenants = (await connection.scalars(select(Tenant.tenant_id))).all()
        return sum([await work(database, tenant_id) for tenant_id in tenants])

    return await _as_owner(settings, each)


async def _as_owner(settings: Settings, work: Callable[[Database], Awaitable[_T]]) -> _T:
    database = Database.as_owner(settings)
    try:
        return await work(database)
    finally:
        await database.close()


async def _require_owner(database: Database) -> None:
    async with database.reading() as connection:
        if await connection.scalar(_IS_WALLED):
            fail("this looks after all tenants: set OKR_OWNER_DATABASE_URL to the tables' owner")
