"""Consumers of the feed: what they make of it, and how they crash."""

import asyncio
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from okr_service.access.policy import Principal
from okr_service.actions.model import Action, ActionPlan
from okr_service.checkins.model import CheckIn
from okr_service.cycles.model import Cycle
from okr_service.events.feed import Feed
from okr_service.events.shapes import EventsWanted
from okr_service.kernel.model import Model
from okr_service.kernel.references import alive
from okr_service.objectives.model import KeyResult, Objective
from okr_service.organisation.model import Person, Unit

_Said = dict[str, Any]  # members of JSON objects
_TABLES: dict[str, type[Any]] = {
    "objectives": Objective,
    "key-results": KeyResult,
    "check-ins": CheckIn,
    "action-plans": ActionPlan,
    "actions": Action,
    "units": Unit,
    "people": Person,
    "cycles": Cycle,
}
_ENDS = ("deleted",)


@dataclass
class Mirror:
    """What is known of each thing by the events applied so far, and where one stands."""

    things: dict[str, _Said] = field(default_factory=dict)  # by subject
    gone: set[str] = field(default_factory=set)
    cursor: str | None = None
    read: list[str] = field(default_factory=list)  # cursors, in order

    def apply(self, event: _Said) -> None:
        subject, action = event["subject"], event["type"].split(".")[2]
        assert subject not in self.gone, event
        if action in _ENDS:
            self.gone.add(subject)
            self.things.pop(subject)
        elif action in ("created", "recorded"):
            assert subject not in self.things, event
            self.things[subject] = dict(event["data"]["after"])
        else:
            said = event["data"]
            self._require_known(subject, said["before"] or {}, event)
            if action == "voided":
                said = {"after": {**said["after"], "voided": True}}
            self.things[subject] |= said["after"]
        self.read.append(event["cursor"])

    def _require_known(self, subject: str, before: _Said, event: _Said) -> None:
        """Ask that what an event says was, is what was known: none was missed or mislaid."""
        known = self.things[subject]
        for name, value in before.items():
            if name in known:
                assert _plain(known[name], value) == value, (name, known[name], event)

    async def compare(self, tx: AsyncConnection, tenant_id: UUID) -> None:
        """Ask that what is known is what is stored, of every thing that there is."""
        for kind, model in _TABLES.items():
            table = Model.metadata.tables[model.__tablename__]
            rows = await tx.execute(
                select(table).where(model.tenant_id == tenant_id, *alive(model))
            )
            stored = {f"{kind}/{row.id}": row._mapping for row in rows}
            known = {s: said for s, said in self.things.items() if s.startswith(f"{kind}/")}
            assert stored.keys() == known.keys(), kind
            for subject, said in known.items():
                row = stored[subject]
                assert (row.get("voided_at") is not None) == said.get("voided", False)
                for name in row.keys() & said.keys():
                    assert _typed(said[name], row[name]) == row[name], (subject, name)


def _plain(known: Any, value: Any) -> Any:
    """Return what is known in the way in which a value is written: figures have two."""
    if isinstance(value, str) and known is not None:
        try:
            return value if Decimal(str(known)) == Decimal(value) else known
        except ArithmeticError:
            return known
    return known


def _typed(said: Any, stored: Any) -> Any:
    match stored:
        case Decimal():
            return Decimal(str(said))
        case UUID():
            return UUID(said)
        case datetime():
            return datetime.fromisoformat(said)
        case date():
            return date.fromisoformat(said)
        case _:
            return said


async def consume(
    feed: Feed, who: Principal, chance: Random, finished: asyncio.Event, crash: float = 0.3
) -> Mirror:
    """Follow the feed to its end, crashing now and then; begins again where it stored last."""

    async def recognise() -> Principal:
        return who

    stored = Mirror()
    while True:
        mirror = deepcopy(stored)
        over = finished.is_set()
        wanted = EventsWanted(after=mirror.cursor, limit=chance.randint(1, 60))
        part = await feed.await_events(recognise, wanted, 0.3)
        for event in part.events():
            mirror.apply(dict(event.event))
            if chance.random() < crash / 20:
                break  # in the middle; nothing of it was stored
        else:
            mirror.cursor = str(part.until)
            if chance.random() > crash:
                stored = mirror
                if over and not part.has_more and not part.data:
                    return stored
