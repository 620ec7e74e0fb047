"""Asking SCIM in a line."""

from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from tests.calling import client

Json = dict[str, Any]  # what httpx gives

CORE_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
CORE_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
OKR = "urn:ietf:params:scim:schemas:extension:okr:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def calling(app: FastAPI, key: str) -> httpx.AsyncClient:
    """Return a client of SCIM's."""
    called = client(app, key)
    called.base_url = httpx.URL("http://okr.test/scim/v2")
    called.headers["Content-Type"] = "application/scim+json"
    return called


@dataclass
class Scim:
    """What an HR system asks."""

    client: httpx.AsyncClient

    async def user(self, user_name: str, **said: object) -> Json:
        return await self.post("/Users", schemas=[CORE_USER], userName=user_name, **said)

    async def group(self, name: str, **said: object) -> Json:
        return await self.post("/Groups", schemas=[CORE_GROUP], displayName=name, **said)

    async def post(self, path: str, **said: object) -> Json:
        made = await self.client.post(path, json=said)
        assert made.is_success, made.text
        body: Json = made.json()
        return body

    async def get(self, path: str, **query: str | int) -> Json:
        found = await self.client.get(path, params=query)
        assert found.is_success, found.text
        body: Json = found.json()
        return body

    async def put(self, path: str, said: Json) -> Json:
        replaced = await self.client.put(path, json=said)
        assert replaced.is_success, replaced.text
        body: Json = replaced.json()
        return body

    async def patch(self, path: str, *operations: Json) -> Json:
        """Patch a resource, and return it as it is then."""
        done = await self.client.patch(path, json=patching(*operations))
        assert done.is_success, done.text
        return await self.get(path)

    async def found(self, path: str, wanted: str) -> list[str]:
        page = await self.get(path, filter=wanted)
        assert page["totalResults"] == len(page.get("Resources", []))
        return [each["id"] for each in page.get("Resources", [])]


def patching(*operations: Json) -> Json:
    """Return a PATCH's body."""
    return {"schemas": [PATCH], "Operations": list(operations)}


def refused(answer: httpx.Response, status: int, scim_type: str | None = None) -> Json:
    """Hold an answer to be an error in SCIM's form."""
    told: Json = answer.json()
    assert answer.headers["content-type"] == "application/scim+json", answer.text
    assert (answer.status_code, told["schemas"]) == (status, [ERROR]), answer.text
    assert (told["status"], told.get("scimType")) == (str(status), scim_type), answer.text
    return told
