"""A consumer of the feed that crashes as it likes, while the service does."""

import asyncio
from copy import deepcopy
from decimal import Decimal
from random import Random
from typing import Any

import httpx
from tests.build import Json
from tests.durability.ledger import Stored
from tests.events.mirror import Mirror

_CRASHES = 0.1  # of parts, before what was made of them is stored
_WAIT, _SOON = 0.5, 0.05  # seconds


class Follower:
    """Applies the feed over HTTP, and begins again where it stored last."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._stored = Mirror()

    async def follow(self, rest: httpx.AsyncClient) -> None:
        """Follow for as long as the service can be reached."""
        while True:
            try:
                answer = await self._ask(rest)
            except httpx.ConnectError:
                return
            except httpx.TransportError:
                continue  # broken off in the middle
            if answer.status_code == httpx.codes.OK:
                self._take(answer.json())
            else:
                await asyncio.sleep(_SOON)

    async def require(self, rest: httpx.AsyncClient, stored: Stored) -> None:
        """Follow to the end, and ask that what is known then is what the service says it stores."""
        more = True
        while more:
            answer = await self._ask(rest)
            assert answer.is_success, answer.text
            page = answer.json()
            self._take(page)
            more = page["page"]["has_more"] or page["data"]
        for kind, rows in (
            ("check-ins", stored.check_ins),
            ("key-results", stored.key_results),
            ("objectives", stored.objectives),
        ):
            known = {s: it for s, it in self._stored.things.items() if s.startswith(f"{kind}/")}
            assert known.keys() == {f"{kind}/{row['id']}" for row in rows}
            for row in rows:
                self._require_same(known[f"{kind}/{row['id']}"], row)

    def _require_same(self, known: Json, row: Json) -> None:
        for name, value in row.items():
            if name in known:
                assert _figure(known[name]) == _figure(value), (name, known, row)

    async def _ask(self, rest: httpx.AsyncClient) -> httpx.Response:
        query: dict[str, Any] = {"limit": self._dice.randint(1, 200), "wait": _WAIT}
        if self._stored.cursor is not None:
            query["after"] = self._stored.cursor
        return await rest.get("/v1/events", params=query)

    def _take(self, page: Json) -> None:
        mirror = deepcopy(self._stored)
        for event in page["data"]:
            mirror.apply(event)
        mirror.cursor = page["page"]["next_cursor"]
        if self._dice.random() > _CRASHES:
            self._stored = mirror


def _figure(value: object) -> object:
    """Return a figure however it is written; anything else as it is."""
    try:
        return Decimal(str(value))
    except ArithmeticError:
        return value
