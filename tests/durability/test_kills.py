"""Killed in the middle of anything: nothing acknowledged is lost, nothing is there by half.

Who follows the feed meanwhile, and crashes too, ends up with all that there is.
"""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from random import Random
from time import monotonic

import httpx
import pytest
from tests.durability.follower import Follower
from tests.durability.ledger import Kind, Ledger, Stored
from tests.durability.program import Program, until
from tests.durability.writers import Tree, Writers, calls

_SEED = 20_260_101
_AT_ONCE = 5  # seconds in which a service without a database says so
_TOGETHER = 8


class Victim(StrEnum):
    """What is killed with SIGKILL."""

    SERVICE = "service"
    POSTMASTER = "postmaster"
    SERVER = "postmaster and all its children"
    BACKEND = "one server process of a connection"
    BOTH = "service and postmaster, with or without its children"


class _Trial:
    """One program, killed again and again."""

    def __init__(self, program: Program, dice: Random) -> None:
        self._program = program
        self._dice = dice
        self._books = Ledger()
        self._follower = Follower(Random(f"{dice.random()}"))
        self._tree = Tree(dice)
        self._acknowledged: Counter[Kind] = Counter()
        self._unacknowledged: Counter[str] = Counter()

    async def begin(self) -> None:
        await self._program.start()
        async with self._program.client() as rest:
            await self._tree.plant(rest)

    async def round(self, victim: Victim) -> None:
        async with self._program.client() as rest:
            await self._write_and_kill(rest, victim)
        async with self._program.client() as rest:
            await self._require_whole(rest)

    def report(self) -> str:
        acknowledged, unacknowledged = _shown(self._acknowledged), _shown(self._unacknowledged)
        return f"acknowledged: {acknowledged}; unacknowledged: {unacknowledged}"

    async def _write_and_kill(self, rest: httpx.AsyncClient, victim: Victim) -> None:
        writers = Writers(rest, self._tree, self._books)
        writing = asyncio.create_task(writers.run())
        following = asyncio.create_task(self._follower.follow(rest))
        try:
            await self._wait_for_the_moment(writers)
            writers.killing = True
            self._kill(victim)
            if victim in (Victim.POSTMASTER, Victim.SERVER):
                await self._require_outage(rest, writers, writing)
                self._end_service()
            elif victim is Victim.BACKEND:
                await self._require_recovery(writers)
        finally:
            writers.stop()
            await writing
            following.cancel()
            await asyncio.wait({following})
            self._acknowledged += writers.written
        if not following.cancelled():
            following.result()
        assert not writers.premature, writers.premature
        assert all(map(_is_outage, writers.refusals)), _first_odd(writers.refusals)
        if victim in (Victim.SERVICE, Victim.BOTH):
            assert not any(isinstance(e, httpx.TimeoutException) for e in writers.failures)
        else:
            assert not writers.failures, writers.failures
        if victim is not Victim.BACKEND:
            await self._program.start()

    async def _wait_for_the_moment(self, writers: Writers) -> None:
        await asyncio.sleep(self._dice.uniform(0.2, 1.2))
        await until(lambda: _done_all(writers), "through with each kind")
        await writers.amid(self._dice.choice(list(Kind)), self._dice.uniform(0, 1.1))

    def _kill(self, victim: Victim) -> None:
        steps = {
            Victim.SERVICE: [self._program.kill_service],
            Victim.POSTMASTER: [self._program.kill_postmaster],
            Victim.SERVER: [lambda: self._program.kill_server(self._dice)],
            Victim.BACKEND: [lambda: self._program.kill_backend(self._dice)],
            Victim.BOTH: [
                self._program.kill_service,
                self._dice.choice(
                    [
                        self._program.kill_postmaster,
                        lambda: self._program.kill_server(self._dice),
                    ]
                ),
            ],
        }[victim]
        self._dice.shuffle(steps)
        for step in steps:
            step()

    async def _require_outage(
        self, rest: httpx.AsyncClient, writers: Writers, writing: asyncio.Task[None]
    ) -> None:
        """The service lives without its database: it says so at once, and again and again."""
        await self._program.database_gone()
        await asyncio.sleep(self._dice.uniform(0.1, 0.5))
        writers.stop()
        await writing
        assert writers.refusals
        for name, call in calls(rest, self._tree, self._books).items():
            began = monotonic()
            response = await call()
            assert _is_outage(response), (name, response.status_code, response.text)
            assert monotonic() - began < _AT_ONCE, name
        assert (await rest.get("/readyz")).status_code == 503
        assert (await rest.get("/healthz")).status_code == 200

    def _end_service(self) -> None:
        self._dice.choice([self._program.kill_service, self._program.ask_to_stop])()

    async def _require_recovery(self, writers: Writers) -> None:
        """PostgreSQL comes back by itself, and so does the service."""
        await until(lambda: _any_refused(writers), "refusing anything")
        await self._program.ready()
        writers.acknowledged.clear()
        await until(lambda: _done_all(writers), "taking each kind again")

    async def _require_whole(self, rest: httpx.AsyncClient) -> None:
        doubtful = self._books.in_doubt()
        assert doubtful, "the kill met nothing that was on its way"
        await self._require_each_is_found(rest)
        stored = await Stored.read(rest)
        stored.require(self._books)
        await self._require_verified()
        self._unacknowledged += await self._books.settle(rest, stored)
        stored = await Stored.read(rest)
        assert not self._books.in_doubt()
        stored.require(self._books)
        await self._follower.require(rest, stored)

    async def _require_each_is_found(self, rest: httpx.AsyncClient) -> None:
        reports = [
            item
            for write in self._books.writes
            if write.acknowledged and write.kind is Kind.SINGLE
            for item in write.items.items()
        ]
        waiting = iter(reports)

        async def look_up() -> None:
            for external_id, value in waiting:
                response = await rest.get(f"/v1/check-ins/external:{external_id}?fields=value")
                assert response.status_code == 200, (external_id, response.text)
                assert float(response.json()["value"]) == float(value)

        await asyncio.gather(*(look_up() for _ in range(_TOGETHER)))

    async def _require_verified(self) -> None:
        for what in ("rollup", "audit"):
            verified = await self._program.verify(what)
            assert verified.returncode == 0, verified.stdout


