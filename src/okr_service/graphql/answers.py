"""Answering an operation: whole by one statement where that can be, else by the executor."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from graphql.execution.values import VariableValues
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from strawberry.types.info import Info

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLResolveInfo,
    execute,
    get_argument_values,
    print_ast,
)
from okr_service.access.policy import Principal, require
from okr_service.access.serving import Service
from okr_service.graphql.faults import all_shown, located, read
from okr_service.graphql.names import as_ours, camel
from okr_service.graphql.operations import Operations, Prepared
from okr_service.graphql.projection.statement import Statement
from okr_service.graphql.roots import (
    Ask,
    AskingCall,
    Done,
    Question,
    ReadCall,
    Write,
    WriteCall,
)
from okr_service.graphql.schema import PassingFragments
from okr_service.kernel.database import Reading, Transaction, fetch_bytes, is_retryable
from okr_service.kernel.errors import (
    Conflict,
    Invalid,
    NotFound,
    OkrError,
    PreconditionFailed,
    PreconditionRequired,
    Unavailable,
)
from okr_service.kernel.fields import Ref
from okr_service.kernel.idempotency import (
    IdempotentAnswer,
    IdempotentRequest,
    SecretShownOnce,
    first_answer,
    keep_answer,
    require_key,
)
from okr_service.kernel.messages import Language

Resolving = GraphQLResolveInfo[Any]
_TRIES = 4
# What whoever asked can put right; the rest are errors of the request.
_OF_USERS = (Conflict, Invalid, NotFound, PreconditionFailed, PreconditionRequired)
Payload = dict[str, object]


@dataclass(frozen=True)
class Asked:
    """One operation that somebody asks, with the values of its variables."""

    operations: Operations
    service: Service
    who: Principal
    language: Language
    prepared: Prepared
    raw_variables: Mapping[str, object]
    variables: VariableValues

    async def answered(self) -> bytes:
        """Return the response as JSON.

        Raises:
            Unavailable: the database is.
        """
        if self.prepared.is_projectable:
            whole = await self._projected()
            if whole is not None:
                return whole
        return await self._executed()

    async def _projected(self) -> bytes | None:
        """Return the response made by one statement; None where something is to be refused."""
        sees_everything = self.who.sight.everything
        try:
            plan = self.operations.plan(
                self.prepared, self.variables, sees_everything=sees_everything
            )
            found = [] if plan.statement is None else await self._read(plan.statement)
        except Unavailable:
            raise
        except OkrError:
            return None
        members, errors = [f'"{key}":"Query"'.encode() for key in plan.names], []
        for (key, (node, kind)), shown in zip(plan.columns.items(), found, strict=True):
            members.append(f'"{key}":'.encode() + (shown or b"null"))
            if shown is None and kind is not None:
                absent = kind.absent(self._reference(node))
                errors.append(GraphQLError("", [node], path=[key], original_error=absent))
        return self._response(b"{" + b",".join(members) + b"}", errors)

    def _reference(self, node: FieldNode) -> Ref:
        field = self.operations.schema.query_type.fields[node.name.value]  # type: ignore[union-attr]
        return Ref(str(get_argument_values(field, node, self.variables)["ref"]))

    async def _read(self, statement: Statement) -> list[bytes | None]:
        for permission in statement.needs:
            require(self.who, permission)
        text, values = statement.filled(self.who, self.variables)
        async with self.service.database.reading(self.who.tenant_id) as tx:
            return await fetch_bytes(tx, text, values)

    async def _executed(self) -> bytes:
        result = execute(
            self.operations.schema,
            self.prepared.document,
            context_value=self,
            variable_values=dict(self.raw_variables),
            operation_name=self.prepared.name,
            executor_class=PassingFragments,
        )
        if isinstance(result, Awaitable):
            result = await result
        data = orjson.dumps(result.data, default=str)
        return self._response(data, result.errors or [])

    def _response(self, data: bytes, errors: list[GraphQLError]) -> bytes:
        if not errors:
            return b'{"data":' + data + b"}"
        told = orjson.dumps(all_shown(errors, self.language, self.who.request_id), default=str)
        return b'{"errors":' + told + b',"data":' + data + b"}"

    # Root fields that the executor comes to.

    async def answer(self, info: Info) -> object:
        """Return what a root field comes to."""
        raw: Resolving = info._raw_info  # noqa: SLF001 - there is no other way to it
        roots = self.operations.roots
        if (write := roots.writes.get(raw.field_name)) is not None:
            return await self._written(write, raw)
        if (question := roots.questions.get(raw.field_name)) is not None:
            return await self._question(question, raw)
        return await self._node(raw)

    def _arguments(self, raw: Resolving) -> Mapping[str, Any]:
        field = raw.parent_type.fields[raw.field_name]
        return get_argument_values(field, raw.field_nodes[0], self.variables)

    async def _node(self, raw: Resolving) -> object:
        making = self.operations.projection(
            self.prepared, self.variables, sees_everything=self.who.sight.everything
        )
        text, kind = self.operations.column(making, raw.field_nodes)
        (shown,) = await self._read(self.operations.affordable(making.statement([text])))
        if shown is None and kind is not None:
            raise kind.absent(self._reference(raw.field_nodes[0]))
        return None if shown is None else orjson.Fragment(shown)

    async def _question(self, question: Question, raw: Resolving) -> object:
        require(self.who, question.permission)
        given = self._arguments(raw)
        named = Ref(str(given[question.of])) if question.of else Ref("")
        rest = {name: value for name, value in given.items() if name != question.of}
        asked = read(question.asked, _given(rest)) if question.asked else None
        async with self.service.database.reading(self.who.tenant_id) as tx:
            text = await question.ask(ReadCall(self.who, tx, self.language), named, asked)
        return orjson.loads(text) if issubclass(question.view, BaseModel) else text

    # Writes.

    async def _written(self, write: Write, raw: Resolving) -> Payload:
        require(self.who, write.permission)
        given: Any = as_ours(self._arguments(raw)["input"])
        told = {"client_mutation_id": given.get("client_mutation_id"), "shown": {}, "errors": []}
        try:
            writing = _Writing(self, write, raw, given)
            done = writing.ask(write.ask) if write.ask else self._in_transaction(writing)
            return {**told, **await done}
        except _OF_USERS as error:
            return {**told, "errors": located(error, self.language)}

    async def _in_transaction(self, writing: "_Writing") -> Payload:
        idempotent = writing.idempotent()
        for tries_left in reversed(range(_TRIES)):
            try:
                afterwards: list[Callable[[], None]] = []
                async with self.service.database.transaction(self.who.tenant_id) as tx:
                    payload = await writing.once(tx, idempotent, afterwards)
            except DBAPIError as error:
                if not (tries_left and is_retryable(error)):
                    raise
            else:
                for follow in afterwards:
                    follow()
                return payload
        raise AssertionError("the last try returns or raises")


class _Writing:
    """One mutation: what it is given, and what its payload is to show."""

    def __init__(
        self, asked: Asked, write: Write, raw: Resolving, given: Mapping[str, Any]
    ) -> None:
        self._asked, self._write, self._raw, self._given = asked, write, raw, given
        self._row_id: UUID | None = None
        self._columns = self._shown()

    def _shown(self) -> tuple[tuple[str, ...], Statement | None]:
        """Plan what the payload shows, and refuse before anything is written."""
        asked, kind = self._asked, self._write.shows
        if kind is None:
            return (), None
        making = asked.operations.projection(
            asked.prepared, asked.variables, sees_everything=asked.who.sight.everything
        )
        payload = self._raw.return_type
        name = str(getattr(payload, "of_type", payload))
        selections = [node.selection_set for node in self._raw.field_nodes if node.selection_set]
        member = kind.name[0].lower() + kind.name[1:]
        chosen = {
            key: [node.selection_set for node in nodes if node.selection_set]
            for key, nodes in making.selecting.collect(name, selections).items()
            if nodes[0].name.value == member
        }
        texts = [making.written(kind, inner, self._written_id) for inner in chosen.values()]
        if not texts:
            return (), None
        statement = asked.operations.affordable(making.statement(texts))
        for permission in statement.needs:
            require(asked.who, permission)
        return tuple(chosen), statement

    def _written_id(self) -> UUID:
        assert self._row_id is not None, "it has been written"
        return self._row_id

    def idempotent(self) -> IdempotentRequest | None:
        """Return the key that the write came with, and what else it is to come with again."""
        key = self._given.get("idempotency_key")
        if key is None:
            return None
        require_key(str(key))
        who = self._asked.who
        once = {n: v for n, v in self._given.items() if n != "client_mutation_id"}
        digest = hashlib.sha256(f"graphql {self._write.name}\n".encode())
        digest.update(orjson.dumps(once, default=str, option=orjson.OPT_SORT_KEYS))
        for node in self._raw.field_nodes:
            digest.update(print_ast(node).encode())
        return IdempotentRequest(who.tenant_id, who.credential, str(key), digest.digest())

    async def once(
        self,
        tx: Transaction,
        idempotent: IdempotentRequest | None,
        afterwards: list[Callable[[], None]],
    ) -> Payload:
        """Return what the write comes to, or came to the first time.

        Raises:
            SecretShownOnce: it came to a secret the first time.
        """
        if idempotent is None:
            return (await self._perform(tx, afterwards))[0]
        first = await first_answer(tx, idempotent)
        if first is not None:
            return self._again(first)
        payload, made = await self._perform(tx, afterwards)
        body = str(made).encode() if self._write.shows_secret else _dumped(payload)
        await keep_answer(tx, idempotent, 200, {}, body)
        return payload

    def _again(self, first: IdempotentAnswer) -> Payload:
        if self._write.shows_secret:
            raise SecretShownOnce(first.body.decode())
        return _again(first.body)

    async def _perform(
        self, tx: Transaction, afterwards: list[Callable[[], None]]
    ) -> tuple[Payload, object]:
        """Return what there is to say of the write, and the id of what it made."""
        asked = self._asked
        call = WriteCall(asked.who, asked.service, self._given, tx, afterwards)
        assert self._write.perform is not None, "it asks nobody"
        done = await self._write.perform(call, self._input())
        made = done.row_id or done.told.get("id")
        return {**done.told, "shown": await self._read(tx, done)}, made

    async def ask(self, ask: Ask) -> Payload:
        """Return what a write comes to that asks others, and opens transactions itself."""
        asked = self._asked
        done = await ask(AskingCall(asked.who, asked.service, self._given), self._input())
        async with asked.service.database.reading(asked.who.tenant_id) as tx:
            return {**done.told, "shown": await self._read(tx, done)}

    async def _read(self, tx: Reading, done: Done) -> Mapping[str, object]:
        keys, statement = self._columns
        if statement is None or done.row_id is None:
            return {}
        self._row_id = done.row_id
        text, values = statement.filled(self._asked.who, self._asked.variables)
        found = await fetch_bytes(tx, text, values)
        return {
            key: None if shown is None else orjson.Fragment(shown)
            for key, shown in zip(keys, found, strict=True)
        }

    def _input(self) -> object:
        write, given = self._write, self._given
        if write.nested is not None:
            given = given[write.nested]
        if write.shape is None or write.partial:
            return given
        inner = {name: value for name, value in given.items() if name in write.shape.model_fields}
        return read(write.shape, inner, f"/{camel(write.nested)}" if write.nested else "")


def _given(arguments: Mapping[str, object]) -> object:
    """Return arguments with our names, without those left out."""
    kept = {name: value for name, value in arguments.items() if value is not None}
    return as_ours(kept)


def _dumped(payload: Payload) -> bytes:
    return orjson.dumps(payload, default=str)


def _again(body: bytes) -> Payload:
    payload: Payload = orjson.loads(body)
    shown = payload["shown"]
    assert isinstance(shown, dict)
    again = {
        key: None if value is None else orjson.Fragment(orjson.dumps(value))
        for key, value in shown.items()
    }
    return {**payload, "shown": again}
