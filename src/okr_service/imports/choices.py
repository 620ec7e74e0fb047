"""What cells say that choose one of a few: in Vietnamese as people write it, and in our words."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from okr_service.actions.shapes import ActionState
from okr_service.imports.cells import shown
from okr_service.imports.errors import NotAChoice
from okr_service.imports.suggestions import closest
from okr_service.imports.table import Row
from okr_service.kernel.search import fold
from okr_service.objectives.shapes import Ambition, Metric
from okr_service.organisation.shapes import UnitKind

CHOICES: Mapping[str, Mapping[str, StrEnum]] = {
    "unit_kind": {
        "tap doan": UnitKind.GROUP,
        "cong ty": UnitKind.COMPANY,
        "cong ty thanh vien": UnitKind.COMPANY,
        "phong": UnitKind.DEPARTMENT,
        "ban": UnitKind.DEPARTMENT,
        "phong ban": UnitKind.DEPARTMENT,
        "nhom": UnitKind.TEAM,
        **{kind.value: kind for kind in UnitKind},
    },
    "ambition": {
        "cam ket": Ambition.COMMITTED,
        "ky vong": Ambition.ASPIRATIONAL,
        "mo rong": Ambition.ASPIRATIONAL,
        **{ambition.value: ambition for ambition in Ambition},
    },
    "metric": {
        "tang": Metric.INCREASE,
        "giam": Metric.DECREASE,
        "toi thieu": Metric.AT_LEAST,
        "it nhat": Metric.AT_LEAST,
        "toi da": Metric.AT_MOST,
        "nhieu nhat": Metric.AT_MOST,
        "trong khoang": Metric.BETWEEN,
        "co/khong": Metric.BOOLEAN,
        "hanh dong": Metric.ACTIONS,
        **{metric.value: metric for metric in Metric},
    },
    "action_state": {
        "chua lam": ActionState.TODO,
        "chua thuc hien": ActionState.TODO,
        "dang lam": ActionState.DOING,
        "dang thuc hien": ActionState.DOING,
        "hoan thanh": ActionState.DONE,
        "da hoan thanh": ActionState.DONE,
        "xong": ActionState.DONE,
        "huy": ActionState.CANCELLED,
        **{state.value: state for state in ActionState},
    },
}


def chooser(choices: Mapping[str, StrEnum]) -> Callable[[str, Row], StrEnum]:
    """Return what reads a cell of a column of choices; it raises NotAChoice."""
    expected = ", ".join(dict.fromkeys(choices.values()))

    def choose(text: str, _: Row) -> StrEnum:
        found = choices.get(text) or choices.get(" ".join(fold(text).split()))
        if found is None:
            likely = closest(text, choices)
            raise NotAChoice(shown(text), expected, choices[likely] if likely else None)
        return found

    return choose
