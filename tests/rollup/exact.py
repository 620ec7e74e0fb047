"""The domain's figures, from its definition, with fractions: no SQL and none of the service."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from math import floor
from typing import NamedTuple
from uuid import UUID

_COUNTED = ("active", "closed")


def rounded(exact: Fraction, places: int = 6) -> Fraction:
    """Round half away from zero to so many decimals."""
    units = floor(abs(exact) * 10**places + Fraction(1, 2))
    return Fraction(units if exact > 0 else -units, 10**places)


def mean(values: Collection[Fraction]) -> Fraction:
    """Return the average as a figure: to 10 decimals."""
    return rounded(sum(values, Fraction(0)) / len(values), 10)


_AGGREGATES: dict[str, Callable[[Collection[Fraction]], Fraction]] = {
    "sum": lambda values: sum(values, Fraction(0)),
    "average": mean,
    "min": min,
    "max": max,
}


@dataclass
class CheckIn:
    value: Fraction
    observed_at: datetime
    recorded: int  # first, second, third, …
    voided: bool = False
    recorded_at: datetime | None = None
    voided_at: datetime | None = None

    def counted(self, as_of: datetime, known_at: datetime) -> bool:
        """Say whether it was seen by one moment, and recorded and valid at another."""
        assert self.recorded_at is not None
        is_valid = self.voided_at is None or self.voided_at > known_at
        return self.observed_at <= as_of and self.recorded_at <= known_at and is_valid


@dataclass
class Action:
    weight: Fraction
    state: str = "todo"
    done_at: datetime | None = None


class KeyResultFigures(NamedTuple):
    current_value: Fraction | None
    action_weight: Fraction
    done_weight: Fraction
    raw_progress: Fraction
    progress: Fraction


class ObjectiveFigures(NamedTuple):
    weight_sum: Fraction
    progress_sum: Fraction
    progress: Fraction | None


Figures = dict[UUID, KeyResultFigures | ObjectiveFigures]


@dataclass
class KeyResult:
    objective_id: UUID
    weight: Fraction
    metric: str
    start: Fraction | None = None
    target: Fraction | None = None
    upper: Fraction | None = None
    deleted: bool = False
    aggregate: str | None = None  # of what feeds it, if that is where its value comes from
    feeds_id: UUID | None = None
    check_ins: dict[UUID, CheckIn] = field(default_factory=dict)
    actions: dict[UUID, Action] = field(default_factory=dict)

    @property
    def reported(self) -> Fraction | None:
        """The value last seen; of those seen at one moment, the one recorded last."""
        valid = [one for one in self.check_ins.values() if not one.voided]
        if not valid:
            return None
        return max(valid, key=lambda one: (one.observed_at, one.recorded)).value

    def figures(self, current: Fraction | None) -> KeyResultFigures:
        """Work out the figures from the current value."""
        counted = [action for action in self.actions.values() if action.state != "cancelled"]
        weight = sum((action.weight for action in counted), Fraction(0))
        done = sum((action.weight for action in counted if action.state == "done"), Fraction(0))
        if self.metric == "actions":
            raw = done / weight if weight else Fraction(0)
        else:
            raw = Fraction(0) if current is None else self._raw(current)
        clamped = min(max(raw, Fraction(0)), Fraction(1))
        return KeyResultFigures(current, weight, done, rounded(raw), rounded(clamped))

    def _raw(self, current: Fraction) -> Fraction:
        if self.metric == "boolean":
            return current
        assert self.target is not None
        if self.metric in ("increase", "decrease"):
            assert self.start is not None
            return (current - self.start) / (self.target - self.start)
        within = {
            "at_least": current >= self.target,
            "at_most": current <= self.target,
            "between": self.upper is not None and self.target <= current <= self.upper,
        }
        return Fraction(within[self.metric])


@dataclass
class Objective:
    parent_id: UUID | None
    weight: Fraction
    state: str = "active"
    deleted: bool = False


@dataclass
class Forest:
    """All objectives and key results of a tenant, as edited."""

    objectives: dict[UUID, Objective] = field(default_factory=dict)
    key_results: dict[UUID, KeyResult] = field(default_factory=dict)

    def figures(self) -> Figures:
        """Work out the figures of all that is not deleted."""
        figures: Figures = {
            row_id: self.of_key_result(row_id)
            for row_id, one in self.key_results.items()
            if not one.deleted
        }
        for row_id, objective in self.objectives.items():
            if not objective.deleted:
                figures[row_id] = self._of_objective(row_id)
        return figures

    def as_of(self, as_of: datetime, known_at: datetime) -> "Forest":
        """Return the forest as it is built today, with what was known at a moment."""
        then = Forest(self.objectives)
        for row_id, key_result in self.key_results.items():
            check_ins = {
                check_in_id: replace(check_in, voided=False)
                for check_in_id, check_in in key_result.check_ins.items()
                if check_in.counted(as_of, known_at)
            }
            actions = {
                action_id: action
                if action.done_at is None or action.done_at <= min(as_of, known_at)
                else replace(action, state="todo")
                for action_id, action in key_result.actions.items()
            }
            then.key_results[row_id] = replace(key_result, check_ins=check_ins, actions=actions)
        return then

    def shares(self, row_id: UUID, depth: int) -> dict[UUID, tuple[Fraction, Fraction]]:
        """Return, by id, the share and the progress of what explains an objective."""
        found: dict[UUID, tuple[Fraction, Fraction]] = {}
        whole = self._of_objective(row_id)
        if whole.weight_sum == 0:
            return found
        for key_result_id, key_result in self.key_results.items():
            if key_result.objective_id == row_id and not key_result.deleted and key_result.weight:
                share = key_result.weight / whole.weight_sum
                found[key_result_id] = (share, self.of_key_result(key_result_id).progress)
        for child_id in self.children(row_id):
            child, progress = self.objectives[child_id], self._of_objective(child_id).progress
            if child.state not in _COUNTED or progress is None or not child.weight:
                continue
            share = child.weight / whole.weight_sum
            if depth == 1:
                found[child_id] = (share, progress)
                continue
            for beneath_id, (part, done) in self.shares(child_id, depth - 1).items():
                found[beneath_id] = (share * part, done)
        return found

    def of_key_result(self, row_id: UUID) -> KeyResultFigures:
        """Work out the figures of one key result."""
        return self.key_results[row_id].figures(self.current(row_id))

    def current(self, row_id: UUID) -> Fraction | None:
        """Return the value last reported, or the aggregate of the values that feed it."""
        key_result = self.key_results[row_id]
        if key_result.aggregate is None:
            return key_result.reported
        values = [value for _, value in self.feeding(row_id)]
        return _AGGREGATES[key_result.aggregate](values) if values else None

    def feeding(self, row_id: UUID) -> list[tuple[UUID, Fraction]]:
        """Return what feeds a key result, with the value each counts with."""
        found = []
        for feeder_id, feeder in self.key_results.items():
            objective = self.objectives[feeder.objective_id]
            counts = not (feeder.deleted or objective.deleted) and objective.state in _COUNTED
            if feeder.feeds_id == row_id and counts:
                current = self.current(feeder_id)
                value = feeder.start if current is None else current
                if value is not None:
                    found.append((feeder_id, value))
        return found

    def is_fed(self, row_id: UUID) -> bool:
        """Say whether any key result feeds another, counted or not."""
        return any(k.feeds_id == row_id and not k.deleted for k in self.key_results.values())

    def fed_line(self, row_id: UUID) -> list[UUID]:
        """Return a key result and all that it feeds in turn."""
        fed = self.key_results[row_id].feeds_id
        return [row_id] if fed is None else [row_id, *self.fed_line(fed)]

    def _of_objective(self, row_id: UUID) -> ObjectiveFigures:
        contributors = list(self._contributors(row_id))
        weight = sum((weight for weight, _ in contributors), Fraction(0))
        progress = sum((weight * progress for weight, progress in contributors), Fraction(0))
        return ObjectiveFigures(weight, progress, rounded(progress / weight) if weight else None)

    def _contributors(self, row_id: UUID) -> Iterator[tuple[Fraction, Fraction]]:
        for key_result_id, key_result in self.key_results.items():
            if key_result.objective_id == row_id and not key_result.deleted:
                yield key_result.weight, self.of_key_result(key_result_id).progress
        for child_id in self.children(row_id):
            child = self.objectives[child_id]
            progress = self._of_objective(child_id).progress
            if child.state in _COUNTED and progress is not None:
                yield child.weight, progress

    def children(self, row_id: UUID) -> list[UUID]:
        """Return what is aligned to an objective."""
        return [
            child_id
            for child_id, child in self.objectives.items()
            if child.parent_id == row_id and not child.deleted
        ]

    def line(self, row_id: UUID) -> list[UUID]:
        """Return an objective and all above it."""
        parent = self.objectives[row_id].parent_id
        return [row_id] if parent is None else [row_id, *self.line(parent)]

    def height(self, row_id: UUID) -> int:
        """Return how many levels there are below an objective."""
        return max((1 + self.height(child) for child in self.children(row_id)), default=0)
