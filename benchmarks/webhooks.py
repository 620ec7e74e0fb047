"""Measure how long it takes from a commit until a webhook is told, at 100 writes a second.

Check-ins of random key results of 1,000 objectives, one every 10 ms, into one process of the
service, which does the jobs too; a webhook is told of each, at a receiver in a process of its
own. From the moment that an event was recorded, which is just before its commit, until the
receiver has it.

    .venv/bin/python -m benchmarks.webhooks [seconds]
"""

import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from itertools import count

import httpx

from benchmarks.ground import ground, plant_one, serving

_A_SECOND = 100
_OBJECTIVES = 1_000
_WARMS_UP = 3  # seconds

Message = MutableMapping[str, object]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


def receiver() -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """Make what takes every message, and tells when asked how long each was under way."""
    took: list[float] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        if scope["method"] == "POST":
            while True:
                part = await receive()
                body += bytes(part["body"])  # type: ignore[call-overload] # ASGI says bytes
                if not part.get("more_body"):
                    break
            recorded = datetime.fromisoformat(json.loads(body)["time"])
            took.append((datetime.now(UTC) - recorded).total_seconds())
        told = b"" if body else json.dumps(took).encode()
        length = [(b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": told})

    return app


async def _write(address: str, key: str, seconds: int) -> int:
    """Report a value every 10 ms; returns how many."""
    chance, sent = random.Random(1), set[asyncio.Task[httpx.Response]]()
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as service:
        began = time.monotonic()
        for nth in count():
            due = began + nth / _A_SECOND
            if due > began + seconds:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            number, place = chance.randrange(_OBJECTIVES), chance.randrange(3) + 1
            named = f"external:L-{number}/KR{place}"
            body = {"key_result_id": named, "value": chance.randrange(101)}
            sent.add(asyncio.create_task(service.post("/v1/check-ins", json=body)))
        for answer in await asyncio.gather(*sent):
            answer.raise_for_status()
    return len(sent)


def _told(address: str) -> list[float]:
    found: list[float] = httpx.get(address).json()
    return found


def main() -> None:
    """Write, wait until all are told, and print how long that took."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    allowed = {"OKR_ALLOW_PRIVATE_WEBHOOKS": "true"}
    with ground(shared_buffers="1GB") as url:
        tree = plant_one(url, _OBJECTIVES)
        with (
            serving("benchmarks.webhooks:receiver") as target,
            serving("benchmarks.list_page:service", DATABASE=url, **allowed) as address,
        ):
            headers = {"Authorization": f"Bearer {tree.key}"}
            webhook = {"name": "A", "url": target, "types": ["okr.check_in.recorded"]}
            httpx.post(f"{address}/v1/webhooks", json=webhook, headers=headers).raise_for_status()
            many = asyncio.run(_write(address, tree.key, _WARMS_UP + seconds))
            while len(_told(target)) < many:
                time.sleep(0.2)
            took = _told(target)[_WARMS_UP * _A_SECOND :]
    cuts = statistics.quantiles(took, n=100)
    half, most = cuts[49], cuts[98]
    print(f"{len(took):,} events; p50 {half * 1e3:,.0f} ms, p99 {most * 1e3:,.0f} ms")
    print(f"p99 against p50 {most / half:.2f}  (goal at most 5)")


if __name__ == "__main__":
    main()
