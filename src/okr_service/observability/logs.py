"""Log lines, each with the ids of what it is about, and never with an exception's message.

A line has the fields that are named here and no others, so that nothing slips in by a
library's `extra`; python-json-logger would let all of it in.
"""

import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType

import orjson
from opentelemetry.trace import get_current_span

from okr_service.kernel.doing import at_the_moment
from okr_service.kernel.traces import traceback_of
from okr_service.settings import Settings

_OURS = "okr_service"
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class _Lines(logging.Formatter):
    """Tells of exceptions what `kernel.traces` does."""

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's own name
        """Return where an exception arose."""
        error = ei[1] if isinstance(ei, tuple) else None
        return traceback_of(error) if isinstance(error, BaseException) else ""

    def failure(self, record: logging.LogRecord) -> str | None:
        """Return what is told of the exception that a line is about."""
        return self.formatException(record.exc_info) if record.exc_info else record.exc_text


class JsonLines(_Lines):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a line."""
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_ids(),
            **_facts(record),
        }
        if failure := self.failure(record):
            line["failure"] = failure
        return orjson.dumps(line, default=str).decode()


class TextLines(_Lines):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a line, and what follows it."""
        facts = _facts(record)
        told = [f"{name}={value}" for name, value in (facts | _ids()).items() if value is not None]
        said = record.getMessage()
        line = " ".join([_time(record), record.levelname, record.name, said, *told])
        failure = self.failure(record)
        return f"{line}\n{failure}" if failure else line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _ids() -> dict[str, object]:
    return dict(_told())


def _told() -> Iterator[tuple[str, object]]:
    work = at_the_moment()
    if work is None:
        return
    if work.job_id is not None:
        yield "job_id", work.job_id
    else:
        yield "request_id", work.request_id
    yield "tenant_id", work.tenant_id
    span = get_current_span().get_span_context()
    yield "trace_id", f"{span.trace_id:032x}" if span.is_valid else None
    if span.is_valid:
        yield "span_id", f"{span.span_id:016x}"


def _facts(record: logging.LogRecord) -> dict[str, object]:
    facts = getattr(record, "facts", None) if record.name.startswith(_OURS) else None
    return facts if isinstance(facts, dict) else {}


def begin(settings: Settings) -> None:
    """Write the process's log lines to standard error, as the settings say."""
    form = settings.log_format
    if form == "auto":
        form = "text" if sys.stderr.isatty() else "json"
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(settings.log_level.upper())
    logging.captureWarnings(capture=True)
