"""The writes that every kept thing has: made, edited, replaced, deleted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import select

from okr_service.access.policy import Permission, Principal
from okr_service.graphql.kinds import Kind
from okr_service.graphql.roots import Done, Write, WriteCall
from okr_service.kernel import references
from okr_service.kernel.database import Transaction
from okr_service.kernel.errors import AlreadyExists, FieldError, InvalidInput, VersionMismatch
from okr_service.kernel.fields import Input, Ref, View
from okr_service.kernel.model import Resource
from okr_service.kernel.patch import patched
from okr_service.kernel.references import Versions

_I = TypeVar("_I", bound=Input)
_R_co = TypeVar("_R_co", bound=Resource, covariant=True)


class Deletion(View):
    """What came of a deletion."""

    deleted: bool


class Editing(Protocol[_I, _R_co]):
    """A service function that edits a row into what a function makes of it."""

    def __call__(  # noqa: D102
        self,
        tx: Transaction,
        who: Principal,
        ref: Ref,
        edit: Callable[[_I], _I],
        expected: Versions,
        /,
    ) -> Awaitable[_R_co]: ...


class Deleting(Protocol):
    """A service function that deletes a row."""

    def __call__(  # noqa: D102
        self, tx: Transaction, who: Principal, ref: Ref, expected: Versions, /
    ) -> Awaitable[None]: ...


@dataclass(frozen=True)
class Kept(Generic[_I, _R_co]):
    """How rows of a kind are kept: the service functions, and the permission they take."""

    kind: Kind
    shape: type[_I]
    permission: Permission
    create: Callable[[Transaction, Principal, _I], Awaitable[_R_co]]
    edit: Editing[_I, _R_co]
    delete: Deleting

    def writes(self, thing: str) -> list[Write]:
        """Return the mutations; `thing` is what people call one."""
        name, permission, kind, shape = self.kind.name, self.permission, self.kind, self.shape
        member = name[0].lower() + name[1:]
        member = "".join(f"_{c.lower()}" if c.isupper() else c for c in member)
        return [
            Write(
                f"create{name}", f"Make {thing}.", permission, self._create, shape,
                about_one=False, shows=kind,
            ),
            Write(
                f"edit{name}", f"Change some fields of {thing}.", permission, self._edit, shape,
                partial=True, shows=kind, nested="changes",
            ),
            Write(
                f"replace{name}", f"Replace {thing}, or make it under the caller's own key.",
                permission, self._replace, shape, shows=kind, nested=member, may_create=True,
            ),
            Write(
                f"delete{name}", f"Delete {thing}.", permission, self._delete, also=Deletion
            ),
        ]  # fmt: skip

    async def _create(self, call: WriteCall, new: Any) -> Done:
        made = await self.create(call.tx, call.who, new)
        return Done(made.id)

    async def _edit(self, call: WriteCall, changes: Any) -> Done:
        edit = patched(self.shape, changes)
        changed = await self.edit(call.tx, call.who, call.ref, edit, call.versions)
        return Done(changed.id)

    async def _delete(self, call: WriteCall, _: Any) -> Done:
        await self.delete(call.tx, call.who, call.ref, call.versions)
        return Done(told={"deleted": True})

    async def _replace(self, call: WriteCall, given: Any) -> Done:
        """Replace what the reference names, or create it where that is the caller's key."""
        new, model = _with_key(given, call.ref), self.kind.collection.model
        assert issubclass(model, Resource)
        named = references.identifies(model, call.who.tenant_id, call.ref)
        seen = self.kind.collection.seen(call.who.sight)
        if await call.tx.scalar(select(model.id).where(named, *seen)) is not None:
            if call.given.get("create_only"):
                raise AlreadyExists
            edit: Callable[[Any], Any] = lambda _: new  # noqa: E731
            replaced = await self.edit(call.tx, call.who, call.ref, edit, call.versions)
            return Done(replaced.id)
        if references.external_id(call.ref) is None:
            raise self.kind.absent(call.ref)
        if call.versions is not None:
            raise VersionMismatch
        return await self._create(call, new)


def _with_key(new: _I, ref: Ref) -> _I:
    key = references.external_id(ref)
    given = getattr(new, "external_id", None)
    if key is None or given == key:
        return new
    if given is not None:
        raise InvalidInput([FieldError("/external_id", "not-allowed", {"expected": key})])
    return new.model_copy(update={"external_id": key})
