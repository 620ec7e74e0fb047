"""The door of SCIM: `/scim/v2`, whose routes scim2-server knows.

It is not part of the OpenAPI document: SCIM tells of itself at `/ServiceProviderConfig`,
`/ResourceTypes` and `/Schemas`.
"""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import orjson
from fastapi import APIRouter, FastAPI, Request
from scim2_models import Error, SCIMException
from scim2_server.errors import MethodNotAllowedException
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import SCIM_MEDIA_TYPE, ScimResponse
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.kernel.errors import OkrError
from okr_service.kernel.forest import hold_structure
from okr_service.kernel.messages import Language, preferred_language
from okr_service.kernel.paging import plain_text
from okr_service.kernel.payload import read_json
from okr_service.rest import problems
from okr_service.rest.bodies import BoundedRequest
from okr_service.rest.endpoint import Endpoint, Read, Write, needs
from okr_service.rest.problems import status_of
from okr_service.scim import wording
from okr_service.scim.protocol import Provisioning, too_deep
from okr_service.scim.storage import OrganisationStorage
from okr_service.serving import Service, headers_of
from okr_service.settings import Settings

ROOT = "/scim/v2"
_BULK = "/Bulk"
_WRITES = ("POST", "PUT", "PATCH", "DELETE")


class ScimEndpoint(Endpoint):
    """A route of SCIM, whose bodies the protocol reads."""

    produces: ClassVar[tuple[str, ...]] = ("application/*", "json")

    async def received(self, request: Request, settings: Settings) -> BoundedRequest:
        """Read the body, of whatever type: the protocol says which it takes."""
        bounded = BoundedRequest(request.scope, request.receive)
        bounded.limit = self.body_limit(settings)
        await bounded.body()
        return bounded


router = APIRouter(prefix=ROOT, route_class=ScimEndpoint, include_in_schema=False)


@router.get("")
@router.get("/{path:path}")
@needs(Permission.EDIT_PEOPLE)
async def read(call: Read, path: str = "") -> Response:
    """Show what the service is, users and groups."""
    storage = OrganisationStorage(call.tx, call.who)
    return await _answered(call.request, path, b"", storage)


@router.api_route("", methods=list(_WRITES))
@router.api_route("/{path:path}", methods=list(_WRITES))
@needs(Permission.EDIT_PEOPLE)
async def write(call: Write, path: str = "") -> Response:
    """Change users and groups, or search for them by what a body says."""
    body = await call.request.body()
    if body:
        Provisioning.ensure_json(call.request.headers.get("content-type"))
        read_json(body)  # exactly and strictly, as everywhere
    if f"/{path}" == _BULK:
        # Before any row, as wherever units move; and two could hold rows in opposite orders.
        await hold_structure(call.tx, call.who.tenant_id, alone=True)
    storage = OrganisationStorage(call.tx, call.who)
    return await _answered(call.request, path, body, storage)


async def _answered(
    request: Request, path: str, body: bytes, storage: OrganisationStorage
) -> Response:
    service: Service = request.app.state.service
    language = preferred_language(request.headers.get("accept-language", ""))
    query = {name: plain_text(value) for name, value in request.query_params.items()}
    asked = ScimRequest(
        request.method,
        f"{str(request.base_url).rstrip('/')}{ROOT}",
        f"/{path}",
        query,
        request.headers.items(),
        body,
    )
    handler = AsyncScimHandler(
        Provisioning(service.settings, language, partial(_ours, language)), storage
    )
    try:
        return _response(await handler.handle(asked))
    except RecursionError as error:
        raise too_deep() from error


def _response(answer: ScimResponse) -> Response:
    if answer.body is None:
        without_type = {k: v for k, v in answer.headers.items() if k != "Content-Type"}
        return Response(status_code=answer.status, headers=without_type)
    return Response(orjson.dumps(answer.body, default=str), answer.status, answer.headers)


def install(app: FastAPI) -> None:
    """Answer what goes wrong under `/scim/v2` in SCIM's form."""
    problems.speak(app, f"{ROOT}/", _refused)
    app.add_exception_handler(SCIMException, _on_scim_exception)


def _ours(language: Language, error: OkrError) -> Error:
    return wording.of_ours(error, status_of(type(error)), language)


def _refused(request: Request, error: OkrError, headers: Mapping[str, str]) -> Response:
    language = preferred_language(request.headers.get("accept-language", ""))
    return _told(
        _ours(language, error), {"Content-Language": language, **headers_of(error), **headers}
    )


async def _on_scim_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, SCIMException)
    language = preferred_language(request.headers.get("accept-language", ""))
    headers: dict[str, str] = {"Content-Language": language}
    if isinstance(error, MethodNotAllowedException):
        headers["Allow"] = ", ".join(error.allowed)
    return _told(wording.of_protocol(error, language), headers)


def _told(error: Error, headers: Mapping[str, str]) -> Response:
    body = orjson.dumps(error.model_dump(), default=str)
    return Response(
        body, error.status or 500, {"Vary": "Accept-Language", **headers}, SCIM_MEDIA_TYPE
    )
