"""What logs may tell of an error that was not foreseen.

Messages of exceptions quote what was sent (PostgreSQL quotes whole rows), so
only their kinds are logged, and where they arose.
"""

import traceback
from collections.abc import Iterator

_DETAILS = ("sqlstate", "table_name", "column_name", "constraint_name")


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
