"""Making the key results of a file so, with their plans, and reporting their values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
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
from okr_service.imports.present import Present, present_key_results
from okr_service.imports.work import Edit, Found, Import, Work, batches, external
from okr_service.kernel.errors import OkrError
from okr_service.kernel.spooled import Spooled
from okr_service.kernel.validation import merging, validated
from okr_service.objectives import key_results
from okr_service.objectives.shapes import NewKeyResult, PlannedFigure


@dataclass(frozen=True)
class _Report:
    """A value that is reported: of which key result, and what that changes, if it is not new."""

    place: int
    key_result_id: UUID
    change: CellChange | None


def _needs(thing: Thing) -> Mapping[str, Key]:
    return {"objective": thing.key[:1]}


class KeyResults:
    """The key results of one import."""

    def __init__(self, of: Import, objectives: Work) -> None:
        self._of, self._objectives = of, objectives
        self.work = Work(of, KEY_RESULT, of.plan.key_results, _needs)
        self._reports: Spooled[int, _Report] = Spooled()  # of those that are there, by place

    async def compare(self) -> None:
        """Find out which are new, which differ, and which values are to be reported."""
        of = self._of
        planned = any(column in of.plan.table.places for column in MONTHS)
        for batch in self.work.parts():
            keys = ["/".join(one.key) for one in batch]
            found = await present_key_results(of.tx, of.who, keys, planned=planned)
            for thing, key in zip(batch, keys, strict=True):
                present, cycle = found.get(key), of.cycle_of(thing)
                months = planned_changes(thing, present, cycle) if present and cycle else ()
                outcome = self.work.compare(thing, present, list(months))
                reports = self._compare_value(thing, present)
                if present is None and not self._objectives.is_new(thing.key[:1]):
                    of.touched.objective_codes.add(thing.key[0])
                elif present is not None and (reports or outcome is Found.DIFFERING):
                    of.touched.key_result_keys.add(key)

    def _compare_value(self, thing: Thing, present: Present | None) -> bool:
        """Say whether a value is to be reported."""
        change = next(current_change(thing, present), None) if present else None
        if present is None or change is None:
            return False
        self._reports[thing.place] = _Report(thing.place, present.id, change)
        return True

    async def load(self) -> None:
        """Create them, with the values that the file reports of them, and update them."""
        for batch in self.work.new():
            await self._create(batch)
        for some in self.work.differing():
            await self._edit(some)

    async def _create(self, batch: Sequence[Thing]) -> None:
        news = self.work.inputs(batch, self._new)
        new = [new for _, new in news]
        made = await key_results.create_key_results(self._of.tx, self._of.who, new)
        await self.work.settle([thing for thing, _ in news], made)
        reports = [
            (thing, _Report(thing.place, row_id, None))
            for (thing, _), row_id in zip(news, made, strict=True)
            if "current" in thing.said and isinstance(row_id, UUID)
        ]
        await self._report(reports)

    def _new(self, thing: Thing) -> NewKeyResult:
        fields = {
            "external_id": "/".join(thing.key),
            "objective_id": external(thing.key[0]),
            "position": thing.place + 1,
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
        cycle = self._of.cycle_of(thing)
        months = monthly(thing, cycle) if cycle else ()
        figures: dict[date, object] = {planned.date: planned for planned in present}
        figures |= {day: {"date": day, "value": value} for day, _, value in months}
        return [figures[day] for day in sorted(figures)]

    async def report(self) -> None:
        """Record the values that the file reports of those that were there, where they differ."""
        for part in batches(range(len(self._reports))):
            reports = self._reports.at(part)
            things = self.work.things.at([report.place for report in reports])
            await self._report(list(zip(things, reports, strict=True)))

    async def _report(self, reports: Sequence[tuple[Thing, _Report]]) -> None:
        ledger = self._of.ledger
        asked: list[tuple[Thing, _Report, NewCheckIn]] = []
        for thing, report in reports:
            if ledger.is_blocked(CHECK_IN, thing, {"key_result": thing.key}):
                continue
            try:
                check_in = self._check_in(thing, report.key_result_id)
                asked.append((thing, report, check_in))
            except OkrError as error:
                ledger.fail(CHECK_IN, thing, error)
        await self._record(asked)

    def _check_in(self, thing: Thing, key_result_id: UUID) -> NewCheckIn:
        cycle = self._of.cycle_of(thing)
        assert cycle is not None, "the key result is in it"
        end = cycle.end_date
        now = datetime.now(UTC)
        seen = now if now.date() <= end else datetime.combine(end, time(23, 59, 59), UTC)
        fields = {
            "key_result_id": str(key_result_id),
            "value": thing.number("current"),
            "observed_at": seen,
            "source": Source.IMPORT,
        }
        return validated(NewCheckIn, fields)

    async def _record(self, asked: Sequence[tuple[Thing, _Report, NewCheckIn]]) -> None:
        if not asked:
            return
        news = [new for *_, new in asked]
        _, errors = await checkins.record_all_or_none(self._of.tx, self._of.who, news)
        for nth, (thing, report, _) in enumerate(asked):
            if nth in errors:
                self._of.ledger.fail(CHECK_IN, thing, errors[nth])
            elif report.change is not None:
                self._of.ledger.updated(thing, [report.change])
