"""Bring people and orders from Odoo: `python odoo.py employees.json orders.json [--set-up]`."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feeding import send, service, set_up, told
from okr_client.api.organisation import put_person
from okr_client.models import (
    Aggregation,
    NewFeedMapping,
    NewFeedMappingDimensions,
    NewPerson,
    NewReading,
    NewReadingDimensions,
)

Record = dict[str, Any]  # what Odoo answers; a field without a value is false
DEPARTMENTS = {
    "Gạch / Phòng Kinh doanh": "external:GACH-KD",
    "Gạch / Phòng Nhân sự": "external:GACH-NS",
}
METRIC = "amount_untaxed"
TEAMS = {"Kênh đại lý": "external:MT-GACH-KD-01/KR2"}


def person(employee: Record) -> NewPerson:
    """Return who an employee is here; who has left stays, inactive."""
    _, department = employee["department_id"] or (None, None)
    return NewPerson(
        employee["name"],
        email=employee["work_email"] or None,
        job_title=employee["job_title"] or None,
        unit_id=DEPARTMENTS.get(department) if department else None,
        active=employee["active"],
    )


def mapping(team: str, key_result: str) -> NewFeedMapping:
    """Sum a sales team's orders."""
    of = NewFeedMappingDimensions.from_dict({"team": team})
    return NewFeedMapping(key_result, METRIC, dimensions=of, aggregation=Aggregation.SUM)


def reading(order: Record) -> NewReading:
    """Return what an order is: known by its name, nothing any more once it is cancelled."""
    moment = datetime.fromisoformat(order["date_order"]).replace(tzinfo=UTC)  # as Odoo keeps it
    _, team = order["team_id"] or (0, "")
    value = 0 if order["state"] == "cancel" else order[METRIC]
    of = NewReadingDimensions.from_dict({"team": team})
    return NewReading(METRIC, moment, order["name"], value, dimensions=of)


def answer(file: str) -> list[Record]:
    """Return the records of an answer of Odoo's JSON-RPC, decimals as the text they are."""
    records: list[Record] = json.loads(Path(file).read_text("utf-8"), parse_float=str)["result"]
    return records


with service() as okr:
    for employee in answer(sys.argv[1]):
        number = f"external:{employee['barcode']}"
        told(put_person.sync(number, client=okr, body=person(employee)))
        print(f"{number}: {employee['name']}")
    if "--set-up" in sys.argv:
        names = enumerate(TEAMS.items(), 1)
        set_up(okr, "odoo", "Odoo", {f"{n}": mapping(t, k) for n, (t, k) in names})
    send(okr, "odoo", [reading(order) for order in answer(sys.argv[2])])
