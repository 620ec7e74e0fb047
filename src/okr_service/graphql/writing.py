"""Mutations: each done once in a transaction of its own, and shown as it is then."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import orjson

from graphql import print_ast
from okr_service.access.policy import require
from okr_service.graphql.asked import Asked, Resolving
from okr_service.graphql.faults import located, read
from okr_service.graphql.names import as_ours, camel
from okr_service.graphql.projection.statement import Statement
from okr_service.graphql.roots import Ask, AskingCall, Done, Write, WriteCall
from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.errors import (
    Conflict,
    Invalid,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from okr_service.kernel.idempotency import (
    IdempotentAnswer,
    IdempotentRequest,
    SecretShownOnce,
    first_answer,
    keep_answer,
    require_key,
)

# What whoever asked can put right; the rest are errors of the request.
_OF_USERS = (Conflict, Invalid, NotFound, PreconditionFailed, PreconditionRequired)
Payload = dict[str, object]


async def written(asked: Asked, write: Write, raw: Resolving) -> Payload:
    """Do what a mutation says, and return its payload.

    Raises:
        NotPermitted, and whatever else its caller cannot put right.
    """
    require(asked.who, write.permission)
    given: Any = as_ours(asked.arguments(raw)["input"])
    told = {"client_mutation_id": given.get("client_mutation_id"), "shown": {}, "errors": []}
    try:
        writing = _Writing(asked, write, raw, given)
        done = writing.ask(write.ask) if write.ask else writing.in_transaction()
        return {**told, **await done}
    except _OF_USERS as error:
        return {**told, "errors": located(error, asked.language)}


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
        making = asked.projection()
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
        asked.require(statement)
        return tuple(chosen), statement

    def _written_id(self) -> UUID:
        assert self._row_id is not None, "it has been written"
        return self._row_id

    async def in_transaction(self) -> Payload:
        """Return what the write comes to, tried again where another got in its way."""
        idempotent = self._idempotent()

        async def work(tx: Transaction, afterwards: list[Callable[[], None]]) -> Payload:
            return await self._once(tx, idempotent, afterwards)

        return await self._asked.service.write(self._asked.who, self._asked.exchange, work)

    def _idempotent(self) -> IdempotentRequest | None:
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

    async def _once(
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
        call = WriteCall(asked.who, asked.service, self._given, asked.exchange, tx, afterwards)
        assert self._write.perform is not None, "it asks nobody"
        done = await self._write.perform(call, self._input())
        made = done.row_id or done.told.get("id")
        return {**done.told, "shown": await self._read(tx, done)}, made

    async def ask(self, ask: Ask) -> Payload:
        """Return what a write comes to that asks others, and opens transactions itself."""
        asked = self._asked
        done = await ask(
            AskingCall(asked.who, asked.service, self._given, asked.exchange), self._input()
        )
        async with asked.service.database.reading(asked.who.tenant_id) as tx:
            return {**done.told, "shown": await self._read(tx, done)}

    async def _read(self, tx: Reading, done: Done) -> Mapping[str, object]:
        keys, statement = self._columns
        if statement is None or done.row_id is None:
            return {}
        self._row_id = done.row_id
        found = await self._asked.fetch(tx, statement)
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
