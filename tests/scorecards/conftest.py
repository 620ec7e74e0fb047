"""A group for each test."""

import pytest
from tests.build import Build
from tests.scorecards.group import Group, found


@pytest.fixture
async def group(build: Build) -> Group:
    """Set up a small group."""
    return await found(build)
