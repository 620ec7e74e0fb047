"""What is to be told, in plain Python: no rule of the service's own is used."""

import calendar
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)  # of the cycle


@dataclass
class CheckIns:
    """A key result that is reported on."""

    cadence: str | None = None
    own_last: date | None = None
    goes_on: bool = True
    reports: list[date] = field(default_factory=list)

    @property
    def due(self) -> date | None:
        last = self.own_last or LAST
        observed = max(self.reports, default=None)
        if self.cadence is None or not self.goes_on or (observed is not None and observed >= last):
            return None
        return min(_after(self.cadence, max(observed or FIRST, FIRST)), last)


def _after(cadence: str, day: date) -> date:
    if cadence == "monthly":
        year, month = divmod(day.year * 12 + day.month, 12)
        return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
    return day + timedelta(days={"weekly": 7, "every_two_weeks": 14}[cadence])


@dataclass
class Action:
    """An action."""

    due_date: date | None = None
    state: str = "todo"
    goes_on: bool = True

    @property
    def due(self) -> date | None:
        return self.due_date if self.goes_on and self.state in ("todo", "doing") else None


@dataclass
class Model:
    """What was told so far, of which things."""

    things: dict[str, CheckIns | Action] = field(default_factory=dict)
    told: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def remind(self, today: date, days_ahead: int) -> None:
        """Tell what is due on a day, unless it was told."""
        for name, thing in self.things.items():
            due = thing.due
            if due is None or not today - timedelta(days=400) <= due:
                continue
            if due > today + timedelta(days=days_ahead):
                continue
            kind = "check_in" if isinstance(thing, CheckIns) else "action"
            word = "overdue" if due < today else "due"
            self.told[f"okr.{kind}.{word}", name, due.isoformat()] = 1
