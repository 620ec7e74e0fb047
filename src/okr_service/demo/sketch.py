"""The words in which the made-up group is described."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from okr_service.objectives.shapes import Metric

ALL_YEAR = "year"
Number = int | str


@dataclass(frozen=True)
class Measure:
    """A key result: what is measured, and from what to what."""

    title: str
    metric: Metric
    uom: str | None = None
    start: Decimal | None = None
    target: Decimal | None = None
    upper: Decimal | None = None
    weight: int = 1

    @property
    def accumulates(self) -> bool:
        """Say whether its value adds up from nothing, as revenue does."""
        return self.metric is Metric.INCREASE and self.start == 0


@dataclass(frozen=True)
class Goal:
    """An objective of a unit with its key results; `cycle` is `year`, `Q1` … or `month`."""

    code: str
    unit: str
    title: str
    measures: tuple[Measure, ...]
    under: str | None = None
    cycle: str = ALL_YEAR
    weight: int = 1
    stretch: bool = False
    state: str = "active"
    personal: bool = False
    tags: tuple[str, ...] = ()

    @property
    def external_id(self) -> str:
        """Return the key that the group's own planners would give it."""
        return f"MT-{self.code}"


@dataclass(frozen=True)
class Company:
    """A member company: its departments by the end of their codes, and its goals."""

    code: str
    name: str
    director: str
    departments: Mapping[str, str]
    goals: tuple[Goal, ...]


def up(title: str, uom: str, start: Number, target: Number, weight: int = 1) -> Measure:
    """Describe a figure that is to rise."""
    return Measure(title, Metric.INCREASE, uom, Decimal(start), Decimal(target), weight=weight)


def down(title: str, uom: str, start: Number, target: Number, weight: int = 1) -> Measure:
    """Describe a figure that is to fall."""
    return Measure(title, Metric.DECREASE, uom, Decimal(start), Decimal(target), weight=weight)


def at_least(title: str, uom: str, bound: Number, weight: int = 1) -> Measure:
    """Describe a figure that is to stay at or above a bound."""
    return Measure(title, Metric.AT_LEAST, uom, target=Decimal(bound), weight=weight)


def at_most(title: str, uom: str, bound: Number, weight: int = 1) -> Measure:
    """Describe a figure that is to stay at or below a bound."""
    return Measure(title, Metric.AT_MOST, uom, target=Decimal(bound), weight=weight)


def between(title: str, uom: str, low: Number, high: Number, weight: int = 1) -> Measure:
    """Describe a figure that is to stay within two bounds."""
    return Measure(
        title, Metric.BETWEEN, uom, target=Decimal(low), upper=Decimal(high), weight=weight
    )


def reached(title: str, weight: int = 1) -> Measure:
    """Describe something that is there or not."""
    return Measure(title, Metric.BOOLEAN, weight=weight)


def steps(title: str, weight: int = 1) -> Measure:
    """Describe something that is as far as its actions are."""
    return Measure(title, Metric.ACTIONS, weight=weight)
