"""What the pictures are drawn from; every progress is a share of 1."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True)
class TreeNode:
    """An objective, and those that support it; `children_left` counts those not given."""

    title: str
    unit: str
    owner: str | None
    state: str
    progress: Decimal | None
    expected_progress: Decimal
    health: str
    weight: Decimal
    confidence: str | None
    children: tuple["TreeNode", ...]
    children_left: int


@dataclass(frozen=True)
class HistoryPoint:
    """How far something was on a day; no progress: not measured, or yet to come."""

    day: date
    progress: Decimal | None
    expected_progress: Decimal
