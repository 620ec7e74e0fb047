"""Making the key results of a file so, with their plans, and reporting their values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from uuid import UUID

from okr_service.checkins import service as checkins
from okr_service.checkins.shapes import NewCheckIn, Source
from okr_service.imports.columns import MONTHS
from okr_service.imports.comparing import (
    Differing,
    current_change,
    monthly,
    planned_changes,
)
from okr_service.imports.kinds import CHECK_IN, KEY_RESULT
from okr_service.imports.ledger import CellChange
from okr_service.imports.plan import Key, Thing
from okr_service.imports.present import present_key_results
from okr_service.imports.work import Edit, Import, Work, batches, external
from okr_service.kernel.errors import OkrError
from okr_service.kernel.validation import merging, validated
from okr_service.objectives import key_results
from okr_service.objectives.shapes import NewKeyResult, PlannedFigure


@dataclass(frozen=True)
class _Report:
    """A value that is reported: of which key result, once it is there; what it changes, if old."""

    key_result_id: UUID | None
    change: CellChange | None


def _needs(thing: Thing) -> Mapping[str, Key]:
    return {"objective": thing.key[:1]}


class KeyResults:
    """The key results of one import."""

    def __init__(self, of: Import) -> None:
        self._of = of
        self.work = Work(of, KEY_RESULT, _needs)
        self.reports: dict[Key, _Report] = {}

    async def compare(self) -> None:
        """Find out which are new, which differ, and which values are to be reported."""
        of = self._of
        planned = any(column in of.plan.table.places for column in MONTHS)
        for batch in batches(list(of.plan.key_results.values())):
            keys = ["/".join(one.key) for one in batch]
            found = await present_key_results(of.tx, of.who, keys, planned=planned)
            for thing, key in zip(batch, keys, strict=True):
                present, cycle = found.get(key), of.cycle_of.get(thing.key[0])
                months = planned_changes(thing, present, cycle) if present and cycle else ()
                self.work.compare(thing, present, list(months))
                if present is None and "current" in thing.said:
                    self.reports[thing.key] = _Report(None, None)
                for change in current_change(thing, present) if present else ():
                    self.reports[thing.key] = _Report(present.id if present else None, change)

    async def load(self) -> None:
        """Create and update them."""
        places = {key: place for place, key in enumerate(self._of.plan.key_results, 1)}
        for batch in batches(list(self.work.new.values())):
            await self._create(places, batch)
        for some in batches(list(self.work.differing.values())):
            await self._edit(some)

    async def _create(self, places: Mapping[Key, int], batch: Sequence[Thing]) -> None:
        news = self.work.inputs(batch, partial(self._new, places))
        new = [new for _, new in news]
        made = await key_results.create_key_results(self._of.tx, self._of.who, new)
        await self.work.settle([thing for thing, _ in news], made)
        for (thing, _), row_id in zip(news, made, strict=True):
            if thing.key in self.reports and isinstance(row_id, UUID):
                self.reports[thing.key] = _Report(row_id, None)

    def _new(self, places: Mapping[Key, int], thing: Thing) -> NewKeyResult:
        fields = {
            "external_id": "/".join(thing.key),
            "objective_id": external(thing.key[0]),
            "position": places[thing.key],
            "plan": self._plan_of(thing, []),
            **self._of.frame.said(KEY_RESULT, thing),
        }
        return validated(NewKeyResult, fields)

    async def _edit(self, some: Sequence[Differing]) -> None:
        edits = self.work.edits(some, NewKeyResult)
        asked = {one.present.id: self._with_plan(one.thing, edit) for one, edit in edits}
        done = await key_results.edit_key_results(self._of.tx, self._of.who, asked)
        self.work.settle_edits(edits, done)

    def _with_plan(self, thing: Thing, edit: Edit[NewKeyResult]) -> Edit[NewKeyResult]:
        def planned(present: NewKeyResult) -> NewKeyResult:
            plan = self._plan_of(thing, present.plan)
            return merging(NewKeyResult, {"plan": plan})(edit(present))

        return planned

    def _plan_of(self, thing: Thing, present: Sequence[PlannedFigure]) -> list[object]:
        cycle = self._of.cycle_of.get(thing.key[0])
        months = monthly(thing, cycle) if cycle else ()
        figures: dict[date, object] = {planned.date: planned for planned in present}
        figures |= {day: {"date": day, "value": value} for day, _, value in months}
        return [figures[day] for day in sorted(figures)]

    async def report(self) -> None:
        """Record the values that the file reports, where they are others than those there."""
        ledger = self._of.ledger
        for batch in batches(list(self.reports.items())):
            asked: list[tuple[Thing, NewCheckIn]] = []
            for key, report in batch:
                thing = self._of.plan.key_results[key]
                blocked = ledger.is_blocked(CHECK_IN, thing, {"key_result": key})
                if report.key_result_id is None or blocked:
                    continue
                try:
                    asked.append((thing, self._check_in(thing, report.key_result_id)))
                except OkrError as error:
                    ledger.fail(CHECK_IN, thing, error)
            await self._record(asked)

    def _check_in(self, thing: Thing, key_result_id: UUID) -> NewCheckIn:
        end = self._of.cycle_of[thing.key[0]].end_date
        now = datetime.now(UTC)
        seen = now if now.date() <= end else datetime.combine(end, time(23, 59, 59), UTC)
        fields = {
            "key_result_id": str(key_result_id),
            "value": thing.number("current"),
            "observed_at": seen,
            "source": Source.IMPORT,
        }
        return validated(NewCheckIn, fields)

    async def _record(self, asked: Sequence[tuple[Thing, NewCheckIn]]) -> None:
        if not asked:
            return
        reports = [new for _, new in asked]
        _, errors = await checkins.record_all_or_none(self._of.tx, self._of.who, reports)
        for place, (thing, _) in enumerate(asked):
            change = self.reports[thing.key].change
            if place in errors:
                self._of.ledger.fail(CHECK_IN, thing, errors[place])
            elif change is not None:
                self._of.ledger.updated(thing, [change])
