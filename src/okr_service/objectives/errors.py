"""What can go wrong with objectives, key results and alignment."""

from dataclasses import dataclass

from okr_service.kernel.errors import Conflict, Invalid, NotFound


@dataclass(eq=False)
class ObjectiveNotFound(NotFound):
    """There is no objective {ref}."""

    ref: str


@dataclass(eq=False)
class KeyResultNotFound(NotFound):
    """There is no key result {ref}."""

    ref: str


class AlignmentWouldLoop(Invalid):
    """An objective cannot support itself, directly or through others."""


class AlignmentTooDeep(Invalid):
    """Objectives can be aligned 32 levels deep at most."""


class CycleMismatch(Invalid):
    """An objective's cycle must lie within the cycle of the objective it supports."""


@dataclass(eq=False)
class StateChangeNotAllowed(Conflict):
    """An objective that is {present} cannot become {wanted}."""

    present: str
    wanted: str


class ObjectiveHasChildren(Conflict):
    """Other objectives are aligned to it; align them elsewhere first."""


@dataclass(eq=False)
class ObjectiveEnded(Conflict):
    """The objective is {state}; reopen it to report on it."""

    state: str


class TargetEqualsStart(Invalid):
    """The target must differ from the start, or there is nothing to measure."""


class TargetOnWrongSide(Invalid):
    """The target must be above the start to increase, below it to decrease."""


@dataclass(eq=False)
class FigureRequired(Invalid):
    """The metric {metric} needs this figure."""

    metric: str


@dataclass(eq=False)
class FigureNotUsed(Invalid):
    """The metric {metric} has no use for this figure."""

    metric: str


class TargetRangeEmpty(Invalid):
    """The lower bound must not be above the upper one."""


class CurrencyMismatch(Invalid):
    """A currency is given with the format `currency`, and only then."""


class PlanDatesRepeat(Invalid):
    """A plan has one value a date at most."""


class ObjectiveFixed(Invalid):
    """A key result stays with its objective."""


class SourceMismatch(Invalid):
    """The source is `actions` with that metric and only then; `children` is for the others."""


class AggregateNotUsed(Invalid):
    """An aggregate is given with the source `children`, and only then."""


class FeedHasNoValue(Invalid):
    """A key result that is measured by its actions has no value that could feed another."""


class FedByCheckIns(Invalid):
    """The key result that this one is to feed has not the source `children`."""


class FeedUnitMismatch(Invalid):
    """A key result can only feed one of the same unit of measure, format and currency."""


class FeedWouldLoop(Invalid):
    """A key result cannot feed itself, directly or through others."""


class FeedTooDeep(Invalid):
    """Key results can feed one another 32 levels deep at most."""


class KeyResultIsFed(Conflict):
    """Other key results feed it; let them feed another one first."""
