"""What logs never hold: figures, titles, names, keys and addresses.

Messages of exceptions quote what was sent (PostgreSQL quotes whole rows), so
only their kinds are logged, and where they arose.
"""

import logging
import re
import traceback
from collections.abc import Iterator
from urllib.parse import unquote

_DETAILS = ("sqlstate", "table_name", "column_name", "constraint_name")
# Parts of a path that are ours: names of resources, ids, verbs. A caller's own key is none.
_OURS = re.compile(r"(v1|[a-z][a-z.-]*|[0-9a-f-]{36})?(:[a-z-]+)?")
_OF_A_CALLER = re.compile(r"external:.*", re.DOTALL)
_ACCESS_ARGUMENTS = 5


def traceback_of(error: BaseException) -> str:
    """Return where an error and what led to it arose, without a word of what they say."""
    return "".join(_lines(error)).rstrip()


def _lines(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _lines(cause)
        yield "which led to\n"
    for part in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _lines(part)
        yield "which is part of\n"
    facts = {name: getattr(error, name, None) for name in _DETAILS}
    told = " ".join(f"{name}={fact}" for name, fact in facts.items() if isinstance(fact, str))
    yield f"{type(error).__module__}.{type(error).__qualname__} {told}".rstrip() + "\n"
    yield from traceback.format_tb(error.__traceback__)


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


_RULES = {"uvicorn.access": _without_query, "sqlalchemy.engine.Engine": _without_rows}
