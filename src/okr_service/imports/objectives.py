"""Making the objectives of a file so."""

from collections.abc import Mapping, Sequence

from okr_service.imports.comparing import Differing
from okr_service.imports.kinds import OBJECTIVE
from okr_service.imports.levels import levels
from okr_service.imports.plan import Key, Thing
from okr_service.imports.present import Present, present_objectives
from okr_service.imports.work import Found, Import, Work
from okr_service.kernel.validation import validated
from okr_service.objectives import service as objectives
from okr_service.objectives.service import ObjectiveEdit
from okr_service.objectives.shapes import NewObjective


def _needs(thing: Thing) -> Mapping[str, Key]:
    needs = {
        "unit": thing.text("unit"),
        "cycle": thing.text("cycle"),
        "objective": thing.text("parent_objective"),
    }
    return {kind: (code,) for kind, code in needs.items() if code}


class Objectives:
    """The objectives of one import."""

    def __init__(self, of: Import) -> None:
        self._of = of
        self.work = Work(of, OBJECTIVE, of.plan.objectives, _needs)

    async def compare(self) -> None:
        """Find out which are new, and which differ."""
        of = self._of
        for batch in self.work.parts():
            found = await present_objectives(of.tx, of.who, [one.key[0] for one in batch])
            for thing in batch:
                present = found.get(thing.key[0])
                code = thing.text("cycle") or (str(present.fields["cycle_id"]) if present else "")
                of.cycle_codes[thing.key[0]] = code
                if self.work.compare(thing, present) is not Found.SAME:
                    self._touch(thing, present)

    def _touch(self, thing: Thing, present: Present | None) -> None:
        touched = self._of.touched
        if present is not None:
            touched.objectives |= {present.id, present.within or present.id}
        if parent := thing.text("parent_objective"):
            touched.objective_codes.add(parent)

    async def load(self) -> None:
        """Create and update them, parents before children."""
        of, work = self._of, self.work
        by_level, looping = levels(of.plan, of.plan.objectives, "parent_objective")
        for thing in looping:
            of.ledger.block(OBJECTIVE, thing)
        for level in by_level:
            for batch in work.new(level):
                await self._create(batch)
            for some in work.differing(level):
                await self._edit(some)

    async def _create(self, things: Sequence[Thing]) -> None:
        news = self.work.inputs(things, self._new)
        made = await objectives.create_objectives(
            self._of.tx, self._of.who, [new for _, new in news]
        )
        await self.work.settle([thing for thing, _ in news], made)

    def _new(self, thing: Thing) -> NewObjective:
        said = self._of.frame.said(OBJECTIVE, thing)
        return validated(NewObjective, {"external_id": thing.key[0], **said})

    async def _edit(self, some: Sequence[Differing]) -> None:
        edits = self.work.edits(some, NewObjective)
        asked = {one.present.id: ObjectiveEdit(edit) for one, edit in edits}
        done = await objectives.edit_objectives(self._of.tx, self._of.who, asked)
        self.work.settle_edits(edits, done)
