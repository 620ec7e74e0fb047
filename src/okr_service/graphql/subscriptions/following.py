"""One subscription: its responses, one after the other, for good."""

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Hashable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, TypeVar

import orjson
from graphql.execution.execute import Executor
from graphql.execution.values import VariableValues
from strawberry.types.info import Info

from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    VariableNode,
    Visitor,
    create_source_event_stream,
    execute_subscription_event,
    visit,
)
from okr_service.access.policy import Grants, Principal, require
from okr_service.events.broadcast import PATIENCE
from okr_service.events.cursors import Cursor
from okr_service.events.feed import Recognise
from okr_service.events.happenings import Happening, Stretch
from okr_service.graphql.asked import Asked, Resolving
from okr_service.graphql.execution import PassingFragments
from okr_service.graphql.faults import read
from okr_service.graphql.names import as_ours
from okr_service.graphql.operations import DocumentErrors, Plan, Prepared
from okr_service.graphql.projection.root_fields import HAPPENED_TO
from okr_service.graphql.roots import Followed, ReadCall, Wanted
from okr_service.graphql.subscriptions.renditions import Renditions
from okr_service.kernel.database import fetch_bytes
from okr_service.kernel.errors import Unavailable
from okr_service.kernel.fields import Ref

_T = TypeVar("_T")
_APART = 0.1  # seconds between two looks at what happened, where it happens all the time
_PAUSE, _TRIES = 1.0, 30  # while the database does not answer


@dataclass(frozen=True, slots=True)
class Response:
    """One response of a subscription, and where to go on after it."""

    cursor: Cursor
    body: bytes


