"""What comes of a token, and what tokens are made of."""

import base64
import json

import pytest
from tests.build import Json
from tests.identity.issuer import Issuer

from okr_service.access.credential import Credential
from okr_service.access.errors import InvalidCredential
from okr_service.identity.errors import InvalidToken
from okr_service.identity.tokens import Tokens


async def refusal(tokens: Tokens, token: str) -> str:
    """Return the reason for which a token is refused."""
    with pytest.raises(InvalidToken) as refused:
        await tokens.recognise(token)
    assert isinstance(refused.value, InvalidCredential)
    return refused.value.reason


async def recognised(tokens: Tokens, token: str) -> Credential:
    """Return what a token stands for."""
    credential = await tokens.recognise(token)
    assert credential is not None
    return credential


def b64(value: object) -> str:
    """Return bytes, or JSON, as base64url."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(issuer: Issuer) -> Json:
    """Return the claims of a token that the issuer would sign."""
    middle = issuer.token().split(".")[1]
    claims: Json = json.loads(base64.urlsafe_b64decode(middle + "=="))
    return claims