async def _any_refused(writers: Writers) -> bool:
    return bool(writers.refusals)


async def _done_all(writers: Writers) -> bool:
    return set(writers.acknowledged) == set(Kind)


def _is_outage(response: httpx.Response) -> bool:
    return (
        response.status_code == 503
        and response.headers["content-type"] == "application/problem+json"
        and response.json()["code"] == "database-unavailable"
        and response.headers["retry-after"] == "1"
    )


def _first_odd(responses: list[httpx.Response]) -> str:
    return next((f"{r.status_code} {r.text}" for r in responses if not _is_outage(r)), "")


def _shown(counts: Counter[Kind] | Counter[str]) -> str:
    return ", ".join(f"{number} × {name}" for name, number in sorted(counts.items())) or "nothing"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


@asynccontextmanager
async def _trial(folder: Path, title: str) -> AsyncIterator[_Trial]:
    seed = f"{_SEED} {title}"
    _say(f"seed {seed!r}")
    program = Program(folder)
    trial = _Trial(program, Random(seed))
    try:
        await trial.begin()
        yield trial
        program.ask_to_stop()
    except BaseException:
        _say(program.said())
        raise
    finally:
        _say(trial.report())
        program.clean_up()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder of the test's own.

    Not pytest's: each run by root forbids others the folder above those of all runs, and so
    a server that is not root's could no longer restart while another run begins.
    """
    with tempfile.TemporaryDirectory(prefix="okr-kills-") as made:
        yield Path(made)


async def test_a_kill_loses_nothing_and_leaves_no_half(folder: Path) -> None:
    async with _trial(folder, "short") as trial:
        for victim in (Victim.SERVER, Victim.BOTH):
            await trial.round(victim)


@pytest.mark.slow
@pytest.mark.parametrize("victim", Victim)
async def test_no_kill_ever_loses_anything_or_leaves_a_half(victim: Victim, folder: Path) -> None:
    async with _trial(folder, victim) as trial:
        for _ in range(4):
            await trial.round(victim)
