"""PUT: create or replace what the caller's own key addresses (RFC 9110, 9.3.4)."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import select
from starlette.responses import Response

from okr_service.kernel import references
from okr_service.kernel.documents import Collection
from okr_service.kernel.errors import (
    AlreadyExists,
    FieldError,
    InvalidInput,
    NotFound,
    VersionMismatch,
)
from okr_service.kernel.fields import Input, Ref
from okr_service.kernel.model import Resource
from okr_service.rest.answers import written
from okr_service.rest.conditional import creates_only, expected_versions
from okr_service.rest.endpoint import WriteCall

_I = TypeVar("_I", bound=Input)


async def put(
    call: WriteCall,
    collection: Collection,
    ref: Ref,
    new: _I,
    absent: NotFound,
    create: Callable[[_I], Awaitable[Resource]],
    replace: Callable[[_I], Awaitable[Resource]],
) -> Response:
    """Replace the row that `ref` names, or create it where `ref` is the caller's key.

    Raises:
        absent: there is none and the reference is not the caller's key.
        AlreadyExists: there is one and If-None-Match asks to create only.
        VersionMismatch: there is none, and If-Match expects one.
        InvalidInput: the body names another external id than the address.
    """
    new = _with_key(new, ref)
    model = collection.model
    assert issubclass(model, Resource)
    found = await call.tx.scalar(
        select(model.id).where(
            references.identifies(model, call.who.tenant_id, ref),
            *collection.seen(call.who.sight),
        )
    )
    # Decoded, as the reference is: `external:a?b` was sent as `external:a%3Fb`.
    path = call.request.scope["path"].removesuffix(f"/{ref}")
    if found is None:
        if references.external_id(ref) is None:
            raise absent
        if expected_versions(call) is not None:
            raise VersionMismatch
        created = await create(new)
        return await written(call, collection, created.id, path)
    if creates_only(call):
        raise AlreadyExists
    replaced = await replace(new)
    return await written(call, collection, replaced.id)


def _with_key(new: _I, ref: Ref) -> _I:
    key = references.external_id(ref)
    given = getattr(new, "external_id", None)
    if key is None or given == key:
        return new
    if given is not None:
        raise InvalidInput([FieldError("/external_id", "not-allowed", {"expected": key})])
    return new.model_copy(update={"external_id": key})
