"""What a file says of each kind of thing: which field of its input each column is."""

from collections.abc import Mapping
from dataclasses import dataclass

from okr_service.imports.columns import MONTHS


@dataclass(frozen=True)
class Kind:
    """A kind of thing: the column of its key, and the columns of its fields."""

    name: str
    key: str
    columns: Mapping[str, str]  # field of the input → column of the file


UNIT = Kind("unit", "unit", {"name": "unit_name", "kind": "unit_kind", "parent_id": "parent_unit"})
CYCLE = Kind(
    "cycle", "cycle", {"start_date": "cycle_start", "end_date": "cycle_end", "code": "cycle"}
)
OBJECTIVE = Kind(
    "objective",
    "objective",
    {
        "title": "objective_title",
        "unit_id": "unit",
        "cycle_id": "cycle",
        "parent_id": "parent_objective",
        "weight": "objective_weight",
        "owner_id": "objective_owner",
        "description": "note",
        "ambition": "ambition",
    },
)
KEY_RESULT = Kind(
    "key_result",
    "key_result",
    {
        "title": "key_result_title",
        "metric": "metric",
        "unit_of_measure": "unit_of_measure",
        "start_value": "start",
        "target_value": "target",
        "target_max": "target_max",
        "weight": "key_result_weight",
        "owner_id": "owner",
        "due_date": "due",
        "description": "note",
    },
)
MONTHLY = Kind("key_result", "key_result", {month: month for month in MONTHS})
CHECK_IN = Kind("check_in", "current", {"value": "current", "key_result_id": "key_result"})
ACTION = Kind(
    "action",
    "action",
    {
        "title": "action",
        "owner_id": "action_owner",
        "due_date": "action_due",
        "state": "action_state",
        "weight": "action_weight",
        "note": "note",
    },
)
