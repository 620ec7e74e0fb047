"""Imports here keep next to nothing in memory, so that small files go the way of large ones."""

import pytest

from okr_service.kernel.spooled import Spooled
from okr_service.rollup import service as rollup


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all but three of anything be in a file, and everything be computed anew beyond them."""
    monkeypatch.setattr(Spooled, "most_in_memory", 3)
    monkeypatch.setattr(rollup, "_MOST_NAMED", 3)
