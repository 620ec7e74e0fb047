"""Registering an issuer over REST, unproven."""

import httpx
from tests.build import Json

PATH = "/v1/identity-providers"
NEW = {"name": "Keycloak", "issuer": "https://id.example/realms/a", "audience": "okr"}


async def made(rest: httpx.AsyncClient, **given: object) -> Json:
    response = await rest.post(PATH, json={**NEW, **given})
    assert response.status_code == 201, response.text
    provider: Json = response.json()
    return provider
