"""Following what happens over real sockets: a WebSocket, or a stream of events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Json = dict[str, Any]  # what is sent and received
PROTOCOL = "graphql-transport-ws"
PROGRESS = """subscription($under: Ref!, $after: String) {
  progressChanged(under: $under, after: $after) {
    cursor before after objective { rowId title progress } } }"""
CHECK_INS = """subscription($filter: CheckInAddedFilter, $after: String) {
  checkInAdded(filter: $filter, after: $after) {
    cursor occurredAt checkIn { rowId value keyResult { title } } } }"""


@dataclass
class Talk:
    """A connection that speaks graphql-transport-ws."""

    socket: ClientConnection
    cursor: str | None = None

    async def send(self, **message: object) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self, seconds: float = 5) -> Json:
        """Return the next message that is no ping."""
        async with asyncio.timeout(seconds):
            while True:
                message: Json = json.loads(await self.socket.recv())
                if message["type"] != "ping":
                    return message

    async def subscribe(self, query: str, id_: str = "1", **variables: object) -> None:
        payload = {"query": query, "variables": variables}
        await self.send(type="subscribe", id=id_, payload=payload)

    async def told(self, name: str, seconds: float = 5) -> Json:
        """Return what the next response of a subscription tells."""
        message = await self.receive(seconds)
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        found: Json = message["payload"]["data"][name]
        return found

    async def hears_nothing(self, seconds: float = 1) -> None:
        try:
            message = await self.receive(seconds)
        except TimeoutError:
            return
        raise AssertionError(message)

    async def closed(self, seconds: float = 8) -> tuple[int, str]:
        """Return the code and the reason with which the other side closes."""
        async with asyncio.timeout(seconds):
            with pytest.raises(ConnectionClosed) as closed:
                await self._listen()
        received = closed.value.rcvd
        assert received is not None
        return received.code, received.reason

    async def _listen(self) -> None:
        while True:
            await self.socket.recv()


@asynccontextmanager
async def connected(port: int, **given: Any) -> AsyncIterator[Talk]:
    """Connect, and say nothing."""
    protocols = given.pop("subprotocols", [PROTOCOL])
    url = f"ws://127.0.0.1:{port}/graphql"
    async with connect(url, subprotocols=protocols, compression=None, **given) as socket:
        yield Talk(socket)


@asynccontextmanager
async def talking(port: int, key: str, **given: Any) -> AsyncIterator[Talk]:
    """Connect as the holder of a key."""
    async with connected(port, **given) as talk:
        await talk.send(type="connection_init", payload={"Authorization": f"Bearer {key}"})
        told = await talk.receive()
        assert told["type"] == "connection_ack", told
        talk.cursor = told["payload"].get("cursor")
        yield talk


@dataclass
class Listener:
    """A stream of events that is being read."""

    lines: AsyncIterator[str]
    response: httpx.Response
    ids: list[str] = field(default_factory=list)

    async def event(self, seconds: float = 5) -> Json:
        """Return the next event, with its name; ids that come alone are noted."""
        found: Json = {}
        async with asyncio.timeout(seconds):
            async for line in self.lines:
                name, _, value = line.partition(": ")
                if name == "id":
                    self.ids.append(value)
                if line:
                    found[name] = value
                elif "event" in found:
                    found["data"] = json.loads(found["data"]) if found["data"] else None
                    return found
        raise AssertionError("the stream ended")

    async def told(self, name: str, seconds: float = 5) -> Json:
        found = await self.event(seconds)
        assert found["event"] == "next", found
        assert "errors" not in found["data"], found
        told: Json = found["data"]["data"][name]
        assert told["cursor"] == found["id"]
        return told


@asynccontextmanager
async def listener(
    port: int, key: str, query: str, headers: Json | None = None, **variables: object
) -> AsyncIterator[Listener]:
    """Follow by a stream of events; waits until it has begun."""
    given = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream", **(headers or {})}
    asked = {"query": query, "variables": variables}
    url = f"http://127.0.0.1:{port}/graphql"
    async with (
        httpx.AsyncClient(timeout=30) as http,
        http.stream("POST", url, json=asked, headers=given) as response,
    ):
        if response.status_code != httpx.codes.OK:
            await response.aread()
        found = Listener(response.aiter_lines(), response)
        if response.is_success:
            assert (await anext(found.lines)).startswith("id: ")
        yield found
