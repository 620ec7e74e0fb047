"""Those who write at once while the program is killed."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import count
from random import Random
from time import monotonic

import httpx
from tests.build import Build
from tests.durability import ledger
from tests.durability.ledger import Kind, Ledger, Write

SINGLE_WRITERS = 4
_ROOT = "ROOT"


class Tree:
    """Objectives on three levels with key results, and what is to be reported on them."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._numbers = count(1)
        self._key_results: list[str] = []

    async def plant(self, rest: httpx.AsyncClient) -> None:
        """Make it."""
        build = Build(rest)
        unit = (await build.unit(external_id="UNIT"))["id"]
        cycle = (await build.cycle(code="CYCLE"))["id"]
        of = {"unit_id": unit, "cycle_id": cycle}
        level = [await build.objective(external_id=_ROOT, **of)]
        for breadth in (2, 2, 0):
            for objective in level:
                key_results = [await build.key_result(objective) for _ in range(2)]
                self._key_results += [key_result["id"] for key_result in key_results]
            level = [
                await build.objective(parent_id=objective["id"], weight=place + 1, **of)
                for objective in level
                for place in range(breadth)
            ]

    def write(self, kind: Kind) -> Write:
        """Think of something new to write."""
        number = next(self._numbers)
        match kind:
            case Kind.SINGLE:
                return ledger.single(f"single-{number}", *self._report())
            case Kind.BATCH:
                return ledger.batch(number, [self._report() for _ in self._some(30)])
            case Kind.IMPORT:
                return ledger.import_(number, _ROOT, [self._value() for _ in self._some(6)])

    def _some(self, most: int) -> range:
        return range(self._dice.randint(2, most))

    def _report(self) -> tuple[str, Decimal]:
        return self._dice.choice(self._key_results), self._value()

    def _value(self) -> Decimal:
        return Decimal(self._dice.randrange(12_000)).scaleb(-2)


class Writers:
    """Several who report a value at a time, one who sends batches and one who imports."""

    def __init__(self, rest: httpx.AsyncClient, tree: Tree, books: Ledger) -> None:
        self._rest = rest
        self._tree = tree
        self._books = books
        self._stopping = False
        self._sent: defaultdict[Kind, asyncio.Event] = defaultdict(asyncio.Event)
        self._lasted: dict[Kind, float] = {}
        self.killing = False
        self.acknowledged: Counter[Kind] = Counter()  # to be cleared by who wants to see more
        self.written: Counter[Kind] = Counter()  # acknowledged in all
        self.refusals: list[httpx.Response] = []
        self.failures: list[httpx.TransportError] = []
        self.premature: list[object] = []  # whatever failed before anything was killed

    async def run(self) -> None:
        """Write until told to stop, or until the service is gone."""
        kinds = [*[Kind.SINGLE] * SINGLE_WRITERS, Kind.BATCH, Kind.IMPORT]
        await asyncio.gather(*(self._repeat(kind) for kind in kinds))

    def stop(self) -> None:
        """Let everyone finish what is on its way."""
        self._stopping = True

    async def amid(self, kind: Kind, share: float) -> None:
        """Wait until so much of the time that one of a kind takes has passed since it was sent."""
        self._sent[kind].clear()
        await self._sent[kind].wait()
        await asyncio.sleep(self._lasted[kind] * share)

    async def _repeat(self, kind: Kind) -> None:
        while not self._stopping:
            write = self._tree.write(kind)
            self._books.writes.append(write)
            self._sent[kind].set()
            began = monotonic()
            try:
                response = await write.send(self._rest)
            except httpx.TransportError as error:
                (self.failures if self.killing else self.premature).append(error)
                if isinstance(error, httpx.ConnectError):
                    return
                continue
            if write.acknowledged:
                self.acknowledged[kind] += 1
                self.written[kind] += 1
                self._lasted[kind] = monotonic() - began
            else:
                (self.refusals if self.killing else self.premature).append(response)
                await asyncio.sleep(0.02)


Call = Callable[[], Awaitable[httpx.Response]]


def calls(rest: httpx.AsyncClient, tree: Tree, books: Ledger) -> dict[str, Call]:
    """Return calls of every kind that needs the database."""

    def written(kind: Kind) -> Call:
        write = tree.write(kind)
        books.writes.append(write)
        return lambda: write.send(rest)

    return {
        "list": lambda: rest.get("/v1/objectives"),
        "single item": lambda: rest.get(f"/v1/objectives/external:{_ROOT}"),
        **{kind.value: written(kind) for kind in Kind},
    }
