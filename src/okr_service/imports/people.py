"""Whom a file means: people by HR's key for them, or by where to write to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, or_, select

from okr_service.access.policy import Principal
from okr_service.imports.errors import PersonAmbiguous, PersonLeft
from okr_service.kernel.database import Transaction
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import among
from okr_service.organisation.errors import PersonNotFound
from okr_service.organisation.model import Person


@dataclass(frozen=True)
class _Found:
    id: UUID
    active: bool


@dataclass(frozen=True)
class People:
    """Those whom a file names."""

    by_key: Mapping[str, _Found]
    by_email: Mapping[str, list[_Found]]

    def find(self, name: str) -> UUID:
        """Return the id of the one person who is meant.

        Raises:
            PersonNotFound, PersonAmbiguous.
        """
        return self._find(name).id

    def ref(self, name: str) -> Ref:
        """Return a reference to who is meant, and works here.

        Raises:
            PersonNotFound, PersonAmbiguous, PersonLeft.
        """
        found = self._find(name)
        if not found.active:
            raise PersonLeft(name)
        return Ref(str(found.id))

    def _find(self, name: str) -> _Found:
        if (found := self.by_key.get(name)) is not None:
            return found
        by_email = self.by_email.get(name.lower(), [])
        if not by_email:
            raise PersonNotFound(name)
        if len(by_email) > 1:
            raise PersonAmbiguous(name)
        return by_email[0]


async def find_people(tx: Transaction, who: Principal, names: Iterable[str]) -> People:
    """Look up everybody whom a file names."""
    wanted = sorted(set(names))
    if not wanted:
        return People({}, {})
    email = func.lower(Person.email.collate("C"))
    named = or_(
        among(Person.external_id, wanted),
        among(email, sorted({name.lower() for name in wanted})),
    )
    found = select(Person.id, Person.external_id, Person.email, Person.active)
    by_key: dict[str, _Found] = {}
    by_email: dict[str, list[_Found]] = {}
    for row in await tx.execute(found.where(Person.tenant_id == who.tenant_id, named)):
        person = _Found(row.id, row.active)
        if row.external_id:
            by_key[row.external_id] = person
        if row.email:
            by_email.setdefault(row.email.lower(), []).append(person)
    return People(by_key, by_email)
