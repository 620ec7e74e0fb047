"""Making the actions of a file so, under a plan for each key result and month."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from okr_service.actions import plans
from okr_service.actions import service as actions
from okr_service.actions.shapes import NewAction, NewActionPlan
from okr_service.imports.calendar import end_of_month
from okr_service.imports.comparing import Differing
from okr_service.imports.ids import named_id
from okr_service.imports.keys import short
from okr_service.imports.kinds import ACTION
from okr_service.imports.plan import Key, Thing
from okr_service.imports.present import (
    Present,
    actions_by_id,
    present_action_plans,
    present_actions,
)
from okr_service.imports.work import Found, Import, Work, external
from okr_service.kernel.errors import OkrError
from okr_service.kernel.spooled import Spooled
from okr_service.kernel.validation import validated


def _needs(thing: Thing) -> Mapping[str, Key]:
    return {"key_result": thing.key[:2]}


class Actions:
    """The actions of one import."""

    def __init__(self, of: Import, key_results: Work) -> None:
        self._of, self._key_results = of, key_results
        self.work = Work(of, ACTION, of.plan.actions, _needs)
        self._plans: Spooled[str, UUID] = Spooled()
        self._unplanned: dict[str, OkrError] = {}

    async def compare(self) -> None:
        """Find out which are new, and which differ."""
        of = self._of
        for batch in self.work.parts():
            keys = [short("/".join(one.key)) for one in batch]
            found = await present_actions(of.tx, of.who, keys)
            others = [one.key[2] for one, key in zip(batch, keys, strict=True) if key not in found]
            by_id = await self._by_id(others)
            for thing, key in zip(batch, keys, strict=True):
                outcome = self.work.compare(thing, found.get(key) or by_id.get(thing.key[2]))
                if outcome is not Found.SAME and not self._key_results.is_new(thing.key[:2]):
                    of.touched.key_result_keys.add("/".join(thing.key[:2]))

    async def _by_id(self, names: Sequence[str]) -> Mapping[str, Present]:
        ids = {name: row_id for name in names if (row_id := named_id(name)) is not None}
        if not ids:
            return {}
        found = await actions_by_id(self._of.tx, self._of.who, list(ids.values()))
        return {name: found[row_id] for name, row_id in ids.items() if row_id in found}

    async def load(self) -> None:
        """Create and update them."""
        for batch in self.work.new():
            await self._create(batch)
        for some in self.work.differing():
            await self._edit(some)

    async def _create(self, batch: Sequence[Thing]) -> None:
        free = [thing for thing in batch if not self.work.is_blocked(thing)]
        await self._plan(free)
        news = self.work.inputs(free, self._new)
        made = await actions.create_actions(self._of.tx, self._of.who, [new for _, new in news])
        await self.work.settle([thing for thing, _ in news], made)

    def _new(self, thing: Thing) -> NewAction:
        key = self._plan_key(thing)
        if (error := self._unplanned.get(key)) is not None:
            raise error
        fields = {
            "external_id": short("/".join(thing.key)),
            "title": thing.key[2],
            "action_plan_id": str(self._plans[key]),
            **self._of.frame.said(ACTION, thing),
        }
        return validated(NewAction, fields)

    async def _edit(self, some: Sequence[Differing]) -> None:
        edits = self.work.edits(some, NewAction)
        asked = {one.present.id: edit for one, edit in edits}
        done = await actions.edit_actions(self._of.tx, self._of.who, asked)
        self.work.settle_edits(edits, done)

    async def _plan(self, things: Sequence[Thing]) -> None:
        """Find or make the plans that new actions are steps of."""
        of = self._of
        wanted = {self._plan_key(thing): thing for thing in reversed(things)}
        unknown = [key for key in wanted if key not in self._plans and key not in self._unplanned]
        present = await present_action_plans(of.tx, of.who, unknown)
        for key, plan_id in present.items():
            self._plans[key] = plan_id
        news: list[tuple[str, NewActionPlan]] = []
        for key in (key for key in unknown if key not in present):
            try:
                news.append((key, self._new_plan(wanted[key], key)))
            except OkrError as error:
                self._unplanned[key] = error
        made = await plans.create_action_plans(of.tx, of.who, [new for _, new in news])
        for (key, _), outcome in zip(news, made, strict=True):
            if isinstance(outcome, OkrError):
                self._unplanned[key] = outcome
            else:
                self._plans[key] = outcome

    def _new_plan(self, thing: Thing, key: str) -> NewActionPlan:
        cycle, due = self._of.cycle_of(thing), thing.said.get("action_due")
        assert cycle is not None, "the key result is in it"
        start, end = cycle.start_date, cycle.end_date
        if isinstance(due, date) and start <= due <= end:
            start = max(start, due.replace(day=1))
            end = min(end, end_of_month(due.year, due.month))
        fields = {
            "external_id": key,
            "key_result_id": external("/".join(thing.key[:2])),
            "title": key,
            "start_date": start,
            "end_date": end,
        }
        return validated(NewActionPlan, fields)

    def _plan_key(self, thing: Thing) -> str:
        due, cycle = thing.said.get("action_due"), self._of.cycle_of(thing)
        period = due.strftime("%Y-%m") if isinstance(due, date) else cycle.code if cycle else ""
        return short("/".join((*thing.key[:2], period)))
