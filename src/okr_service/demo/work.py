"""Planning what the made-up group does about its figures."""

from datetime import date, timedelta
from random import Random

from okr_service.access.policy import Principal
from okr_service.actions.plans import create_action_plan
from okr_service.actions.service import create_action
from okr_service.actions.shapes import ActionState, NewAction, NewActionPlan
from okr_service.demo.periods import month_of
from okr_service.demo.reports import Asked
from okr_service.demo.solutions import BY_DEPARTMENT, OTHERWISE, Solution
from okr_service.kernel.database import Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import EXTERNAL
from okr_service.objectives.shapes import Metric

_MONTHS = 3
_ONE_IN = 5
_WHEN_DUE = (ActionState.DONE,) * 8 + (
    ActionState.DOING,
    ActionState.TODO,
    ActionState.CANCELLED,
)
_BEFORE_DUE = (ActionState.TODO,) * 5 + (ActionState.DOING,) * 4 + (ActionState.DONE,) * 2


async def plan_work(tx: Transaction, who: Principal, asked: Asked) -> None:
    """Plan a key result's last months, where it is measured by actions or chance wants it."""
    by_actions = asked.measure.metric is Metric.ACTIONS
    # A stream of its own: what is planned leaves the reported figures as they are.
    rng = Random(f"{asked.rng.random()}")  # noqa: S311 - nothing secret
    if asked.goal.state != "active" or not (by_actions or rng.randrange(_ONE_IN) == 0):
        return
    known = BY_DEPARTMENT.get(asked.goal.unit.rpartition("-")[2], OTHERWISE)
    first, last = asked.span.first.month, min(asked.span.last, asked.before).month
    for month in range(max(first, last - _MONTHS + 1), last + 1):
        await _plan_month(tx, who, asked, month, known[month % len(known)], rng)


async def _plan_month(
    tx: Transaction, who: Principal, asked: Asked, month: int, solution: Solution, rng: Random
) -> None:
    span = month_of(asked.before.year, month)
    key, owner = f"{asked.key}/KH-{month:02}", Ref(EXTERNAL + asked.owner)
    plan = NewActionPlan(
        external_id=key,
        key_result_id=Ref(EXTERNAL + asked.key),
        title=solution.title,
        expected_result=solution.expected_result,
        owner_id=owner,
        start_date=span.first,
        end_date=span.last,
    )
    await create_action_plan(tx, who, plan)
    for number, step in enumerate(solution.steps, 1):
        due = span.first + timedelta(6 * number + rng.randrange(4))
        action = NewAction(
            external_id=f"{key}/HD{number}",
            action_plan_id=Ref(EXTERNAL + key),
            title=step,
            owner_id=owner,
            due_date=due,
            state=_state(due, asked.before, rng),
            weight=rng.randint(1, 3),
        )
        await create_action(tx, who, action)


def _state(due: date, today: date, rng: Random) -> ActionState:
    return rng.choice(_WHEN_DUE if due < today else _BEFORE_DUE)
