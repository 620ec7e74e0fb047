"""Answering an operation: whole by one statement where that can be, else by the executor."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

import orjson
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from graphql import GraphQLError, execute
from okr_service.access.policy import require
from okr_service.graphql.asked import Asked, Resolving
from okr_service.graphql.execution import PassingFragments
from okr_service.graphql.faults import all_shown, read
from okr_service.graphql.names import as_ours
from okr_service.graphql.roots import Question, ReadCall
from okr_service.graphql.writing import written
from okr_service.kernel.errors import OkrError, Unavailable
from okr_service.kernel.fields import Ref
from okr_service.kernel.telemetry import durations, timed

_durations = durations("okr.graphql.operation.duration", "How long operations took to answer.")
_ERRORS = b'{"errors":'


@dataclass(frozen=True)
class Answering:
    """Answers one operation; root fields that the executor comes to ask it in their turn."""

    asked: Asked

    async def answered(self) -> bytes:
        """Return the response as JSON.

        Raises:
            Unavailable: the database is.
        """
        kind = self.asked.prepared.operation.operation.value
        with timed(_durations, type=kind, outcome="failed") as told:
            body = await self._answered()
            told["outcome"] = "errors" if body.startswith(_ERRORS) else "ok"
        return body

    async def _answered(self) -> bytes:
        if self.asked.prepared.is_projectable:
            whole = await self._projected()
            if whole is not None:
                return whole
        return await self._executed()

    async def _projected(self) -> bytes | None:
        """Return the response made by one statement; None where something is to be refused."""
        asked = self.asked
        sees_everything = asked.who.sight.everything
        try:
            plan = asked.operations.plan(
                asked.prepared, asked.variables, sees_everything=sees_everything
            )
            found = [] if plan.statement is None else await asked.read(plan.statement)
        except Unavailable:
            raise
        except OkrError:
            return None
        members, errors = [f'"{key}":"Query"'.encode() for key in plan.names], []
        for (key, (node, kind)), shown in zip(plan.columns.items(), found, strict=True):
            members.append(f'"{key}":'.encode() + (shown or b"null"))
            if shown is None and kind is not None:
                absent = kind.absent(asked.reference(node))
                errors.append(GraphQLError("", [node], path=[key], original_error=absent))
        return self._response(b"{" + b",".join(members) + b"}", errors)

    async def _executed(self) -> bytes:
        asked = self.asked
        result = execute(
            asked.operations.schema,
            asked.prepared.document,
            context_value=self,
            variable_values=dict(asked.raw_variables),
            operation_name=asked.prepared.name,
            executor_class=PassingFragments,
        )
        if isinstance(result, Awaitable):
            result = await result
        data = orjson.dumps(result.data, default=str)
        return self._response(data, result.errors or [])

    def _response(self, data: bytes, errors: list[GraphQLError]) -> bytes:
        if not errors:
            return b'{"data":' + data + b"}"
        shown = all_shown(errors, self.asked.language, self.asked.who.request_id)
        told = orjson.dumps(shown, default=str)
        return _ERRORS + told + b',"data":' + data + b"}"

    # Root fields that the executor comes to.

    async def answer(self, info: Info) -> object:
        """Return what a root field comes to."""
        raw: Resolving = info._raw_info  # noqa: SLF001 - there is no other way to it
        roots = self.asked.operations.roots
        if (write := roots.writes.get(raw.field_name)) is not None:
            return await written(self.asked, write, raw)
        if (question := roots.questions.get(raw.field_name)) is not None:
            return await self._question(question, raw)
        return await self._node(raw)

    async def _node(self, raw: Resolving) -> object:
        asked, making = self.asked, self.asked.projection()
        text, kind = asked.operations.column(making, raw.field_nodes)
        (shown,) = await asked.read(asked.operations.affordable(making.statement([text])))
        if shown is None and kind is not None:
            raise kind.absent(asked.reference(raw.field_nodes[0]))
        return None if shown is None else orjson.Fragment(shown)

    async def _question(self, question: Question, raw: Resolving) -> object:
        who, given = self.asked.who, self.asked.arguments(raw)
        require(who, question.permission)
        named = Ref(str(given[question.of])) if question.of else Ref("")
        rest = {name: value for name, value in given.items() if name != question.of}
        wanted = read(question.asked, _given(rest)) if question.asked else None

        async def ask(tx: AsyncConnection) -> str:
            return await question.ask(ReadCall(who, tx, self.asked.language), named, wanted)

        text = await self.asked.reads.read(who.tenant_id, ask)
        return orjson.loads(text) if issubclass(question.view, BaseModel) else text


def _given(arguments: Mapping[str, object]) -> object:
    """Return arguments with our names, without those left out."""
    kept = {name: value for name, value in arguments.items() if value is not None}
    return as_ours(kept)
