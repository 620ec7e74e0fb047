"""In any organisation with any alignment, progress and ranks are as fractions have them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.build import Json
from tests.conftest import ISSUING
from tests.rollup.exact import rounded

from okr_service.access.policy import Principal, Scope, granted
from okr_service.credentials.tenants import found_with_key
from okr_service.cycles.model import Cycle
from okr_service.kernel.database import Database, Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.model import Model, new_id
from okr_service.objectives.model import Objective
from okr_service.organisation.model import Unit
from okr_service.scorecards import reads
from okr_service.scorecards.shapes import LeagueTableQuestion, ScorecardQuestion

_STATES = ["active", "active", "active", "closed", "draft", "cancelled"]
_CYCLES = ["THIS", "THIS", "THIS", "OTHER"]
_weights = st.sampled_from([Decimal(text) for text in ("1", "1", "0", "3", "0.0001", "33.3333")])
_progress = st.none() | st.sampled_from([Decimal(0), Decimal("0.5")]) | st.decimals(0, 1, places=6)


@dataclass(frozen=True)
class Drawn:
    """An objective: its links are places in the list it is drawn into."""

    unit: int
    above: int | None
    cycle: str
    state: str
    is_deleted: bool
    weight: Decimal
    progress: Decimal | None

    @property
    def counts(self) -> bool:
        return self.cycle == "THIS" and self.state in ("active", "closed") and not self.is_deleted


@dataclass(frozen=True)
class Organisation:
    """Units, by what each is under, and their objectives."""

    units: list[int | None]
    objectives: list[Drawn]

    def progress(self, unit: int) -> Fraction | None:
        """Work out a unit's progress from the definition."""
        measured = [
            (Fraction(one.weight), Fraction(one.progress))
            for place, one in enumerate(self.objectives)
            if one.unit == unit and one.counts and one.progress is not None
            if not any(above.unit == unit and above.counts for above in self._above(place))
        ]
        total = sum(weight for weight, _ in measured)
        if not total:
            return None
        return rounded(sum((w * p for w, p in measured), Fraction(0)) / total)

    def _above(self, place: int) -> Iterator[Drawn]:
        above = self.objectives[place].above
        if above is not None:
            yield self.objectives[above]
            yield from self._above(above)

    def beneath(self, unit: int | None) -> list[int]:
        return [place for place, above in enumerate(self.units) if above == unit]


def _earlier(place: int) -> st.SearchStrategy[int | None]:
    """Draw what is above the one at a place, mostly something."""
    earlier = list(range(place))
    return st.sampled_from([*earlier, *earlier, *earlier, None])


@st.composite
def organisations(draw: st.DrawFn) -> Organisation:
    units = [draw(_earlier(place)) for place in range(draw(st.integers(1, 6)))]
    objectives = [
        Drawn(
            draw(st.integers(0, len(units) - 1)),
            draw(_earlier(place)),
            draw(st.sampled_from(_CYCLES)),
            draw(st.sampled_from(_STATES)),
            draw(st.integers(0, 9)) == 0,
            draw(_weights),
            draw(_progress),
        )
        for place in range(draw(st.integers(0, 16)))
    ]
    return Organisation(units, objectives)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
@given(drawn=organisations())
async def test_every_unit_is_as_far_as_fractions_have_it(
    database: Database, drawn: Organisation
) -> None:
    async with database.transaction() as tx:
        tenant, _ = await found_with_key(tx, "Test", ISSUING)
        ids = await _plant(tx, tenant.tenant_id, drawn)
    who = Principal(tenant.tenant_id, "test", granted([Scope.ADMIN]), "test")

    for unit in range(len(drawn.units)):
        ref = Ref(str(ids[unit]))
        async with database.reading() as tx:
            card = await reads.scorecard(tx, who, ref, ScorecardQuestion(cycle_id=Ref("THIS")))
            table = await reads.league_table(
                tx, who, ref, LeagueTableQuestion(cycle_id=Ref("THIS"))
            )

        assert _simple(json.loads(card)) == _expected(drawn, ids, unit)
        assert _ranks(json.loads(table)) == _expected_ranks(drawn, ids, unit)


async def _plant(tx: Transaction, tenant_id: UUID, drawn: Organisation) -> list[UUID]:
    """Plant an organisation; returns the ids of its units."""
    year = {"start_date": date(2026, 1, 1), "end_date": date(2026, 12, 31)}
    cycles = {
        code: Cycle(tenant_id=tenant_id, id=new_id(), code=code, name=code, **year)
        for code in set(_CYCLES)
    }
    ids = [new_id() for _ in drawn.units]
    units = [
        Unit(
            tenant_id=tenant_id,
            id=ids[place],
            name="ABC"[place % 3],
            kind="team",
            parent_id=None if above is None else ids[above],
        )
        for place, above in enumerate(drawn.units)
    ]
    await _add(tx, [*cycles.values(), *units])
    objective_ids = [new_id() for _ in drawn.objectives]
    await _add(
        tx,
        [
            Objective(
                tenant_id=tenant_id,
                id=objective_ids[place],
                title="O",
                unit_id=ids[one.unit],
                cycle_id=cycles[one.cycle].id,
                parent_id=None if one.above is None else objective_ids[one.above],
                weight=one.weight,
                state=one.state,
                ambition="committed",
                tags=[],
                links=[],
                deleted_at=datetime.now(UTC) if one.is_deleted else None,
                weight_sum=0 if one.progress is None else 1,
                progress_sum=one.progress or 0,
            )
            for place, one in enumerate(drawn.objectives)
        ],
    )
    return ids


async def _add(tx: Transaction, rows: list[Model]) -> None:
    for row in rows:
        tx.add(row)
    await tx.flush()


def _simple(card: Json) -> Json:
    return {
        "id": card["unit"]["id"],
        "progress": _exact(card["progress"]),
        "sub_units": [_simple(unit) for unit in card["sub_units"]],
    }


def _expected(drawn: Organisation, ids: list[UUID], unit: int) -> Json:
    by_name = sorted(drawn.beneath(unit), key=lambda place: (place % 3, ids[place]))
    return {
        "id": str(ids[unit]),
        "progress": drawn.progress(unit),
        "sub_units": [_expected(drawn, ids, place) for place in by_name],
    }


def _ranks(table: Json) -> list[tuple[int | None, str]]:
    return [(one["rank"], one["unit"]["id"]) for one in table["data"]]


def _expected_ranks(
    drawn: Organisation, ids: list[UUID], unit: int
) -> list[tuple[int | None, str]]:
    progress = {place: drawn.progress(place) for place in drawn.beneath(unit)}
    measured = [one for one in progress.values() if one is not None]

    def rank(place: int) -> int | None:
        own = progress[place]
        return None if own is None else 1 + sum(one > own for one in measured)

    ranked = sorted(
        progress, key=lambda place: (rank(place) or len(progress) + 1, place % 3, ids[place])
    )
    return [(rank(place), str(ids[place])) for place in ranked]


def _exact(shown: float | None) -> Fraction | None:
    return None if shown is None else Fraction(str(shown))
