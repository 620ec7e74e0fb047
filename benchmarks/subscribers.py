"""Measure how soon many subscribers hear of one check-in, and what each takes of memory.

A process serves a tree; a thousand WebSockets subscribe, over another connection a value is
reported, and each subscriber notes when it hears of it. Once by one key, asking for check-ins;
once for the progress of the whole tree, which one check-in moves at every level; once by as
many people, who each see what they see; and with a tenth of them reading nothing.

    .venv/bin/python -m benchmarks.subscribers [subscribers] [objectives]
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.ground import Tree, ground, plant_one, serving, spread

_ROUNDS = 7
_GOAL_SECONDS, _GOAL_BYTES = 1.0, 50_000
_PROTOCOL = Subprotocol("graphql-transport-ws")
_CHECK_INS = "subscription { checkInAdded { checkIn { value keyResult { title progress } } } }"
_PROGRESS = """subscription {
  progressChanged(under: "external:L-0") { before after objective { title progress } } }"""
_MORE = {
    "OKR_SUBSCRIPTION_CONNECTIONS": "100000",
    "OKR_SUBSCRIPTION_CONNECTIONS_PER_CALLER": "100000",
    "OKR_CREDENTIAL_CACHE_SECONDS": "60",
}


@dataclass
class Crowd:
    """Subscribers, each with the moments at which it heard of something."""

    heard: list[list[float]] = field(default_factory=list)
    reading: list[asyncio.Task[None]] = field(default_factory=list)

    def join(self, read: Callable[[list[float]], Awaitable[None]]) -> None:
        """Have one more read what it is told."""
        moments: list[float] = []
        self.heard.append(moments)
        self.reading.append(asyncio.ensure_future(read(moments)))

    async def all_heard(self, times: int, seconds: float = 30) -> None:
        """Wait until each has heard so many times of something."""
        ends = time.perf_counter() + seconds
        while any(len(moments) < times for moments in self.heard):
            if time.perf_counter() > ends:
                raise RuntimeError("not all have heard of it")
            await asyncio.sleep(0.01)


async def _follow(stack: AsyncExitStack, address: str, key: str, query: str) -> ClientConnection:
    url = f"{address.replace('http', 'ws')}/graphql"
    opened = connect(url, subprotocols=[_PROTOCOL], compression=None, max_queue=1)
    socket = await stack.enter_async_context(opened)
    given = {"Authorization": f"Bearer {key}"}
    await socket.send(json.dumps({"type": "connection_init", "payload": given}))
    await socket.recv()
    await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}))
    return socket


async def _hear(socket: ClientConnection, moments: list[float]) -> None:
    async for message in socket:
        if '"next"' in message:
            moments.append(time.perf_counter())
        elif '"ping"' not in message:
            raise RuntimeError(message)


def _memory(address: str) -> int:
    """Return the resident memory of the process that listens at an address."""
    port = address.rpartition(":")[2].encode()
    for folder in Path("/proc").glob("[0-9]*"):
        words = (folder / "cmdline").read_bytes().split(b"\0") if folder.is_dir() else []
        if b"uvicorn" in words and port in words:
            status = (folder / "status").read_text()
            return int(status.partition("VmRSS:")[2].split()[0]) * 1024
    raise RuntimeError(f"no process listens at {address}")


async def _measure(
    title: str, address: str, tree: Tree, keys: list[str], query: str, told: int, idle: int = 0
) -> None:
    """Print how soon each of some subscribers has heard everything of a check-in."""
    seconds: list[float] = []
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        await _report(http, address, tree, 95)
        await _warm(http, address, tree, keys[0], query, told)
        before, crowd = _memory(address), Crowd()
        for number, key in enumerate(keys):
            socket = await _follow(stack, address, key, query)
            if number >= idle:
                crowd.join(lambda moments, of=socket: _hear(of, moments))  # type: ignore[misc] # bound now
        await asyncio.sleep(2)
        each = (_memory(address) - before) / len(keys)
        for nth in range(1, _ROUNDS + 1):
            began = time.perf_counter()
            await _report(http, address, tree, 5 if nth % 2 else 95)
            await crowd.all_heard(nth * told)
            seconds.append(max(moments[-1] for moments in crowd.heard) - began)
            await asyncio.sleep(1)
        after = (_memory(address) - before) / len(keys)
        for task in crowd.reading:
            task.cancel()
    worst, kept = max(seconds), max(each, after)
    print(f"{title}: {len(keys):,} subscribers, {told} told each")
    print(f"  all told after  {spread(seconds)} s, worst {worst:.2f}  (goal {_GOAL_SECONDS})")
    print(f"  memory of each  {kept / 1000:.1f} kB  (goal {_GOAL_BYTES / 1000:.0f})")
    print(f"  ratio to goals  {statistics.median(seconds) / _GOAL_SECONDS:.2f} of the time, "
          f"{kept / _GOAL_BYTES:.2f} of the memory", flush=True)  # fmt: skip


async def _warm(
    http: httpx.AsyncClient, address: str, tree: Tree, key: str, query: str, told: int
) -> None:
    """Tell one subscriber, so that what the first loads does not count as the thousand's."""
    async with AsyncExitStack() as stack:
        socket, crowd = await _follow(stack, address, key, query), Crowd()
        crowd.join(lambda moments: _hear(socket, moments))
        await asyncio.sleep(1)
        await _report(http, address, tree, 5)
        await crowd.all_heard(told)
        await _report(http, address, tree, 95)
        crowd.reading[0].cancel()


