"""What should be by now: expected progress, health, and which reports are due.

By the functions of the rollup; "now" is today in UTC. These expressions stand in
statements that select from `OBJECTIVES_IN_CYCLES` or `KEY_RESULTS_EXPECTED`: they
join the cycle, and the tenant, which has the thresholds of health.
"""

from sqlalchemy import (
    ColumnElement,
    Date,
    Numeric,
    SQLColumnExpression,
    Text,
    and_,
    case,
    exists,
    func,
    literal,
    select,
    true,
)

from okr_service.cycles.model import Cycle
from okr_service.cycles.shapes import CycleState
from okr_service.kernel.model import Model
from okr_service.objectives.model import KeyResult, Objective, PlannedValue
from okr_service.objectives.shapes import CheckInStatus, ObjectiveState, ValueSource
from okr_service.organisation.model import Tenant

_TABLES = Model.metadata.tables
_TODAY = func.current_date(type_=Date)
_CYCLE = and_(Cycle.tenant_id == Objective.tenant_id, Cycle.id == Objective.cycle_id)
_OBJECTIVE = and_(
    Objective.tenant_id == KeyResult.tenant_id, Objective.id == KeyResult.objective_id
)
_FIRST_DAY = func.coalesce(KeyResult.start_date, Cycle.start_date)
_LAST_DAY = func.coalesce(KeyResult.due_date, Cycle.end_date)

_HAS_PLAN = exists().where(
    PlannedValue.tenant_id == KeyResult.tenant_id, PlannedValue.key_result_id == KeyResult.id
)

# OFFSET 0 keeps PostgreSQL from working it out again wherever it is used. Most have no plan,
# and a call costs much more than to see that.
_planned = (
    select(
        case(
            (
                _HAS_PLAN.correlate(KeyResult),
                func.okr_planned_value(
                    KeyResult.tenant_id,
                    KeyResult.id,
                    KeyResult.start_value,
                    _FIRST_DAY,
                    _TODAY,
                    type_=Numeric,
                ),
            )
        ).label("value")
    )
    .offset(0)
    .correlate(KeyResult, Cycle)
    .lateral("planned")
)
# Whether what hangs from an objective is still to be done at all.
GOES_ON = and_(
    Objective.state == literal(ObjectiveState.ACTIVE.value),
    Cycle.state == literal(CycleState.OPEN.value),
)
_IS_REPORTED_ON = and_(KeyResult.source == literal(ValueSource.CHECK_INS.value), GOES_ON)
_due = func.okr_check_in_due(
    func.coalesce(KeyResult.cadence, Cycle.cadence),
    _FIRST_DAY,
    _LAST_DAY,
    KeyResult.observed_at,
    type_=Date,
)
_expected = (
    select(
        _planned.c.value,
        func.okr_expected_progress(
            KeyResult.metric,
            KeyResult.start_value,
            KeyResult.target_value,
            KeyResult.target_max,
            _planned.c.value,
            _FIRST_DAY,
            _LAST_DAY,
            _TODAY,
            type_=Numeric,
        ).label("progress"),
        case((_IS_REPORTED_ON, _due)).label("due_date"),
    )
    .offset(0)
    .correlate(KeyResult, Objective, Cycle)
    .lateral("expected")
)

OBJECTIVES_IN_CYCLES = (
    _TABLES[Objective.__tablename__]
    .join(_TABLES[Cycle.__tablename__], _CYCLE)
    .join(_TABLES[Tenant.__tablename__], Tenant.tenant_id == Objective.tenant_id)
)
KEY_RESULTS_EXPECTED = (
    _TABLES[KeyResult.__tablename__]
    .join(_TABLES[Objective.__tablename__], _OBJECTIVE)
    .join(_TABLES[Cycle.__tablename__], _CYCLE)
    .join(_TABLES[Tenant.__tablename__], Tenant.tenant_id == Objective.tenant_id)
    .join(_expected, true())
)


def _health(
    progress: SQLColumnExpression[object], expected: SQLColumnExpression[object]
) -> ColumnElement[str]:
    thresholds = (Tenant.ahead_from, Tenant.on_track_from, Tenant.behind_from)
    return func.okr_health(progress, expected, *thresholds, type_=Text)


OBJECTIVE_EXPECTED_PROGRESS = func.okr_elapsed(
    Cycle.start_date, Cycle.end_date, _TODAY, type_=Numeric
)
OBJECTIVE_HEALTH = _health(Objective.progress, OBJECTIVE_EXPECTED_PROGRESS)

EXPECTED_VALUE = _expected.c.value
EXPECTED_PROGRESS = _expected.c.progress
HEALTH = _health(KeyResult.progress, EXPECTED_PROGRESS)

CHECK_IN_DUE_DATE = _expected.c.due_date
CHECK_IN_STATUS = case(
    (CHECK_IN_DUE_DATE > _TODAY, CheckInStatus.NOT_DUE.value),
    (CHECK_IN_DUE_DATE == _TODAY, CheckInStatus.DUE.value),
    (CHECK_IN_DUE_DATE < _TODAY, CheckInStatus.OVERDUE.value),
)
