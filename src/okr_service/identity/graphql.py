"""Identity providers in GraphQL."""

from dataclasses import dataclass

from okr_service.access.policy import Permission
from okr_service.graphql.kinds import Kind
from okr_service.graphql.roots import AskingCall, Done, Room, Write
from okr_service.graphql.writes import Kept
from okr_service.identity import service
from okr_service.identity.errors import IdentityProviderNotFound
from okr_service.identity.keys import Keys
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
from okr_service.kernel.paging import Listing
from okr_service.kernel.references import Versions

IDENTITY_PROVIDER = Kind(
    "IdentityProvider",
    "identityProviders",
    IDENTITY_PROVIDERS,
    IdentityProviderView,
    Permission.ADMINISTER,
    Listing,
    lambda *_: [],
    IdentityProviderNotFound,
    NewIdentityProvider,
)
_providers = Kept(
    IDENTITY_PROVIDER, NewIdentityProvider, Permission.ADMINISTER,
    service.create_provider, service.edit_provider, service.delete_provider,
)  # fmt: skip


@dataclass(frozen=True)
class Issuers:
    """What asks issuers, and judges their tokens."""

    keys: Keys
    tokens: Tokens

    async def check(self, call: AskingCall, _: object) -> Done:
        """Say what is found at an issuer now."""
        shown = await report(self.keys, await _found(call, None))
        return Done(told=shown.model_dump(mode="json"))

    async def prove(self, call: AskingCall, given: Proof) -> Done:
        """Write down that a token was shown that the provider takes."""
        provider = await _found(call, call.versions)
        await self.tokens.require_accepted(provider, given.token)
        async with call.service.database.transaction(call.who.tenant_id, call.exchange.wrote) as tx:
            await service.prove_provider(tx, call.who, provider)
        return Done(provider.id)


async def _found(call: AskingCall, expected: Versions) -> Provider:
    async with call.service.database.reading(call.who.tenant_id) as tx:
        return await service.find_provider(tx, call.who, call.ref, expected)


def room(issuers: Issuers) -> Room:
    """Return what there is of identity providers, asking these issuers."""
    return Room(
        [IDENTITY_PROVIDER],
        writes=[
            *_providers.writes("an identity provider"),
            Write(
                "checkIdentityProvider",
                "Ask the issuer for its keys now, and say what was found or is in the way.",
                Permission.ADMINISTER, None,
                versioned=False, also=IssuerReport, ask=issuers.check,
            ),
            Write(
                "proveIdentityProvider",
                "Show a token of the issuer for the audience: those like it are accepted from now.",
                Permission.ADMINISTER, None, Proof,
                shows=IDENTITY_PROVIDER, ask=issuers.prove,
            ),
        ],
    )  # fmt: skip
