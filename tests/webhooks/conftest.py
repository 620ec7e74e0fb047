"""Receivers of webhooks, and what waits for them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest
from tests.webhooks.receiver import Receiver, Reply

_T = TypeVar("_T")


@pytest.fixture
def receiving() -> Iterator[Callable[..., Receiver]]:
    """Start receivers."""
    started: list[Receiver] = []

    def start(reply: Reply = lambda _: 204) -> Receiver:
        started.append(Receiver(reply))
        return started[-1]

    yield start
    for receiver in started:
        receiver.close()


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
