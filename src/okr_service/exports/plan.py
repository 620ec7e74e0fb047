"""The plan in the flat form of imports: a row for each key result or action.

Each cell says what an import compares it with. What an import would not know again by its
code, for it has none or one of another form, goes by its id.
"""

from collections.abc import Mapping, Sequence
from enum import Enum

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Interval,
    Label,
    Select,
    Text,
    and_,
    case,
    cast,
    extract,
    func,
    join,
    literal,
    select,
    true,
)
from sqlalchemy.orm import aliased
from sqlalchemy.sql.selectable import LateralFromClause

from okr_service.access.policy import Principal
from okr_service.actions.model import Action, ActionPlan
from okr_service.cycles.model import Cycle
from okr_service.exports.cells import is_plain, number_cell, text_cell
from okr_service.imports.columns import MONTHS, header_of
from okr_service.imports.template import COLUMNS
from okr_service.imports.wording import CHOICES
from okr_service.kernel.copying import Copied, Form
from okr_service.kernel.documents import Expression
from okr_service.kernel.messages import Language
from okr_service.objectives.access import objective_seen
from okr_service.objectives.model import KeyResult, Objective, PlannedValue
from okr_service.objectives.shapes import ValueSource
from okr_service.organisation.model import Person, Unit

_LONGEST_KEY, _DIGITS = 200, 16  # as `imports.keys` has them

_above, _over = aliased(Objective), aliased(Unit)
_of_objective, _of_key_result, _of_action = (aliased(Person) for _ in range(3))


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    NUMBER = "number"
    DAY = "day"


_DAYS = ("cycle_start", "cycle_end", "due", "action_due")
_NUMBERS = (
    "objective_weight",
    "start",
    "target",
    "target_max",
    "current",
    "key_result_weight",
    "action_weight",
    *MONTHS,
)
KINDS = {
    column: Kind.DAY if column in _DAYS else Kind.NUMBER if column in _NUMBERS else Kind.TEXT
    for column in COLUMNS
}


def plan(
    who: Principal, conditions: Sequence[ColumnElement[bool]], form: Form, language: Language
) -> Copied:
    """Return what is to be read for the plan of the objectives that meet the conditions."""
    months = _months(who).lateral("months")
    said = {
        **_of_frame(),
        **_of_objectives(),
        **_of_key_results(),
        **{month: months.c[month] for month in MONTHS},
        **_of_actions(),
    }
    columns: list[Label[object]] = [
        _written(column, _in_words(column, said[column], language), form).label(
            header_of(column, language)
        )
        for column in COLUMNS
    ]
    return Copied(
        who.tenant_id,
        Objective,
        _joined(who, select(*columns), months),
        [Objective.deleted_at.is_(None), *conditions, *objective_seen(who.sight)],
        (KeyResult.position, KeyResult.id, ActionPlan.start_date, Action.id),
        without_nulls=True,
    )


def _written(column: str, said: Expression, form: Form) -> Expression:
    if KINDS[column] is Kind.DAY:
        return func.to_char(said, "YYYY-MM-DD")
    if KINDS[column] is Kind.NUMBER:
        return number_cell(said) if form is Form.CSV else func.trim_scale(said)
    said = func.nullif(cast(said, Text), "")
    return text_cell(said) if form is Form.CSV else said


def _in_words(column: str, said: Expression, language: Language) -> Expression:
    """Return a choice as the template's lists have it."""
    if column not in CHOICES or language == "en":
        return said
    vietnamese, english = CHOICES[column]
    return case(dict(zip(english, vietnamese, strict=True)), value=said, else_=said)


def _of_frame() -> Mapping[str, Expression]:
    known = is_plain(Unit.external_id)
    return {
        "unit": _where(known, Unit.external_id),
        "unit_name": _where(known, Unit.name),
        "unit_kind": _where(known, Unit.kind),
        "parent_unit": _where(and_(known, is_plain(_over.external_id)), _over.external_id),
        "cycle": _where(is_plain(Cycle.code), Cycle.code),
        "cycle_start": _where(is_plain(Cycle.code), Cycle.start_date),
        "cycle_end": _where(is_plain(Cycle.code), Cycle.end_date),
    }


def _of_objectives() -> Mapping[str, Expression]:
    described = and_(KeyResult.id.is_(None), Action.id.is_(None))
    return {
        "objective": _code(Objective),
        "objective_title": Objective.title,
        "parent_objective": _code(_above),
        "objective_weight": Objective.weight,
        "objective_owner": _person(_of_objective),
        "ambition": Objective.ambition,
        "note": case(
            (described, Objective.description),
            (Action.id.is_(None), KeyResult.description),
            else_=Action.note,
        ),
    }


def _of_key_results() -> Mapping[str, Expression]:
    reported = KeyResult.source == ValueSource.CHECK_INS.value
    return {
        "key_result": case((_named_within(), _own_code()), else_=cast(KeyResult.id, Text)),
        "key_result_title": KeyResult.title,
        "metric": KeyResult.metric,
        "unit_of_measure": KeyResult.unit_of_measure,
        "start": KeyResult.start_value,
        "target": KeyResult.target_value,
        "target_max": KeyResult.target_max,
        "current": _where(reported, KeyResult.current_value),
        "key_result_weight": KeyResult.weight,
        "owner": _person(_of_key_result),
        "due": KeyResult.due_date,
    }


