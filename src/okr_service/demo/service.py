"""Planning the made-up group for a tenant."""

from dataclasses import dataclass
from datetime import date
from functools import partial
from random import Random
from uuid import UUID

from sqlalchemy import select

from okr_service.access.policy import Principal, Scope, granted
from okr_service.audit.service import gathered
from okr_service.cycles import service as cycles
from okr_service.demo import group, reports, work
from okr_service.demo.course import monthly_plan
from okr_service.demo.past import live_through
from okr_service.demo.periods import code_and_span, planned_cycles
from okr_service.demo.sketch import ALL_YEAR, Goal, Measure
from okr_service.demo.staff import Employee, staff
from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.references import EXTERNAL
from okr_service.objectives import key_results
from okr_service.objectives import service as objectives
from okr_service.objectives.shapes import (
    Ambition,
    Format,
    Metric,
    NewKeyResult,
    NewObjective,
    ObjectiveState,
    PlannedFigure,
)
from okr_service.organisation import service as organisation
from okr_service.organisation.model import Unit
from okr_service.organisation.shapes import NewPerson, NewUnit, UnitKind
from okr_service.rollup import service as rollup

_CANCELLED_AFTER = (4, 30)


def external(key: str) -> Ref:
    """Return the reference that names a row by its external id."""
    return Ref(f"{EXTERNAL}{key}")


@dataclass(frozen=True)
class _Planning:
    """One planning of the group: into what, as whom, when, by which seed."""

    tx: Transaction
    who: Principal
    today: date
    seed: int
    people: dict[str, list[Employee]]


async def plan_demo(database: Database, tenant_id: UUID, today: date, seed: int = 2026) -> bool:
    """Plan the group as it would be on a day that is not in the future.

    The same seed gives the same group, and the same history up to the day. Returns
    False, having done nothing, where the tenant has units already.
    """
    who = Principal(tenant_id, "demo", granted([Scope.ADMIN]), "demo")
    async with database.transaction(tenant_id) as tx:
        await hold_structure(tx, tenant_id, alone=True)
        if await tx.scalar(select(Unit.id).where(Unit.tenant_id == tenant_id).limit(1)):
            return False
        async with rollup.deferred(tx, tenant_id), gathered(tx, who):
            await _plan(_Planning(tx, who, today, seed, staff(seed)))
        await live_through(tx, tenant_id, today)
    return True


async def _plan(planning: _Planning) -> None:
    await _units(planning)
    await _people(planning)
    for cycle in planned_cycles(planning.today.year):
        await cycles.create_cycle(planning.tx, planning.who, cycle)
    goals = [goal for company in group.GROUP for goal in company.goals]
    asked = [asked for goal in goals for asked in await _goal(planning, goal)]
    for one in asked:
        await work.plan_work(planning.tx, planning.who, one)
    await reports.report(planning.tx, planning.who, asked)
    for goal in goals:
        await _end(planning, goal)


async def _units(planning: _Planning) -> None:
    create = partial(organisation.create_unit, planning.tx, planning.who)
    for company in group.GROUP:
        top = company is group.TOP
        kind = UnitKind.GROUP if top else UnitKind.COMPANY
        parent = None if top else external(group.TOP.code)
        new = NewUnit(external_id=company.code, name=company.name, kind=kind, parent_id=parent)
        await create(new)
        for end, name in company.departments.items():
            code, above = f"{company.code}-{end}", external(company.code)
            await create(NewUnit(external_id=code, name=name, parent_id=above))


async def _people(planning: _Planning) -> None:
    for unit, employees in planning.people.items():
        for employee in employees:
            new = NewPerson(
                external_id=employee.code,
                name=employee.name,
                email=employee.email,
                job_title=employee.job_title,
                unit_id=external(unit),
            )
            await organisation.create_person(planning.tx, planning.who, new)
        manager = external(employees[0].code)
        lead = partial(NewUnit.model_copy, update={"manager_id": manager})
        await organisation.edit_unit(planning.tx, planning.who, external(unit), lead)


async def _goal(planning: _Planning, goal: Goal) -> list[reports.Asked]:
    code, span = code_and_span(goal.cycle, planning.today)
    team = planning.people[goal.unit]
    state = goal.state if planning.today >= span.first else "draft"
    new = NewObjective(
        external_id=goal.external_id,
        title=goal.title,
        unit_id=external(goal.unit),
        owner_id=external(team[1 if goal.personal else 0].code),
        cycle_id=Ref(code),
        parent_id=external(f"MT-{goal.under}") if goal.under else None,
        weight=goal.weight,
        state=ObjectiveState.DRAFT if state == "draft" else ObjectiveState.ACTIVE,
        ambition=Ambition.ASPIRATIONAL if goal.stretch else Ambition.COMMITTED,
        tags=list(goal.tags),
    )
    await objectives.create_objective(planning.tx, planning.who, new)
    before = planning.today
    if state == "cancelled":
        before = min(before, date(before.year, *_CANCELLED_AFTER))
    made = []
    for place, measure in enumerate(goal.measures, 1):
        key = f"{goal.external_id}/KR{place}"
        rng = Random(f"{planning.seed}/{key}")  # noqa: S311 - nothing secret
        owner = team[1] if goal.personal else rng.choice(team)
        await _key_result(planning, goal, measure, place, owner)
        made.append(reports.Asked(key, measure, goal, span, before, owner.code, rng))
    return [] if state == "draft" else made


async def _key_result(
    planning: _Planning, goal: Goal, measure: Measure, place: int, owner: Employee
) -> None:
    is_money, is_share = measure.uom == "VND", measure.uom == "%"
    new = NewKeyResult(
        external_id=f"{goal.external_id}/KR{place}",
        objective_id=external(goal.external_id),
        title=measure.title,
        metric=measure.metric,
        unit_of_measure=measure.uom,
        format=Format.CURRENCY if is_money else Format.PERCENT if is_share else Format.NUMBER,
        currency="VND" if is_money else None,
        start_value=measure.start,
        target_value=measure.target,
        target_max=measure.upper,
        weight=measure.weight,
        owner_id=external(owner.code),
        position=place,
        plan=_plan_of(measure, goal, planning.today.year),
    )
    await key_results.create_key_result(planning.tx, planning.who, new)


def _plan_of(measure: Measure, goal: Goal, year: int) -> list[PlannedFigure]:
    if goal.cycle != ALL_YEAR or measure.metric not in (Metric.INCREASE, Metric.DECREASE):
        return []
    return [PlannedFigure(date=day, value=value) for day, value in monthly_plan(measure, year)]


async def _end(planning: _Planning, goal: Goal) -> None:
    _, span = code_and_span(goal.cycle, planning.today)
    if goal.state == "cancelled":
        state = ObjectiveState.CANCELLED
    elif goal.state == "active" and span.last < planning.today:
        state = ObjectiveState.CLOSED
    else:
        return
    ref = external(goal.external_id)
    await objectives.set_objective_state(planning.tx, planning.who, ref, state)
