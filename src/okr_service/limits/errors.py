"""What is said to those who ask too much."""

from dataclasses import dataclass

from okr_service.kernel.errors import Throttled


@dataclass(eq=False)
class TooManyRequests(Throttled):
    """More came than the {limit} requests a minute allowed; try again in {retry_after} s."""

    limit: int
    policy: str


@dataclass(eq=False)
class TooManyFailures(Throttled):
    """Too many bad credentials came from your address; try again in {retry_after} s."""
