"""A statement with slots: kept for a query's shape, filled for each request."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphql.execution.values import VariableValues

from okr_service.access.policy import Permission, Principal
from okr_service.kernel.reach import PERSON, UNITS

SLOT = "\0"

Filled = tuple[str, list[object]]  # conditions as text, and the values of its $1, $2, …
Fill = Callable[[Principal, VariableValues], Filled]


@dataclass(frozen=True)
class Statement:
    """A statement with slots, the permissions it takes, and about how many nodes it shows."""

    parts: Sequence[str]  # every second one is the number of a slot
    slots: Sequence[Fill]
    needs: frozenset[Permission]
    cost: int

    def filled(self, who: Principal, variables: VariableValues) -> tuple[str, list[object]]:
        """Return the statement of one request and the values of its parameters."""
        values: list[object] = [who.tenant_id]
        text = list(self.parts)
        for place in range(1, len(text), 2):
            condition, given = self.slots[int(text[place])](who, variables)
            text[place] = _numbered_from(len(values), condition)
            values += given
        whole = "".join(text)
        if f":{UNITS}" in whole:
            place = len(values)
            values += who.sight.parameters.values()
            whole = whole.replace(f":{UNITS}", f"${place + 1}::uuid[]")
            whole = whole.replace(f":{PERSON}", f"${place + 2}::uuid")
        return whole, values


def _numbered_from(start: int, text: str) -> str:
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + start}", text)
