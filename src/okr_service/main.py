"""Assembling the service: settings, database, doors. Nothing else."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from starlette.routing import Route, WebSocketRoute

from okr_service import __version__
from okr_service.access.gatekeeper import Gatekeeper
from okr_service.actions import graphql as actions_graphql
from okr_service.actions.rest import router as actions
from okr_service.analysis import graphql as analysis_graphql
from okr_service.analysis.rest import pictures
from okr_service.analysis.rest import router as analysis
from okr_service.audit import graphql as audit_graphql
from okr_service.audit.rest import exports as audit_exports
from okr_service.audit.rest import router as audit
from okr_service.broker.service import TURN as BROKER_TURN
from okr_service.broker.service import turns_of as broker_turns
from okr_service.checkins import graphql as check_ins_graphql
from okr_service.checkins.rest import bulk_router as check_in_batches
from okr_service.checkins.rest import router as check_ins
from okr_service.closing import graphql as closing_graphql
from okr_service.closing.rest import router as closing
from okr_service.credentials import graphql as credentials_graphql
from okr_service.credentials.hashing import KeyedHash
from okr_service.credentials.recognisers import ApiKeys, BootstrapKey
from okr_service.credentials.rest import router as credentials
from okr_service.credentials.uses import Uses
from okr_service.cycles import graphql as cycles_graphql
from okr_service.cycles.rest import router as cycles
from okr_service.events.feed import Feed
from okr_service.events.rest import router as events
from okr_service.events.waking import TurnsOf, Waking
from okr_service.exports.rest import router as exports
from okr_service.feeds import graphql as feeds_graphql
from okr_service.feeds.rest import bulk_router as feed_readings
from okr_service.feeds.rest import router as feeds
from okr_service.graphql.documents import Documents
from okr_service.graphql.door import Door, ExplorerFiles
from okr_service.graphql.intake import Intake
from okr_service.graphql.operations import Operations
from okr_service.graphql.schema import Assembled, SchemaMaker
from okr_service.graphql.subscriptions.seats import Shared
from okr_service.graphql.subscriptions.websocket import Socket
from okr_service.identity import graphql as identity_graphql
from okr_service.identity.keys import Keys
from okr_service.identity.rest import asking_router as asking_issuers
from okr_service.identity.rest import router as identity
from okr_service.identity.tokens import Tokens
from okr_service.imports import graphql as imports_graphql
from okr_service.imports.rest import cancelling as cancelling_imports
from okr_service.imports.rest import jobs_router as import_jobs
from okr_service.imports.rest import router as imports
from okr_service.imports.rest import templates
from okr_service.kernel.database import Database
from okr_service.kernel.outgoing import Outgoing
from okr_service.limits.service import Limits
from okr_service.objectives import graphql as objectives_graphql
from okr_service.objectives.rest import router as objectives
from okr_service.observability.watching import Watching
from okr_service.organisation import graphql as organisation_graphql
from okr_service.organisation.rest import router as organisation
from okr_service.reminders import graphql as reminders_graphql
from okr_service.reminders.rest import open_router as calendars_shown
from okr_service.reminders.rest import router as calendars
from okr_service.rest import docs, edge, openapi, probes, problems
from okr_service.rest.probes import Readiness
from okr_service.scim import rest as scim
from okr_service.scorecards import graphql as scorecards_graphql
from okr_service.scorecards.rest import router as scorecards
from okr_service.serving import Service
from okr_service.settings import Settings
from okr_service.webhooks import graphql as webhooks_graphql
from okr_service.webhooks.rest import router as webhooks
from okr_service.webhooks.secrets import Secrets
from okr_service.webhooks.service import TURN as WEBHOOK_TURN
from okr_service.webhooks.service import turns_of as webhook_turns
from okr_service.worker import Worker

# It would tell the paths and queries that were asked, which hold customers' own keys.
_NOT_FASTAPIS: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}


def create_app(settings: Settings) -> FastAPI:
    """Assemble the service; it connects to the database when first asked.

    Raises:
        ApiKeySecretMissing: the settings hold no secret to hash API keys with.
    """
    database = Database(settings)
    keys = Keys(Outgoing(allow_private=settings.allow_private_issuers))
    tokens, uses = Tokens(database, keys), Uses(database)
    recognisers = (
        BootstrapKey(database, settings.bootstrap_api_key),
        ApiKeys(database, KeyedHash.of(settings), uses),
        tokens,
    )
    gatekeeper = Gatekeeper(database, recognisers, settings.credential_cache_seconds)
    turns: dict[str, TurnsOf] = {WEBHOOK_TURN: webhook_turns}
    if settings.broker_url:
        turns[BROKER_TURN] = broker_turns
    waking = Waking(database, turns)
    feed = Feed(database, timedelta(days=settings.events_kept_days), waking.wrote)
    worker = Worker(settings, gatekeeper, feed)
    readiness = Readiness(database)
    watching = Watching(settings, readiness.state, worker.kinds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as closing:
            for one in (watching, database, uses, keys, feed, waking, worker):  # the last first
                closing.push_async_callback(one.close)
            watching.start()
            if settings.serve_works:
                worker.start()
            yield

    app = FastAPIOffline(
        title="okr-service",
        version=__version__,
        summary="Objectives and key results: annual targets in, exact completion out.",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=openapi.operation_id,
        lifespan=lifespan,
        telemetry=_NOT_FASTAPIS,
    )
    app.state.service = Service(settings, database, gatekeeper, Limits(settings, database), feed)
    app.state.keys, app.state.tokens = keys, tokens
    app.state.worker = worker
    app.state.readiness = readiness
    probes.install(app, app.state.readiness)
    edge.install(app, settings)
    problems.install(app)
    scim.install(app)
    openapi.install(app)
    docs.install(app)
    # The first that fits a path answers: what is beneath a resource comes before it.
    for router in (
        scorecards,
        pictures,
        analysis,
        closing,
        check_in_batches,
        check_ins,
        feed_readings,
        feeds,
        actions,
        objectives,
        cycles,
        calendars_shown,
        calendars,
        asking_issuers,
        identity,
        organisation,
        templates,
        cancelling_imports,
        import_jobs,
        imports,
        exports,
        audit_exports,
        audit,
        events,
        webhooks,
        credentials,
        scim.router,
    ):
        app.include_router(router)
    issuers = identity_graphql.Issuers(keys, tokens)
    _add_graphql(app, settings, graphql_schema(issuers, Secrets.of(settings)))
    return app


def graphql_schema(issuers: identity_graphql.Issuers, secrets: Secrets) -> Assembled:
    """Make the GraphQL schema of what the rooms have."""
    rooms = (
        organisation_graphql.ROOM,
        cycles_graphql.ROOM,
        objectives_graphql.ROOM,
        actions_graphql.ROOM,
        check_ins_graphql.ROOM,
        feeds_graphql.ROOM,
        analysis_graphql.ROOM,
        scorecards_graphql.ROOM,
        closing_graphql.ROOM,
        audit_graphql.ROOM,
        identity_graphql.room(issuers),
        credentials_graphql.ROOM,
        imports_graphql.ROOM,
        webhooks_graphql.room(secrets),
        reminders_graphql.ROOM,
    )
    return SchemaMaker(rooms).make()


def _add_graphql(app: FastAPI, settings: Settings, made: Assembled) -> None:
    app.state.graphql_schema = made.schema
    intake = Intake(Operations(made.core, made.roots, settings), Documents(settings))
    shared = Shared.of(settings)
    app.router.routes[:0] = [  # asked most of all
        Route(Door.route, Door(intake, shared)),
        WebSocketRoute(Door.route, Socket(intake, shared)),
        Route(ExplorerFiles.route, ExplorerFiles()),
    ]
