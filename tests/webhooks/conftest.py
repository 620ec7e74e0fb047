"""Receivers of webhooks."""

from collections.abc import Callable, Iterator

import pytest
from tests.webhooks.receiver import Receiver, Reply


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
