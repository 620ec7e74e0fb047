"""Tables to report from: a row for each thing, as lists show it.

Links to what the caller does not see are empty, as they are in lists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import ColumnElement, Label, and_, case, exists, func, select, true
from sqlalchemy.orm import aliased

from okr_service.access.policy import Principal
from okr_service.actions.model import Action, ActionPlan
from okr_service.actions.reads import ACTIONS
from okr_service.checkins.model import CheckIn
from okr_service.checkins.reads import CHECK_INS
from okr_service.exports.cells import text_cell
from okr_service.exports.shapes import CheckInsQuestion, EditedQuestion
from okr_service.kernel.copying import Copied, Form
from okr_service.kernel.documents import Collection, Expression
from okr_service.kernel.references import alive
from okr_service.objectives.access import seen_link
from okr_service.objectives.model import KeyResult, Objective
from okr_service.objectives.reads import KEY_RESULTS, OBJECTIVES

Conditions = Sequence[ColumnElement[bool]]


class Kind(Enum):
    """What a column holds."""

    ID = "id"
    WORD = "word"  # one of ours, or a number written as one of lists is
    TEXT = "text"
    FIGURE = "figure"  # exact
    RATIO = "ratio"
    COUNT = "count"
    DAY = "day"
    MOMENT = "moment"
    FLAG = "flag"


@dataclass(frozen=True)
class Table:
    """A kind of thing, the columns it is reported in, and what each holds."""

    collection: Collection
    columns: Mapping[str, Kind]


TABLES = {
    "objectives": Table(
        OBJECTIVES,
        {
            "id": Kind.ID,
            "external_id": Kind.TEXT,
            "title": Kind.TEXT,
            "description": Kind.TEXT,
            "unit_id": Kind.ID,
            "owner_id": Kind.ID,
            "cycle_id": Kind.ID,
            "parent_id": Kind.ID,
            "weight": Kind.RATIO,
            "state": Kind.WORD,
            "ambition": Kind.WORD,
            "private": Kind.FLAG,
            "progress": Kind.RATIO,
            "expected_progress": Kind.RATIO,
            "health": Kind.WORD,
            "final_score": Kind.RATIO,
            "closed_at": Kind.MOMENT,
            "created_at": Kind.MOMENT,
            "updated_at": Kind.MOMENT,
        },
    ),
    "key-results": Table(
        KEY_RESULTS,
        {
            "id": Kind.ID,
            "external_id": Kind.TEXT,
            "objective_id": Kind.ID,
            "title": Kind.TEXT,
            "description": Kind.TEXT,
            "metric": Kind.WORD,
            "unit_of_measure": Kind.TEXT,
            "start_value": Kind.FIGURE,
            "target_value": Kind.FIGURE,
            "target_max": Kind.FIGURE,
            "current_value": Kind.FIGURE,
            "observed_at": Kind.MOMENT,
            "confidence": Kind.WORD,
            "weight": Kind.RATIO,
            "progress": Kind.RATIO,
            "raw_progress": Kind.RATIO,
            "owner_id": Kind.ID,
            "start_date": Kind.DAY,
            "due_date": Kind.DAY,
            "source": Kind.WORD,
            "expected_value": Kind.FIGURE,
            "expected_progress": Kind.RATIO,
            "health": Kind.WORD,
            "check_in_due_date": Kind.DAY,
            "check_in_status": Kind.WORD,
            "created_at": Kind.MOMENT,
            "updated_at": Kind.MOMENT,
        },
    ),
    "actions": Table(
        ACTIONS,
        {
            "id": Kind.ID,
            "external_id": Kind.TEXT,
            "key_result_id": Kind.ID,
            "action_plan_id": Kind.ID,
            "title": Kind.TEXT,
            "note": Kind.TEXT,
            "owner_id": Kind.ID,
            "due_date": Kind.DAY,
            "state": Kind.WORD,
            "weight": Kind.RATIO,
            "done_at": Kind.MOMENT,
            "overdue": Kind.FLAG,
            "created_at": Kind.MOMENT,
            "updated_at": Kind.MOMENT,
        },
    ),
    "check-ins": Table(
        CHECK_INS,
        {
            "id": Kind.ID,
            "external_id": Kind.TEXT,
            "key_result_id": Kind.ID,
            "value": Kind.FIGURE,
            "observed_at": Kind.MOMENT,
            "recorded_at": Kind.MOMENT,
            "confidence": Kind.WORD,
            "comment": Kind.TEXT,
            "obstacles": Kind.TEXT,
            "next_steps": Kind.TEXT,
            "next_check_in_date": Kind.DAY,
            "author_id": Kind.ID,
            "source": Kind.WORD,
            "voids_id": Kind.ID,
            "voided_at": Kind.MOMENT,
            "void_reason": Kind.TEXT,
        },
    ),
}


def objectives(who: Principal, scope: Conditions, asked: EditedQuestion, form: Form) -> Copied:
    """Return what is to be read for the table of objectives."""
    table = TABLES["objectives"]
    masked = {"parent_id": seen_link(who, Objective.parent_id)}
    return _copied(who, table, masked, [*scope, *_edited(Objective, asked)], form)


def key_results(who: Principal, scope: Conditions, asked: EditedQuestion, form: Form) -> Copied:
    """Return what is to be read for the table of key results."""
    conditions = [*_of_objective(who, KeyResult.objective_id, scope), *_edited(KeyResult, asked)]
    return _copied(who, TABLES["key-results"], {}, conditions, form)


def actions(who: Principal, scope: Conditions, asked: EditedQuestion, form: Form) -> Copied:
    """Return what is to be read for the table of actions."""
    its = (ActionPlan.tenant_id == who.tenant_id, ActionPlan.id == Action.action_plan_id)
    key_result = select(ActionPlan.key_result_id).where(*its).correlate(Action).scalar_subquery()
    conditions = [*_of_key_result(who, key_result, scope), *_edited(Action, asked)]
    return _copied(who, TABLES["actions"], {"key_result_id": key_result}, conditions, form)


def check_ins(who: Principal, scope: Conditions, asked: CheckInsQuestion, form: Form) -> Copied:
    """Return what is to be read for the table of check-ins."""
    conditions = _of_key_result(who, CheckIn.key_result_id, scope)
    if asked.voided is not None:
        conditions.append(CheckIn.voided_at.is_not(None) == asked.voided)
    if asked.observed_from:
        conditions.append(CheckIn.observed_at >= asked.observed_from)
    if asked.observed_until:
        conditions.append(CheckIn.observed_at < asked.observed_until)
    if asked.recorded_since:
        conditions.append(CheckIn.recorded_at >= asked.recorded_since)
    return _copied(who, TABLES["check-ins"], {}, conditions, form)


def _copied(
    who: Principal,
    table: Table,
    others: Mapping[str, Expression],
    conditions: Conditions,
    form: Form,
) -> Copied:
    collection = table.collection
    columns: list[Label[object]] = [
        _written(kind, others[name] if name in others else collection.document[name], form).label(
            name
        )
        for name, kind in table.columns.items()
    ]
    seen = [*alive(collection.model), *conditions, *collection.seen(who.sight)]
    rows = select(*columns)
    rows = rows if collection.source is None else rows.select_from(collection.source)
    return Copied(who.tenant_id, collection.model, rows, seen)


def _written(kind: Kind, said: Expression, form: Form) -> Expression:
    if form is Form.LINES:
        return said
    if kind is Kind.TEXT:
        return text_cell(said)
    if kind is Kind.MOMENT:
        return func.to_char(func.timezone("UTC", said), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    if kind is Kind.DAY:
        return func.to_char(said, "YYYY-MM-DD")
    if kind is Kind.FLAG:  # which a COPY would write as t or f
        return case((said.is_(true()), "true"), else_="false")
    return said


def _edited(model: type[Objective | KeyResult | Action], asked: EditedQuestion) -> Conditions:
    return [model.updated_at >= asked.updated_since] if asked.updated_since else []


def _of_objective(
    who: Principal, objective_id: Expression, scope: Conditions
) -> list[ColumnElement[bool]]:
    if not scope:
        return []
    its = (Objective.tenant_id == who.tenant_id, Objective.id == objective_id)
    return [exists().where(*its, *scope).correlate_except(Objective)]


def _of_key_result(
    who: Principal, key_result_id: Expression, scope: Conditions
) -> list[ColumnElement[bool]]:
    if not scope:
        return []
    of = aliased(KeyResult)
    its = and_(of.tenant_id == who.tenant_id, of.id == key_result_id)
    within = _of_objective(who, of.objective_id, scope)
    return [exists().where(its, *within).correlate_except(of)]
