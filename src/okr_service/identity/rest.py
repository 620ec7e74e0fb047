"""Identity providers over REST."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.identity import service
from okr_service.identity.errors import IdentityProviderNotFound
from okr_service.identity.keys import Keys
from okr_service.identity.model import IdentityProvider
from okr_service.identity.provider import Provider
from okr_service.identity.reads import IDENTITY_PROVIDERS
from okr_service.identity.report import report
from okr_service.identity.shapes import (
    IdentityProviderView,
    IssuerReport,
    NewIdentityProvider,
    Proof,
)
from okr_service.identity.tokens import Tokens
from okr_service.kernel.documents import Representation
from okr_service.kernel.fields import Ref
from okr_service.kernel.paging import Listing, Shape
from okr_service.kernel.patch import patched
from okr_service.kernel.references import Versions, identifies
from okr_service.rest.answers import no_content, page, resource, show, written
from okr_service.rest.conditional import expected_versions
from okr_service.rest.endpoint import (
    Read,
    Unconnected,
    UnconnectedCall,
    UnconnectedEndpoint,
    Write,
    WriteCall,
    needs,
)
from okr_service.rest.patch import patch_of
from okr_service.rest.put import put
from okr_service.rest.routing import PageOf, Patch, PathRef, room

router = room("identity")
asking_router = room("identity", UnconnectedEndpoint)


@router.get("/identity-providers", response_model=PageOf[IdentityProviderView])
@needs(Permission.ADMINISTER)
async def list_identity_providers(wanted: Annotated[Listing, Query()], call: Read) -> Response:
    """List identity providers."""
    return await page(call, IDENTITY_PROVIDERS, [], wanted.page())


@router.post("/identity-providers", status_code=201, response_model=IdentityProviderView)
@needs(Permission.ADMINISTER)
async def create_identity_provider(body: NewIdentityProvider, call: Write) -> Response:
    """Agree with an issuer on tokens; they are accepted once a token has proven whose it is."""
    made = await service.create_provider(call.tx, call.who, body)
    return await written(call, IDENTITY_PROVIDERS, made.id, "/v1/identity-providers")


@router.get("/identity-providers/{ref:path}", response_model=IdentityProviderView)
@needs(Permission.ADMINISTER)
async def get_identity_provider(
    ref: PathRef, shape: Annotated[Shape, Query()], call: Read
) -> Response:
    """Show an identity provider."""
    named = identifies(IdentityProvider, call.who.tenant_id, ref)
    absent = IdentityProviderNotFound(ref)
    return await show(call, IDENTITY_PROVIDERS, named, absent, shape.shape())


@router.put(
    "/identity-providers/{ref:path}",
    response_model=IdentityProviderView,
    responses={201: {"model": IdentityProviderView}},
)
@needs(Permission.ADMINISTER)
async def put_identity_provider(ref: PathRef, body: NewIdentityProvider, call: Write) -> Response:
    """Replace an identity provider, or create it under the caller's own key."""

    async def create(new: NewIdentityProvider) -> IdentityProvider:
        return await service.create_provider(call.tx, call.who, new)

    async def replace(new: NewIdentityProvider) -> IdentityProvider:
        expected = expected_versions(call)
        return await service.edit_provider(call.tx, call.who, ref, lambda _: new, expected)

    absent = IdentityProviderNotFound(ref)
    return await put(call, IDENTITY_PROVIDERS, ref, body, absent, create, replace)


@router.patch(
    "/identity-providers/{ref:path}",
    response_model=IdentityProviderView,
    openapi_extra=patch_of(NewIdentityProvider),
)
@needs(Permission.ADMINISTER)
async def patch_identity_provider(ref: PathRef, body: Patch, call: Write) -> Response:
    """Change some fields of an identity provider (JSON Merge Patch)."""
    edit, expected = patched(NewIdentityProvider, body), expected_versions(call)
    changed = await service.edit_provider(call.tx, call.who, ref, edit, expected)
    return await written(call, IDENTITY_PROVIDERS, changed.id)


@router.delete("/identity-providers/{ref:path}", status_code=204)
@needs(Permission.ADMINISTER)
async def delete_identity_provider(ref: PathRef, call: Write) -> Response:
    """Delete an identity provider: its tokens are accepted no more."""
    await service.delete_provider(call.tx, call.who, ref, expected_versions(call))
    return no_content()


@asking_router.post("/identity-providers/{ref:path}:check", response_model=IssuerReport)
@needs(Permission.ADMINISTER)
async def check_identity_provider(ref: PathRef, call: Unconnected) -> Response:
    """Ask the issuer for its keys now, and say what was found or what is in the way."""
    provider = await _found(call, ref, None)
    keys: Keys = call.request.app.state.keys
    shown = await report(keys, provider)
    return resource(Representation(shown.model_dump_json(), provider.version))


@asking_router.post("/identity-providers/{ref:path}:prove", response_model=IdentityProviderView)
@needs(Permission.ADMINISTER)
async def prove_identity_provider(ref: PathRef, body: Proof, call: Unconnected) -> Response:
    """Show a token of the issuer for the audience: tokens like it are accepted from now on."""
    provider = await _found(call, ref, expected_versions(call))
    tokens: Tokens = call.request.app.state.tokens
    await tokens.require_accepted(provider, body.token)
    async with _writing(call) as writing:
        await service.prove_provider(writing.tx, call.who, provider)
        return await written(writing, IDENTITY_PROVIDERS, provider.id)


async def _found(call: UnconnectedCall, ref: Ref, expected: Versions) -> Provider:
    async with call.database.reading(call.who.tenant_id) as tx:
        return await service.find_provider(tx, call.who, ref, expected)


@asynccontextmanager
async def _writing(call: UnconnectedCall) -> AsyncIterator[WriteCall]:
    async with call.database.transaction(call.who.tenant_id, call.exchange.wrote) as tx:
        yield WriteCall(call.request, call.who, tx)
