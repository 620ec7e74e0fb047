"""What somebody may have meant by a code that names nothing."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from sqlalchemy import Select, select, union

from okr_service.access.policy import Principal
from okr_service.cycles.model import Cycle
from okr_service.imports.plan import Plan
from okr_service.imports.suggestions import closest
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import FieldError
from okr_service.kernel.references import EXTERNAL, alive
from okr_service.objectives.access import objective_seen
from okr_service.objectives.model import Objective
from okr_service.organisation.model import Person

_MOST_NAMES, _MOST_ERRORS = 5_000, 50


async def with_suggestions(
    tx: Transaction, who: Principal, plan: Plan, errors: Sequence[FieldError]
) -> list[FieldError]:
    """Return errors with what was likely meant, where something similar is there."""
    known: dict[str, list[str]] = {}
    told: list[FieldError] = []
    asked = 0
    for error in errors:
        given = str(error.facts.get("ref") or error.facts.get("given")).removeprefix(EXTERNAL)
        names = _names(who, error.code)
        if names is None or asked >= _MOST_ERRORS:
            told.append(error)
            continue
        asked += 1
        if error.code not in known:
            known[error.code] = [name for name in await tx.scalars(names) if name]
            if error.code == "objective-not-found":
                known[error.code] += [key[0] for key in islice(plan.objectives, _MOST_NAMES)]
        likely = closest(given, sorted({*known[error.code]} - {given}))
        told.append(replace(error, facts=error.facts | {"suggestion": likely}) if likely else error)
    return told


def _names(who: Principal, code: str) -> Select[str | None] | Select[str] | None:
    """Select the names that there are of the kind of thing that an error did not find."""
    match code:
        case "cycle-unknown" | "cycle-not-found":
            return select(Cycle.code).where(Cycle.tenant_id == who.tenant_id).limit(_MOST_NAMES)
        case "objective-not-found":
            of = (Objective.tenant_id == who.tenant_id, *alive(Objective))
            keys = select(Objective.external_id).where(*of, *objective_seen(who.sight))
            return keys.limit(_MOST_NAMES)
        case "person-not-found":
            here = (Person.tenant_id == who.tenant_id, Person.active)
            names = union(
                select(Person.external_id).where(*here), select(Person.email).where(*here)
            ).subquery()
            return select(names.c.external_id).limit(_MOST_NAMES)
        case _:
            return None
