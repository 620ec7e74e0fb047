"""How many connections each pool has, lends, and keeps callers waiting for."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from opentelemetry.metrics import Observation
from sqlalchemy import QueuePool
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from okr_service.kernel.telemetry import counter, durations, gauge

_POOL, _STATE = "db.client.connection.pool.name", "db.client.connection.state"
_timeouts = counter("db.client.connection.timeouts", "How often no connection became free in time.")
_waits = durations(
    "db.client.connection.wait_time",
    "How long it took to be lent a connection, where all were lent already.",
)


@dataclass(slots=True)
class _Watched:
    name: str
    waiting: int = 0


_POOLS: WeakKeyDictionary[AsyncEngine, _Watched] = WeakKeyDictionary()


def watch(engine: AsyncEngine, name: str) -> None:
    """Tell of an engine's pool from now on."""
    _POOLS[engine] = _Watched(name)


@contextmanager
def waiting(engine: AsyncEngine) -> Iterator[None]:
    """Count somebody who asks for a connection."""
    watched = _POOLS[engine]
    pool = engine.pool
    must_wait = isinstance(pool, QueuePool) and pool.checkedout() >= pool.size()
    began = time.perf_counter()
    watched.waiting += 1
    try:
        yield
    except PoolTimeout:
        _timeouts.add(1, {_POOL: watched.name})
        raise
    finally:
        watched.waiting -= 1
        if must_wait:
            _waits.record(time.perf_counter() - began, {_POOL: watched.name})


def _counted() -> Iterable[Observation]:
    for engine, watched in list(_POOLS.items()):
        if isinstance(pool := engine.pool, QueuePool):
            for state, count in (("used", pool.checkedout()), ("idle", pool.checkedin())):
                yield Observation(count, {_POOL: watched.name, _STATE: state})


def _most() -> Iterable[Observation]:
    for engine, watched in list(_POOLS.items()):
        if isinstance(pool := engine.pool, QueuePool):
            yield Observation(pool.size(), {_POOL: watched.name})


def _waiting() -> Iterable[Observation]:
    return [Observation(one.waiting, {_POOL: one.name}) for one in list(_POOLS.values())]


gauge("db.client.connection.count", "Connections to PostgreSQL, by what they are at.", _counted)
gauge("db.client.connection.max", "Most connections that a pool makes.", _most)
gauge("db.client.connection.pending_requests", "Who waits for a connection.", _waiting)
