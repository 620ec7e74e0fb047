"""What is due on a day, and has not been told: the rules are those of the rooms it is of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Date,
    FromClause,
    Select,
    SQLColumnExpression,
    and_,
    literal,
    literal_column,
    select,
    tuple_,
)

from okr_service.actions.model import Action, ActionPlan
from okr_service.actions.reads import IS_OPEN
from okr_service.cycles.model import Cycle
from okr_service.events.shapes import EventType
from okr_service.kernel.model import Model
from okr_service.kernel.references import alive
from okr_service.objectives.expectations import (
    CHECK_IN_DUE_DATE,
    GOES_ON,
    KEY_RESULTS_EXPECTED,
)
from okr_service.objectives.model import KeyResult, Objective
from okr_service.organisation.model import Tenant
from okr_service.reminders.model import Reminder

TOLD_FOR = timedelta(days=400)  # after the due date
_T = Model.metadata.tables
_ACTIONS = (
    _T[Action.__tablename__]
    .join(
        _T[ActionPlan.__tablename__],
        and_(ActionPlan.tenant_id == Action.tenant_id, ActionPlan.id == Action.action_plan_id),
    )
    .join(
        _T[KeyResult.__tablename__],
        and_(KeyResult.tenant_id == ActionPlan.tenant_id, KeyResult.id == ActionPlan.key_result_id),
    )
    .join(
        _T[Objective.__tablename__],
        and_(Objective.tenant_id == KeyResult.tenant_id, Objective.id == KeyResult.objective_id),
    )
    .join(
        _T[Cycle.__tablename__],
        and_(Cycle.tenant_id == Objective.tenant_id, Cycle.id == Objective.cycle_id),
    )
)
Place = tuple[object, ...]


@dataclass(frozen=True)
class Day:
    """A day on which is told what was due from `since` on, and what is due until `until`."""

    today: date
    since: date
    until: date

    @classmethod
    def of(cls, moment: datetime, hour: int, days_ahead: int) -> Self:
        """Return the day, which begins at an hour, that a moment in UTC is in."""
        today = (moment - timedelta(hours=hour)).date()
        return cls(today, today - TOLD_FOR, today + timedelta(days=days_ahead))


@dataclass(frozen=True)
class Reminded:
    """A kind of thing that people are reminded of, and how all of it is walked through.

    `places` are what an index has in order; `walked` says, by literals so that the
    index is known to have them, of what there are places.
    """

    subject: str
    model: type[KeyResult] | type[Action]
    due: EventType
    overdue: EventType
    tables: FromClause
    due_date: ColumnElement[date] | SQLColumnExpression[date | None]
    is_due: Sequence[ColumnElement[bool]]
    walked_table: type[Objective] | type[Action]
    places: Sequence[Column[Any]]
    walked: Sequence[ColumnElement[bool]]

    def first(self, day: Day) -> Place:
        """Return a place before all that can be due on a day."""
        return (day.since, _NONE) if self.is_by_due_date else (_NONE,)

    def last(self, tenant_id: UUID, day: Day, after: Place, most: int) -> Select[*tuple[Any, ...]]:
        """Ask for the place so many places after another; there is none near the end."""
        walked = (self.walked_table.tenant_id == tenant_id, *self.walked, self._is_after(after))
        until = [self.due_date <= literal(day.until, Date)] if self.is_by_due_date else []
        places = select(*self.places).where(*walked, *until).order_by(*self.places)
        return places.offset(most - 1).limit(1)

    @property
    def is_by_due_date(self) -> bool:
        """Say whether it is walked through by its due date."""
        return len(self.places) > 1

    def between(self, after: Place, last: Place | None) -> list[ColumnElement[bool]]:
        """Return the conditions that something is walked by after a place, up to another."""
        until = [] if last is None else [tuple_(*self.places) <= self._place(last)]
        return [*self.walked, self._is_after(after), *until]

    def untold(self, tenant_id: UUID, day: Day) -> Select[*tuple[Any, ...]]:
        """Ask for what is due on a day and was not told to be."""
        overdue = self.due_date < literal(day.today, Date)
        # OFFSET 0 has it looked up for each: joined, all that was ever told could be read.
        told = (
            select(Reminder.subject_id)
            .where(
                Reminder.tenant_id == tenant_id,
                Reminder.subject_id == self.model.id,
                Reminder.due_date == self.due_date,
                Reminder.overdue == overdue,
            )
            .offset(literal_column("0"))
            .exists()
        )
        return (
            self.all_due(tenant_id)
            .add_columns(overdue.label("overdue"))
            .where(self.due_date.between(day.since, day.until), ~told)
        )

    def all_due(self, tenant_id: UUID) -> Select[*tuple[Any, ...]]:
        """Ask for what is due at some day, whichever that is."""
        return (
            select(
                self.model.id,
                self.model.external_id,
                self.model.title,
                self.model.owner_id,
                KeyResult.objective_id,
                self.due_date.label("due_date"),
            )
            .select_from(self.tables)
            .where(
                *(one.tenant_id == tenant_id for one in (self.model, KeyResult, Objective, Cycle)),
                *alive(KeyResult),
                *alive(Objective),
                *self.is_due,
            )
        )

    def _is_after(self, place: Place) -> ColumnElement[bool]:
        return tuple_(*self.places) > self._place(place)

    def _place(self, place: Place) -> ColumnElement[Any]:
        return tuple_(
            *(literal(one, column.type) for one, column in zip(place, self.places, strict=True))
        )


_NONE = UUID(int=0)
CHECK_INS = Reminded(
    subject="key_result",
    model=KeyResult,
    due=EventType.CHECK_IN_DUE,
    overdue=EventType.CHECK_IN_OVERDUE,
    tables=KEY_RESULTS_EXPECTED,
    due_date=CHECK_IN_DUE_DATE,
    is_due=[Tenant.tenant_id == Objective.tenant_id, CHECK_IN_DUE_DATE.is_not(None)],
    walked_table=Objective,
    places=[_T[Objective.__tablename__].c.id],
    walked=[Objective.state == literal_column("'active'"), *alive(Objective)],
)
ACTIONS = Reminded(
    subject="action",
    model=Action,
    due=EventType.ACTION_DUE,
    overdue=EventType.ACTION_OVERDUE,
    tables=_ACTIONS,
    due_date=Action.due_date,
    is_due=[IS_OPEN, GOES_ON, Action.due_date.is_not(None)],
    walked_table=Action,
    places=[_T[Action.__tablename__].c.due_date, _T[Action.__tablename__].c.id],
    walked=[Action.state.in_([literal_column("'todo'"), literal_column("'doing'")])],
)
