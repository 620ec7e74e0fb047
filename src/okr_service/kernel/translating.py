"""What PostgreSQL's refusals mean to callers."""

import logging

from sqlalchemy.exc import DBAPIError

from okr_service.kernel.errors import (
    DatabaseUnavailable,
    LockedTooLong,
    OkrError,
    ReferenceGone,
    StatementTooLong,
)

_MEANINGS: dict[str, type[OkrError]] = {
    "57014": StatementTooLong,  # query canceled
    "55P03": LockedTooLong,  # lock not available
    "23503": ReferenceGone,  # foreign key violation: looked up before, so deleted since
}
_UNREACHABLE = {
    *("57P01", "57P02", "57P03"),  # shutting down, starting
    *("08000", "08001", "08003", "08006"),  # lost connections
    *("53100", "53200", "53300"),  # no room on its disk, in its memory, for a connection
    "42P01",  # tables not migrated yet
}

_log = logging.getLogger(__name__)


def sqlstate(error: DBAPIError) -> str:
    """Return PostgreSQL's five-character code of a failed statement, or an empty string."""
    return str(getattr(error.orig, "sqlstate", None) or "")


class Translated:
    """Turn what the driver says about an absent or slow database into our errors."""

    def __init__(self, *, quietly: bool) -> None:
        self._quietly = quietly

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        # The driver raises these too. Others may, so nobody else is talked to in such a block.
        if isinstance(error, ConnectionError):
            raise self._unavailable(error) from error
        if isinstance(error, DBAPIError):
            if (meaning := _MEANINGS.get(sqlstate(error))) is not None:
                raise meaning from error
            if error.connection_invalidated or sqlstate(error) in _UNREACHABLE:
                raise self._unavailable(error.orig) from error

    def _unavailable(self, cause: object) -> DatabaseUnavailable:
        if not self._quietly:
            _log.warning("the database is unavailable: %s", cause)
        return DatabaseUnavailable()
