"""Whatever happens to due dates, reports and states: what is told is what a model tells."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import Tenant, new_tenant
from tests.reminders.model import FIRST, Action, CheckIns, Model
from tests.reminders.reminding import remind, told

from okr_service.kernel.database import Database

_DAYS = st.integers(0, 90).map(lambda n: FIRST + timedelta(days=n))
_CADENCES = st.sampled_from(["weekly", "every_two_weeks", "monthly", None])
_STATES = st.sampled_from(["todo", "doing", "done", "cancelled"])
_STEPS = st.one_of(
    st.tuples(st.just("remind"), st.integers(0, 20)),
    st.tuples(st.just("remind"), st.integers(0, 20)),
    st.tuples(st.just("report"), _DAYS),
    st.tuples(st.just("void"), st.none()),
    st.tuples(st.just("cadence"), _CADENCES),
    st.tuples(st.just("own_cadence"), _CADENCES),
    st.tuples(st.just("last_day"), st.none() | _DAYS),
    st.tuples(st.just("due_date"), st.none() | _DAYS),
    st.tuples(st.just("state"), _STATES),
    st.tuples(st.just("go_on"), st.booleans()),
    st.tuples(st.just("ahead_by"), st.integers(0, 5)),
)
_WRITES = {"report", "void", "own_cadence", "last_day", "due_date", "state"}


class _Lived:
    """Two key results and an action, and the model of them."""

    def __init__(self, app: FastAPI, tenant: Tenant, build: Build) -> None:
        self.app, self.tenant, self.build = app, tenant, build
        self.model, self.today, self.ahead = Model(), FIRST, 1
        self.by_cycle: str | None = "weekly"
        self.own: str | None = None
        self.reports: list[tuple[Json, date]] = []

    async def begin(self) -> None:
        self.cycle = await self.build.cycle(cadence=self.by_cycle)
        self.objective = await self.build.objective(cycle_id=self.cycle["id"])
        self.key_result = await self.build.key_result(self.objective)
        self.plain = await self.build.key_result(self.objective)
        plan = await self.build.action_plan(self.key_result)
        self.action = await self.build.action(plan)
        self.reported, self.left = CheckIns(), CheckIns()
        self.act = Action()
        self.model.things = {
            self.key_result["id"]: self.reported,
            self.plain["id"]: self.left,
            self.action["id"]: self.act,
        }
        self._follow()

    async def step(self, what: str, given: object) -> None:
        """Do something over REST and to the model, unless the objective is closed to it."""
        if what in _WRITES and not self.act.goes_on:
            return
        do: Callable[[Any], Awaitable[None]] = getattr(self, what)
        await do(given)
        self._follow()

    async def remind(self, days: int) -> None:
        self.today += timedelta(days=days)
        await remind(self.app, self.tenant, self.today)
        self.model.remind(self.today, self.ahead)

    async def report(self, day: date) -> None:
        observed_at = f"{day}T08:00:00Z"
        made = await self.build.check_in(self.key_result, 1, observed_at=observed_at)
        self.reports.append((made, day))

    async def void(self, _: None) -> None:
        if self.reports:
            made, _day = self.reports.pop()
            await self.build.post(f"check-ins/{made['id']}:void", reason="Wrong")

    async def cadence(self, cadence: str | None) -> None:
        await self._patch(f"cycles/{self.cycle['id']}", cadence=cadence)
        self.by_cycle = cadence

    async def own_cadence(self, cadence: str | None) -> None:
        await self._patch(f"key-results/{self.key_result['id']}", cadence=cadence)
        self.own = cadence

    async def last_day(self, day: date | None) -> None:
        await self._patch(f"key-results/{self.key_result['id']}", due_date=day and str(day))
        self.reported.own_last = day

    async def due_date(self, day: date | None) -> None:
        await self._patch(f"actions/{self.action['id']}", due_date=day and str(day))
        self.act.due_date = day

    async def state(self, state: str) -> None:
        await self._patch(f"actions/{self.action['id']}", state=state)
        self.act.state = state

    async def ahead_by(self, days: int) -> None:
        await self._patch("tenant", reminder_days_ahead=days)
        self.ahead = days

    async def go_on(self, goes_on: bool) -> None:
        if goes_on != self.act.goes_on:
            verb = "reopen" if goes_on else "close"
            await self.build.post(f"objectives/{self.objective['id']}:{verb}")
        for thing in self.model.things.values():
            thing.goes_on = goes_on

    def _follow(self) -> None:
        self.reported.cadence = self.own or self.by_cycle
        self.left.cadence = self.by_cycle
        self.reported.reports = [day for _, day in self.reports]

    async def _patch(self, path: str, **body: object) -> None:
        changed = await self.build.rest.patch(f"/v1/{path}", json=body)
        assert changed.is_success, changed.text


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    print_blob=True,
)
@given(steps=st.lists(_STEPS, max_size=25))
async def test_what_is_told_is_what_a_model_tells(
    app: FastAPI, database: Database, steps: list[tuple[str, object]]
) -> None:
    tenant = await new_tenant(database)
    async with client(app, tenant.key) as rest:
        lived = _Lived(app, tenant, Build(rest))
        await lived.begin()
        for what, given_ in [*steps, ("remind", 7)]:
            await lived.step(what, given_)
        assert Counter(await told(lived.build)) == lived.model.told
