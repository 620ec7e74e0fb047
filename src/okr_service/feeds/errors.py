"""What can go wrong with metric feeds."""

from dataclasses import dataclass

from okr_service.kernel.errors import Conflict, Invalid, NotFound


@dataclass(eq=False)
class MetricFeedNotFound(NotFound):
    """There is no metric feed {ref}."""

    ref: str


@dataclass(eq=False)
class FeedMappingNotFound(NotFound):
    """There is no mapping {ref} of a metric feed."""

    ref: str


@dataclass(eq=False)
class FeedReadingNotFound(NotFound):
    """There is no reading {ref} of a metric feed."""

    ref: str


class KeyResultMapped(Conflict):
    """This key result takes its values from another mapping already."""


class FeedMappingFixed(Invalid):
    """A mapping stays with its feed and its key result; delete it and make another."""


@dataclass(eq=False)
class TooManyValuesChange(Invalid):
    """More than {limit} values would change with this at once; send fewer readings at a time."""

    limit: int
