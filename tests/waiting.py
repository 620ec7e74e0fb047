"""Waiting until something is so, which nobody tells."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

_T = TypeVar("_T")


async def eventually(
    ask: Callable[[], Awaitable[_T]], fits: Callable[[_T], bool], seconds: float = 20
) -> _T:
    """Ask until the answer is as wanted."""
    ends = time.monotonic() + seconds
    while not fits(found := await ask()):
        assert time.monotonic() < ends, found
        await asyncio.sleep(0.05)
    return found


async def until(fits: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + seconds
    while not fits():
        assert time.monotonic() < ends, "it never was"
        await asyncio.sleep(0.02)
