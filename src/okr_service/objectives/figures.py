"""The figures that each metric works with, and that do not contradict each other."""

from decimal import Decimal

from okr_service.objectives.errors import (
    FigureNotUsed,
    FigureRequired,
    TargetEqualsStart,
    TargetOnWrongSide,
    TargetRangeEmpty,
)
from okr_service.objectives.shapes import (
    Metric,
    NewKeyResult,
)

_WITHOUT_FIGURES = (Metric.BOOLEAN, Metric.ACTIONS)


def check_figures(new: NewKeyResult) -> dict[str, Decimal | None]:
    """Return the figures that a key result's metric works with.

    Raises:
        FigureRequired, FigureNotUsed: its metric wants one more, or one fewer.
        TargetEqualsStart, TargetOnWrongSide, TargetRangeEmpty: they contradict each other.
    """
    start, target, upper = new.start_value, new.target_value, new.target_max
    metric = new.metric
    if metric is Metric.INCREASE and start is None:
        start = Decimal(0)
    _require_figures(metric, start, target, upper)
    if metric in (Metric.INCREASE, Metric.DECREASE) and start is not None and target is not None:
        if target == start:
            raise TargetEqualsStart().at("/target_value")
        if (target > start) is not (metric is Metric.INCREASE):
            raise TargetOnWrongSide().at("/target_value")
    if target is not None and upper is not None and target > upper:
        raise TargetRangeEmpty().at("/target_max")
    return {"start_value": start, "target_value": target, "target_max": upper}


def _require_figures(
    metric: Metric, start: Decimal | None, target: Decimal | None, upper: Decimal | None
) -> None:
    if metric in _WITHOUT_FIGURES:
        for pointer, value in (("/start_value", start), ("/target_value", target)):
            if value is not None:
                raise FigureNotUsed(metric).at(pointer)
    elif target is None:
        raise FigureRequired(metric).at("/target_value")
    if metric is Metric.DECREASE and start is None:
        raise FigureRequired(metric).at("/start_value")
    if metric is Metric.BETWEEN and upper is None:
        raise FigureRequired(metric).at("/target_max")
    if metric is not Metric.BETWEEN and upper is not None:
        raise FigureNotUsed(metric).at("/target_max")