async def _report(http: httpx.AsyncClient, address: str, tree: Tree, value: int) -> None:
    """Report a value of a key result of the last objective, the deepest there is."""
    body = {"key_result_id": f"external:L-{tree.objectives - 1}/KR1", "value": str(value)}
    headers = {"Authorization": f"Bearer {tree.key}"}
    answer = await http.post(f"{address}/v1/check-ins", json=body, headers=headers)
    answer.raise_for_status()


async def _people(address: str, tree: Tree, count: int) -> list[str]:
    """Make a person with a key for each of so many."""
    keys = []
    headers = {"Authorization": f"Bearer {tree.key}"}
    async with httpx.AsyncClient(base_url=f"{address}/v1", headers=headers) as http:
        unit = (await http.get("/units?limit=1")).json()["data"][0]["id"]
        for number in range(count):
            person = {"name": f"P {number}", "unit_id": unit}
            made = (await http.post("/people", json=person)).raise_for_status().json()
            key = {"name": "K", "scopes": ["read"], "person_id": made["id"]}
            keys.append((await http.post("/api-keys", json=key)).raise_for_status().json()["key"])
    return keys


async def _run(address: str, tree: Tree, count: int) -> None:
    same = [tree.key] * count
    await _measure("check-ins, one key", address, tree, same, _CHECK_INS, 1)
    await _measure(
        "progress of the tree", address, tree, same, _PROGRESS, await _depth(address, tree)
    )
    people = await _people(address, tree, count)
    await _measure("check-ins, people", address, tree, people, _CHECK_INS, 1)
    await _measure("a tenth reads nothing", address, tree, same, _CHECK_INS, 1, idle=count // 10)


async def _depth(address: str, tree: Tree) -> int:
    """Return how many objectives one report moves."""
    above, ref = 1, f"external:L-{tree.objectives - 1}"
    headers = {"Authorization": f"Bearer {tree.key}"}
    async with httpx.AsyncClient(base_url=f"{address}/v1", headers=headers) as http:
        while ref := (await http.get(f"/objectives/{ref}")).json()["parent_id"]:
            above += 1
    return above


def main() -> None:
    """Plant a tree, serve it, have many subscribe, report."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    objectives = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    with ground() as url:
        tree = plant_one(url, objectives)
        with serving("benchmarks.list_page:service", DATABASE=url, **_MORE) as address:
            asyncio.run(_run(address, tree, count))


if __name__ == "__main__":
    main()
