"""What a process is doing at the moment: which request or job, and in which tenant.

Every log line and span of it tells these ids, wherever it comes from.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID


@dataclass(slots=True)
class Doing:
    """A request or a job; its tasks all share it."""

    request_id: str | None = None
    job_id: str | None = None
    tenant_id: UUID | None = None
    is_over: bool = False


_CURRENT: ContextVar[Doing | None] = ContextVar("doing", default=None)


def at_the_moment() -> Doing | None:
    """Return what is being done, if it is a request or a job."""
    work = _CURRENT.get()
    # A task that it left behind, such as one that deletes old events, is nobody's.
    return None if work is None or work.is_over else work


@contextmanager
def busy_with(work: Doing) -> Iterator[Doing]:
    """Say what is being done until the block ends."""
    token = _CURRENT.set(work)
    try:
        yield work
    finally:
        work.is_over = True
        _CURRENT.reset(token)


def in_tenant(tenant_id: UUID) -> None:
    """Say in which tenant it is, once that is known."""
    if (work := _CURRENT.get()) is not None:
        work.tenant_id = tenant_id
