"""The domain's figures, from its definition, with fractions: no SQL and none of the service."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from math import floor
from typing import NamedTuple
from uuid import UUID

_COUNTED = ("active", "closed")
_MILLION = 1_000_000


def rounded(exact: Fraction) -> Fraction:
    """Round half away from zero to 6 decimals."""
    millionths = floor(abs(exact) * _MILLION + Fraction(1, 2))
    return Fraction(millionths if exact > 0 else -millionths, _MILLION)


@dataclass
class CheckIn:
    value: Fraction
    observed_at: datetime
    recorded: int  # first, second, third, …
    voided: bool = False


@dataclass
class Action:
    weight: Fraction
    state: str = "todo"


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
    check_ins: dict[UUID, CheckIn] = field(default_factory=dict)
    actions: dict[UUID, Action] = field(default_factory=dict)

    @property
    def current(self) -> Fraction | None:
        """The value last seen; of those seen at one moment, the one recorded last."""
        valid = [one for one in self.check_ins.values() if not one.voided]
        if not valid:
            return None
        return max(valid, key=lambda one: (one.observed_at, one.recorded)).value

    @property
    def figures(self) -> KeyResultFigures:
        counted = [action for action in self.actions.values() if action.state != "cancelled"]
        weight = sum((action.weight for action in counted), Fraction(0))
        done = sum((action.weight for action in counted if action.state == "done"), Fraction(0))
        if self.metric == "actions":
            raw = done / weight if weight else Fraction(0)
        else:
            raw = Fraction(0) if self.current is None else self._raw(self.current)
        clamped = min(max(raw, Fraction(0)), Fraction(1))
        return KeyResultFigures(self.current, weight, done, rounded(raw), rounded(clamped))

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
            row_id: one.figures for row_id, one in self.key_results.items() if not one.deleted
        }
        for row_id, objective in self.objectives.items():
            if not objective.deleted:
                figures[row_id] = self._of_objective(row_id)
        return figures

    def _of_objective(self, row_id: UUID) -> ObjectiveFigures:
        contributors = list(self._contributors(row_id))
        weight = sum((weight for weight, _ in contributors), Fraction(0))
        progress = sum((weight * progress for weight, progress in contributors), Fraction(0))
        return ObjectiveFigures(weight, progress, rounded(progress / weight) if weight else None)

    def _contributors(self, row_id: UUID) -> Iterator[tuple[Fraction, Fraction]]:
        for key_result in self.key_results.values():
            if key_result.objective_id == row_id and not key_result.deleted:
                yield key_result.weight, key_result.figures.progress
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
