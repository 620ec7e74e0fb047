"""Calls that ask somebody else over the network, and hold no connection meanwhile.

An issuer may take its time, and whoever names the issuer may mean it to; a transaction that
waited for it would keep others from theirs. So the handler opens what it needs, when it does.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from okr_service.access.policy import Principal, require
from okr_service.kernel.database import Database
from okr_service.rest.admission import admitted
from okr_service.rest.endpoint import Endpoint, Handler, Service
from okr_service.rest.errors import BodyTooLarge, UnsupportedMediaType
from okr_service.rest.payload import Json, read_json

_LONGEST_BODY = 16_384
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class AskingCall:
    """A request that asks somebody else."""

    request: Request
    who: Principal
    database: Database


class _ShortRequest(Request):
    """A request with a short body, whose JSON is read exactly."""

    async def body(self) -> bytes:
        if not hasattr(self, "_read"):
            self._read = bytearray()
            async for chunk in self.stream():
                self._read += chunk
                if len(self._read) > _LONGEST_BODY:
                    raise BodyTooLarge
        return bytes(self._read)

    async def json(self) -> Json:
        return read_json(await self.body())


class AskingEndpoint(Endpoint):
    """A route without a transaction of its own.

    It keeps no answer for an Idempotency-Key: what it does comes to the same if done again.
    """

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler."""
        permission = self.permission
        handle = APIRoute.get_route_handler(self)
        takes_body = self.body_field is not None

        async def answer(request: Request) -> Response:
            service: Service = request.app.state.service
            who = await admitted(request, service.gatekeeper, service.limits)
            require(who, permission)
            request = _ShortRequest(request.scope, request.receive)
            given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if takes_body and given != _JSON:
                raise UnsupportedMediaType(_JSON)
            request.state.call = AskingCall(request, who, service.database)
            return await handle(request)

        return answer


async def _asking(request: Request) -> AskingCall:
    call: AskingCall = request.state.call
    return call


Asking = Annotated[AskingCall, Depends(_asking)]
