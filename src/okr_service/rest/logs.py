"""What logs never hold: figures, titles, names, keys and addresses.

Of what fails they tell what `kernel.traces` does, whoever logs it.
"""

import logging
import re
from urllib.parse import unquote

from okr_service.kernel.traces import traceback_of

# Parts of a path that are ours: names of resources, ids, verbs. A caller's own key is none.
_OURS = re.compile(r"(v1|[a-z][a-z.-]*|[0-9a-f-]{36})?(:[a-z-]+)?")
_OF_A_CALLER = re.compile(r"external:.*", re.DOTALL)
_ACCESS_ARGUMENTS = 5
_TRACEBACK = "Traceback (most recent call last):"
_PLACE = re.compile(r'  File "[^"]+", line \d+, in \w+$')
_PLACES = 5


def keep_quiet() -> None:
    """Make others' loggers keep to the same, however their levels are set."""
    for name, rule in _RULES.items():
        logger = logging.getLogger(name)
        if rule not in logger.filters:
            logger.addFilter(rule)


def _without_query(record: logging.LogRecord) -> bool:
    """Reduce a line of access to method, bare path and status, without the client."""
    if isinstance(record.args, tuple) and len(record.args) == _ACCESS_ARGUMENTS:
        _, method, path, version, status = record.args
        record.args = ("-", method, _bare(str(path)), version, status)
    return True


def _bare(path: str) -> str:
    plain = _OF_A_CALLER.sub("external:", unquote(path.partition("?")[0]))
    return "/".join(part if _OURS.fullmatch(part) else "…" for part in plain.split("/"))


def _without_rows(record: logging.LogRecord) -> bool:
    """Drop what is said of each row that is read."""
    return record.levelno > logging.DEBUG


def _without_client(record: logging.LogRecord) -> bool:
    """Drop what is said of each WebSocket that opens: from where, and with which query."""
    if str(record.msg).startswith(_TRACEBACK):  # of a start that failed, as text
        places = [line for line in record.getMessage().splitlines() if _PLACE.match(line)]
        record.msg, record.args = "\n".join(["it failed at", *places[-_PLACES:]]), ()
    return '"WebSocket ' not in str(record.msg) and _without_messages(record)


def _without_messages(record: logging.LogRecord) -> bool:
    """Tell of an exception its kind and place alone."""
    if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
        record.exc_text, record.exc_info = traceback_of(record.exc_info[1]), None
    return True


def _without_tasks(record: logging.LogRecord) -> bool:
    """Drop what asyncio shows of tasks that failed: what they raised, and were given."""
    record.msg, record.args = record.getMessage().partition("\n")[0], ()
    return _without_messages(record)


def _unless_it_fails(record: logging.LogRecord) -> bool:
    """Drop what is said of each request to others: to where, and with which query."""
    return record.levelno >= logging.WARNING


_RULES = {
    "asyncio": _without_tasks,
    "httpx": _unless_it_fails,
    **{f"httpcore.{name}": _unless_it_fails for name in ("connection", "http11", "http2")},
    "uvicorn.access": _without_query,
    "uvicorn.error": _without_client,
    "sqlalchemy.engine.Engine": _without_rows,
}