def _of_actions() -> Mapping[str, Expression]:
    key = func.concat(Objective.external_id, "/", _own_code(), "/", Action.title)
    digest = func.encode(func.sha256(func.convert_to(key, "UTF8")), "hex")
    begins = func.left(key, _LONGEST_KEY - _DIGITS - 1)
    short = func.concat(begins, "~", func.left(digest, _DIGITS))
    imported = case((func.length(key) <= _LONGEST_KEY, key), else_=short)
    known = and_(_named_within(), is_plain(Action.title), Action.external_id == imported)
    by_id = func.concat(Action.title, " (", cast(Action.id, Text), ")")
    return {
        "action": case((Action.id.is_(None), None), (known, Action.title), else_=by_id),
        "action_owner": _person(_of_action),
        "action_due": Action.due_date,
        "action_state": Action.state,
        "action_weight": Action.weight,
    }


def _where(condition: ColumnElement[bool], said: Expression) -> Expression:
    return case((condition, said))


def _code(objective: type[Objective]) -> Expression:
    known = is_plain(objective.external_id)
    return case((known, objective.external_id), else_=cast(objective.id, Text))


def _own_code() -> Expression:
    """Return a key result's code in its objective: what comes after the objective's own."""
    return func.substr(KeyResult.external_id, func.length(Objective.external_id) + 2)


def _named_within() -> ColumnElement[bool]:
    """Return the condition that a key result has the external id that an import gives it."""
    begins = func.starts_with(KeyResult.external_id, func.concat(Objective.external_id, "/"))
    return and_(is_plain(Objective.external_id), begins, is_plain(_own_code()))


def _person(person: type[Person]) -> Expression:
    """Return a name and the code or address that an import finds the person by."""
    code = func.coalesce(person.external_id, person.email)
    known = and_(is_plain(code), code.op("!~")("[()]"))
    named = func.concat(person.name, " (", code, ")")
    return case((and_(known, person.name.op("~")("^[^\\n\\r]+$")), named), (known, code))


def _months(who: Principal) -> Select[*tuple[object, ...]]:
    """Return the planned values of a key result that a column T1 to T12 stands for.

    That is, of those at the end of the first month of the cycle with that number.
    """
    day = PlannedValue.on_date
    month = cast(extract("month", day), Integer)
    first = func.make_date(cast(extract("year", day), Integer), month, 1)
    due = func.least(_end_of_month(first, 0), Cycle.end_date)
    values = [func.max(case((month == n, PlannedValue.value))) for n in range(1, 13)]
    return (
        select(*[value.label(name) for name, value in zip(MONTHS, values, strict=True)])
        .where(
            PlannedValue.tenant_id == who.tenant_id,
            PlannedValue.key_result_id == KeyResult.id,
            day == due,
            _end_of_month(first, 0) >= Cycle.start_date,
            _end_of_month(first, 12) < Cycle.start_date,
        )
        .correlate(KeyResult, Cycle)
    )


def _end_of_month(first: Expression, months_before: int) -> Expression:
    to_the_end = literal(f"{1 - months_before} months -1 day")
    return cast(first + cast(to_the_end, Interval), Date)


def _joined(
    who: Principal, wanted: Select[*tuple[object, ...]], months: LateralFromClause
) -> Select[*tuple[object, ...]]:
    tenant = who.tenant_id
    steps = join(
        ActionPlan,
        Action,
        and_(
            ActionPlan.tenant_id == tenant,
            Action.tenant_id == tenant,
            Action.action_plan_id == ActionPlan.id,
        ),
    )
    above_seen = objective_seen(who.sight, _above)
    wanted = (
        wanted.select_from(Objective)
        .join(Unit, and_(Unit.tenant_id == tenant, Unit.id == Objective.unit_id))
        .outerjoin(_over, and_(_over.tenant_id == tenant, _over.id == Unit.parent_id))
        .join(Cycle, and_(Cycle.tenant_id == tenant, Cycle.id == Objective.cycle_id))
        .outerjoin(
            _above, and_(_above.tenant_id == tenant, _above.id == Objective.parent_id, *above_seen)
        )
        .outerjoin(
            KeyResult,
            and_(
                KeyResult.tenant_id == tenant,
                KeyResult.objective_id == Objective.id,
                KeyResult.deleted_at.is_(None),
            ),
        )
        .outerjoin(steps, ActionPlan.key_result_id == KeyResult.id)
        .join(months, true())
    )
    owners = {
        _of_objective: Objective.owner_id,
        _of_key_result: KeyResult.owner_id,
        _of_action: Action.owner_id,
    }
    for person, owner_id in owners.items():
        wanted = wanted.outerjoin(person, and_(person.tenant_id == tenant, person.id == owner_id))
    return wanted
