"""How long statements take, which are slow, and why some are broken off.

Whether SQLAlchemy sends a statement or we do past it, it is timed here; but not what COPY
sends, for PostgreSQL waits for its reader. A statement is told by its operation, the tables
that it names and a fingerprint of its text without literals. The text itself is not told: that
of GraphQL has in it what callers name their fields.
"""

import hashlib
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from opentelemetry.trace import SpanKind, get_current_span
from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from okr_service.kernel.model import Model
from okr_service.kernel.telemetry import counter, durations, fail, tracer

_BEGAN = "okr_statement_began"
_OPERATION, _SYSTEM = "db.operation.name", "db.system.name"
_OPERATIONS = {
    *("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "COPY"),
    *("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET"),
}
_OTHER = "OTHER"
BROKEN_OFF_FOR = {
    "40P01": "deadlock",
    "40001": "serialization",
    "55P03": "lock_timeout",
    "57014": "statement_timeout",
}
_KNOWN = 2_000
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_LITERALS = re.compile(r"E?'(?:[^']|'')*'|\$\d+(?:::\w+)?|\b\d+(?:\.\d+)?\b")
_NAMED = re.compile(r'\b(?:FROM|JOIN|INTO|UPDATE)\s+"?([a-z_]+)', re.IGNORECASE)

_durations = durations("db.client.operation.duration", "How long statements took PostgreSQL.")
_slow = counter("okr.statements.slow", "Statements that took longer than OKR_SLOW_STATEMENT_MS.")
_broken_off = counter("okr.statements.broken_off", "Statements that PostgreSQL broke off.")
_log = logging.getLogger(__name__)


@dataclass
class Patience:
    """After how many seconds a statement is slow; a process has one."""

    seconds: float = 1.0


PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Facts:
    """What may be told of a statement."""

    operation: str
    tables: tuple[str, ...]
    fingerprint: str

    def __str__(self) -> str:
        """Return all of it, as logs tell it."""
        return f"{self.fingerprint} ({self.operation} {', '.join(self.tables) or 'no table'})"


@lru_cache(_KNOWN)
def facts_of(statement: str) -> Facts:
    """Return what may be told of a statement: nothing that anybody but us wrote."""
    text = _LITERALS.sub("?", _COMMENTS.sub(" ", statement)).strip()
    named = {found.lower() for found in _NAMED.findall(text)}
    digest = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
    return Facts(_operation(text), tuple(sorted(named & set(Model.metadata.tables))), digest[:12])


def _operation(text: str) -> str:
    word = text.split(None, 1)[0].strip(";(").upper() if text else _OTHER
    return word if word in _OPERATIONS else _OTHER


def watch(engine: AsyncEngine) -> None:
    """Time what SQLAlchemy sends on an engine."""
    event.listen(engine.sync_engine, "before_cursor_execute", _begin)
    event.listen(engine.sync_engine, "after_cursor_execute", _end)
    event.listen(engine.sync_engine, "handle_error", _fail)


def _begin(connection: Connection, *_: Any) -> None:
    connection.info[_BEGAN] = time.perf_counter()


def _end(connection: Connection, _: Any, statement: str, *__: Any) -> None:
    _tell(statement, time.perf_counter() - connection.info.pop(_BEGAN))


def _fail(context: ExceptionContext) -> None:
    connection, statement = context.connection, context.statement
    if connection is not None and statement is not None:
        began = connection.info.pop(_BEGAN, None)
        if began is not None:
            _tell(statement, time.perf_counter() - began, context.original_exception)


@contextmanager
def timed(statement: str) -> Iterator[None]:
    """Time a statement that is sent past SQLAlchemy."""
    began = time.perf_counter()
    try:
        yield
    except BaseException as error:
        _tell(statement, time.perf_counter() - began, error)
        raise
    _tell(statement, time.perf_counter() - began)


def _tell(statement: str, seconds: float, error: BaseException | None = None) -> None:
    if statement.startswith(("SET", "BEGIN", "COMMIT")):  # which differ by tenant: not kept
        operation = statement[:6].partition(" ")[0].rstrip(";")
    else:
        operation = facts_of(statement).operation
    _durations.record(seconds, {_OPERATION: operation})
    if PATIENCE.seconds and seconds > PATIENCE.seconds:
        _slow.add(1, {_OPERATION: operation})
        _log.warning("statement %s took %.3f s", facts_of(statement), seconds)
    if error is not None:
        why = BROKEN_OFF_FOR.get(str(getattr(error, "sqlstate", None)))
        if why is not None:
            _broken_off.add(1, {"reason": why})
    if get_current_span().is_recording():
        _show(facts_of(statement), seconds, error)


def _show(facts: Facts, seconds: float, error: BaseException | None) -> None:
    ended = time.time_ns()
    shown = tracer.start_span(
        " ".join([facts.operation, *facts.tables[:1]]),
        kind=SpanKind.CLIENT,
        attributes={
            _SYSTEM: "postgresql",
            _OPERATION: facts.operation,
            "okr.db.tables": facts.tables,
            "okr.db.fingerprint": facts.fingerprint,
        },
        start_time=ended - int(seconds * 1e9),
    )
    if error is not None:
        fail(shown, error)
    shown.end(ended)
