"""Imports here keep next to nothing in memory, so that small files go the way of large ones."""

import pytest

from okr_service.kernel.spooled import Spooled


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all but three of anything be in a file."""
    monkeypatch.setattr(Spooled, "most_in_memory", 3)