class Following:
    """Follows what happens for one subscription of somebody's, from a cursor on."""

    __slots__ = (
        "_again", "_asked", "_begins", "_failures", "_followed", "_grants",
        "_looked", "_recognise", "_renditions", "_shared", "_view", "_wanted", "cursor",
    )  # fmt: skip

    def __init__(self, asked: Asked, recognise: Recognise, renditions: Renditions) -> None:
        self._asked = asked
        self._recognise = recognise
        self._renditions = renditions
        self._failures = 0
        self._looked = 0.0
        self._grants: Grants | None = None

    async def begin(self, after: str | None = None) -> None:
        """Find out what is followed, from where on; a cursor counts instead of the one asked.

        Raises:
            DocumentErrors: it cannot be followed, and why.
        """
        self._require_chosen()
        self._again = after
        source = await _awaited(create_source_event_stream(self._executor()))
        if isinstance(source, ExecutionResult):
            raise DocumentErrors(source.errors or [])
        self._shared = _shared_variables(self._asked)

    def _executor(self) -> Executor[object]:
        """Return what executes the operation: made when it is needed, for each takes 2 kB."""
        asked = self._asked
        executor = PassingFragments.build(
            asked.operations.schema,
            asked.prepared.document,
            context_value=self,
            raw_variable_values=dict(asked.raw_variables),
            operation_name=asked.prepared.name,
        )
        if isinstance(executor, list):
            raise DocumentErrors(executor)
        return executor

    def _require_chosen(self) -> None:
        """Let an operation through whose one root field is not skipped."""
        asked = self._asked
        making = asked.operations.projection(asked.prepared, asked.variables, sees_everything=False)
        roots = [asked.prepared.operation.selection_set]
        if not making.selecting.collect("Subscription", roots):
            raise DocumentErrors([GraphQLError("Nothing is left to follow.")])

    async def answer(self, info: Info) -> "Following":
        """Return what the root field of the subscription comes to: what there is to follow."""
        raw: Resolving = info._raw_info  # noqa: SLF001 - there is no other way to it
        asked, who = self._asked, self._asked.who
        self._followed = followed = asked.operations.roots.followed[raw.field_name]
        require(who, followed.permission)
        given = asked.arguments(raw)
        self._require_shown(who)
        self._wanted = await self._chosen(who, followed, given)
        after = self._again or given.get("after")
        self.cursor = self._begins = await asked.service.feed.start(who, after)
        return self

    async def _chosen(self, who: Principal, followed: Followed, given: Mapping[str, Any]) -> Wanted:
        of = Ref(str(given[followed.of])) if followed.of else Ref("")
        narrowed = None
        if followed.filter is not None:
            narrowed = read(followed.filter, as_ours(given.get("filter") or {}), "/filter")
        asked = self._asked
        async with asked.service.database.reading(who.tenant_id) as tx:
            return await followed.choose(ReadCall(who, tx, asked.language), of, narrowed)

    def __aiter__(self) -> "Following":
        """Be the source of the subscription's events (GraphQL, 6.2.3.1)."""
        return self

    async def __anext__(self) -> Response:
        """Return the next response, however long it takes."""
        while (found := await self.next()) is None:
            pass
        return found

    async def next(self) -> Response | None:
        """Return the next response, or None where there was none for some seconds.

        Raises:
            NotPermitted, and what `recognise` raises: the caller is not let in any more.
            EventsForgotten, CursorOfAnotherFeed, Unavailable.
        """
        ends = monotonic() + PATIENCE
        try:
            found = None
            while found is None and monotonic() < ends:
                found = await self._look()
            self._failures = 0
        except Unavailable:
            self._failures += 1
            if self._failures > _TRIES:
                raise
            await asyncio.sleep(_PAUSE)
            return None
        return found

    async def _look(self) -> Response | None:
        """Return the next response out of a stretch of the feed, or go past it."""
        stretch = await self._stretch()
        who = await self._recognise()
        require(who, self._followed.permission)
        for happening in _beyond(stretch, self.cursor):
            if self._is_told(happening, who):
                body = await self._rendition(happening, who)
                self.cursor = happening.cursor
                if body is not None:
                    return Response(happening.cursor, body)
        self.cursor = self._begins = stretch.until
        return None

    async def _stretch(self) -> Stretch:
        """Return the stretch of the feed in which the cursor stands, or the one after it.

        It is not held meanwhile: whoever is slow shall not keep it from being forgotten.
        """
        broadcast, tenant_id = self._asked.service.feed.broadcast, self._asked.who.tenant_id
        if self.cursor != self._begins:
            kept = broadcast.kept(tenant_id, self._begins)
            if kept is not None:
                return kept
            self._begins = self.cursor
        early = self._looked + _APART - monotonic()
        if early > 0:
            await asyncio.sleep(early)
        found = await broadcast.after(tenant_id, self._begins)
        self._looked = 0.0 if found.more else monotonic()
        return found

    def _is_told(self, happening: Happening, who: Principal) -> bool:
        return (
            happening.type is self._followed.event
            and happening.is_seen(who.sight)
            and self._wanted(happening, who.sight)
        )

    async def _rendition(self, happening: Happening, who: Principal) -> bytes | None:
        if who.grants is not self._grants:  # it is the same object as long as they are believed
            self._grants, self._view = who.grants, _view_of(who)
        key = (happening.cursor, self._asked.prepared, self._shared, self._view)
        return await self._renditions.made(key, lambda: self._render(happening, who))

    async def _render(self, happening: Happening, who: Principal) -> bytes | None:
        """Return the response that tells of an event; None where nothing is left to show."""
        plan, shown = self._require_shown(who), {}
        if plan.statement is not None:
            found = await self._fetch(plan, happening, who)
            if None in found:
                return None
            of = zip(plan.columns, found, strict=True)
            shown = {key: orjson.Fragment(text) for key, text in of if text}
        payload = {
            "cursor": str(happening.cursor),
            "occurred_at": happening.occurred_at,
            **self._followed.tell(happening),
            "shown": shown,
        }
        making = self._executor().build_per_event_executor(payload)
        result = await _awaited(execute_subscription_event(making))
        if result.errors:
            raise DocumentErrors(result.errors)
        return b'{"data":' + orjson.dumps(result.data, default=str) + b"}"

    def _require_shown(self, who: Principal) -> Plan:
        """Return how to show what something happened to, to a caller who may see it all.

        Raises:
            NotPermitted, TooCostly, FirstOutOfRange.
        """
        asked = self._asked
        plan = asked.operations.plan_told(
            asked.prepared, asked.variables, sees_everything=who.sight.everything
        )
        if plan.statement is not None:
            replace(asked, who=who).require(plan.statement)
        return plan

    async def _fetch(self, plan: Plan, happening: Happening, who: Principal) -> list[bytes | None]:
        variables, row = self._asked.variables, {HAPPENED_TO: happening.subject_id}
        filled = VariableValues(variables.sources, {**variables.coerced, **row})
        assert plan.statement is not None
        text, values = plan.statement.filled(who, filled)
        async with self._asked.service.database.reading(who.tenant_id) as tx:
            return await fetch_bytes(tx, text, values)


def _beyond(stretch: Stretch, cursor: Cursor) -> list[Happening]:
    """Return what of a stretch is beyond a cursor."""
    found = stretch.happenings
    return list(found[bisect_right(found, cursor.place, key=lambda one: one.cursor.place) :])


def _view_of(who: Principal) -> Hashable:
    """Return what of a caller decides what they are shown."""
    # A frozen set works out its hash once.
    return who.tenant_id, frozenset(who.grants.items()), who.person_id, who.unit_id


def _shared_variables(asked: Asked) -> Hashable:
    """Return the variables that decide what a response shows, and its language.

    Those that only say what is followed, and from where on, are others than that.
    """
    names = _names_within(asked.prepared)
    values = {name: value for name, value in asked.raw_variables.items() if name in names}
    text = orjson.dumps(values, default=str, option=orjson.OPT_SORT_KEYS)
    return asked.language, text.decode()  # orjson's own bytes keep the 4 kB they began with


async def _awaited(value: Awaitable[_T] | _T) -> _T:
    return await value if isinstance(value, Awaitable) else value


class _Names(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.found.add(node.name.value)


def _names_within(prepared: Prepared) -> set[str]:
    names = _Names()
    for node in prepared.operation.selection_set.selections:
        if not isinstance(node, FieldNode):
            visit(node, names)
        elif node.selection_set is not None:
            visit(node.selection_set, names)
    for part in prepared.fragments.values():
        visit(part, names)
    return names.found
