"""What is published is the feed: every event, in its order, once."""

from fastapi import FastAPI
from nats.js.api import DiscardPolicy, StorageType, StreamConfig
from pydantic import SecretStr
from sqlalchemy import text
from tests.broker.conftest import Founded, Serving
from tests.broker.server import PREFIX, STREAM, Published, Server
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import Start, new_tenant
from tests.imports.working import working
from tests.waiting import eventually

from okr_service.broker.service import TURN
from okr_service.kernel.database import Database
from okr_service.kernel.queue import SCHEMA

_JOBS = text(
    f"SELECT count(*) FROM {SCHEMA}.pgqueuer WHERE entrypoint = :kind AND dedupe_key LIKE :of"
)


async def feed_of(build: Build) -> list[Json]:
    """Return a tenant's whole feed."""
    found: list[Json] = []
    after = ""
    while True:
        page = await build.get(f"events?limit=1000{after}")
        found += page["data"]
        if not page["page"]["has_more"]:
            return found
        after = f"&after={page['page']['next_cursor']}"


async def all_published(server: Server, founded: Founded, seconds: float = 30) -> list[Published]:
    """Wait until the stream has a tenant's whole feed; returns what it has."""
    feed = await feed_of(founded.build)
    return await eventually(
        lambda: server.published(founded.tenant.tenant_id),
        lambda found: len(found) >= len(feed),
        seconds,
    )


def require_same(published: list[Published], feed: list[Json]) -> None:
    """Ask that what was published is the feed, in its order, each event once."""
    assert [one.event["id"] for one in published] == [event["id"] for event in feed]
    assert [one.event for one in published] == feed


async def test_every_event_arrives_in_order_as_the_feed_has_it(
    publishing: FastAPI, founded: Founded, other: Founded, broker: Server
) -> None:
    async with working(publishing):
        result = await founded.build.key_result()
        for value in range(5):
            await founded.build.check_in(result, value)
        await founded.build.objective(private=True)
        await other.build.unit(name="Khác")
        found = await all_published(broker, founded)
        others = await all_published(broker, other)
    feed = await feed_of(founded.build)
    require_same(found, feed)
    require_same(others, await feed_of(other.build))
    for one, event in zip(found, feed, strict=True):
        assert one.subject == f"{PREFIX}.{founded.tenant.tenant_id}.{event['type']}"
        assert one.headers["Nats-Msg-Id"] == event["id"]
        assert one.headers["Okr-Cursor"] == event["cursor"]
        assert one.headers["Content-Type"] == "application/cloudevents+json"
    assert any(event["data"]["after"].get("private") for event in feed if event["data"]["after"])


async def test_a_missing_stream_is_made_on_disk_with_the_window_of_the_setting(
    publishing: FastAPI, founded: Founded, broker: Server
) -> None:
    async with working(publishing):
        await all_published(broker, founded)
    async with broker.client() as connected:
        config = (await connected.jetstream().stream_info(STREAM)).config
    assert (config.storage, config.discard) == (StorageType.FILE, DiscardPolicy.NEW)
    assert (config.subjects, config.duplicate_window) == ([f"{PREFIX}.>"], 0.1)


async def test_a_stream_that_is_there_is_left_as_it_is(
    publishing: FastAPI, founded: Founded, broker: Server
) -> None:
    async with broker.client() as connected:
        own = StreamConfig(
            name=STREAM,
            description="Ours",
            subjects=["other", f"{PREFIX}.>"],
            storage=StorageType.MEMORY,
            duplicate_window=0.3,
            max_msgs_per_subject=1000,
        )
        made = (await connected.jetstream().add_stream(own)).config
        async with working(publishing):
            require_same(await all_published(broker, founded), await feed_of(founded.build))
        assert (await connected.jetstream().stream_info(STREAM)).config == made


async def test_without_a_broker_turns_lie_in_the_queue_until_there_is_one(
    start: Start, own_database_url: str, owner: Database, serving: Serving
) -> None:
    without = start(database_url=SecretStr(own_database_url))
    tenant = await new_tenant(owner)
    async with client(without, tenant.key) as rest, working(without):
        founded = Founded(tenant, rest, Build(rest))
        await founded.build.unit()
        async with owner.reading() as connection:
            of = {"kind": TURN, "of": f"{TURN} {tenant.tenant_id}/%"}
            assert await connection.scalar(_JOBS, of) == 1
    server = serving()
    url = SecretStr(own_database_url)
    publishing = start(database_url=url, broker_url=(server.address,))
    async with working(publishing), client(publishing, tenant.key) as rest:
        founded = Founded(tenant, rest, Build(rest))
        require_same(await all_published(server, founded), await feed_of(founded.build))


async def test_another_prefix_and_stream_are_the_operator_s_choice(
    start: Start, own_database_url: str, founded: Founded, serving: Serving
) -> None:
    server = serving()
    app = start(
        database_url=SecretStr(own_database_url),
        broker_url=(server.address,),
        broker_stream="PLANNING",
        broker_subject_prefix="acme.okr",
    )
    await founded.build.unit()
    async with working(app), server.client() as connected:
        subject = f"acme.okr.{founded.tenant.tenant_id}.okr.unit.created"
        names = connected.jetstream()
        await eventually(
            lambda: _subjects(names, "PLANNING", subject), lambda found: found == {subject: 1}
        )


async def _subjects(context: object, stream: str, subject: str) -> object:
    try:
        info = await context.stream_info(stream, subjects_filter=subject)  # type: ignore[attr-defined] # nats-py's context
    except Exception:  # noqa: BLE001 - it is not made yet
        return None
    return info.state.subjects
