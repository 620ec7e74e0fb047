"""How far something that a caller may do, or see, reaches: one rule, asked in Python or in SQL.

A thing is within reach where it belongs to a unit in reach, or to the person. `covers` asks
it of one thing at hand, `condition` of rows yet to be read; `okr_within` in the database is
the same rule for `.sql` files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    SQLColumnExpression,
    Uuid,
    bindparam,
    func,
    literal,
)

UNITS, PERSON = "reach_units", "reach_person"


def reach_parameters() -> tuple[BindParameter[Sequence[UUID]], BindParameter[UUID]]:
    """Return the parameters that a `.sql` file names to ask `okr_within`."""
    return bindparam(UNITS, type_=ARRAY(Uuid)), bindparam(PERSON, type_=Uuid)


@dataclass(frozen=True, slots=True)
class Reach:
    """Everything, or what belongs to some units or to a person."""

    everything: bool = False
    units: frozenset[UUID] = frozenset()
    person_id: UUID | None = None

    def __or__(self, other: "Reach") -> "Reach":
        """Return the reach of either; both are one caller's, so of one person if any."""
        return Reach(
            self.everything or other.everything,
            self.units | other.units,
            self.person_id or other.person_id,
        )

    def includes(self, other: "Reach") -> bool:
        """Say whether all that is within the other reach is within this one."""
        if self.everything or other.everything:
            return self.everything
        return other.units <= self.units and other.person_id in (None, self.person_id)

    def covers(self, unit_id: UUID, owners: Sequence[UUID | None]) -> bool:
        """Say whether a thing of this unit and these owners is within reach."""
        mine = self.person_id is not None and self.person_id in owners
        return self.everything or unit_id in self.units or mine

    def condition(
        self, unit_id: SQLColumnExpression[UUID], owner_id: SQLColumnExpression[UUID | None]
    ) -> ColumnElement[bool]:
        """Return the condition that a row of this unit and owner is within reach."""
        given = self.parameters
        units = literal(given[UNITS], ARRAY(Uuid))
        return func.okr_within(unit_id, owner_id, units, literal(given[PERSON], Uuid))

    @property
    def parameters(self) -> dict[str, object]:
        """Return the values of `reach_parameters`; no list of units stands for everything."""
        return {UNITS: None if self.everything else sorted(self.units), PERSON: self.person_id}


EVERYTHING = Reach(everything=True)
NOWHERE = Reach()
