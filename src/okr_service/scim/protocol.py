"""The protocol, as scim2-server has it, and what is ours of it."""

from collections.abc import Callable
from typing import Any

from scim2_models import (
    Error,
    InvalidFilterException,
    InvalidSyntaxException,
    PatchOp,
    PatchOperation,
    ResourceType,
    SCIMException,
    SearchRequest,
)
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService
from scim2_server.storage import SearchPage

from okr_service.kernel.errors import OkrError
from okr_service.kernel.messages import Language
from okr_service.scim import wording
from okr_service.scim.shapes import Link, provider_of
from okr_service.settings import Settings

_LONGEST_FILTER = 10_000
_DEEPEST_FILTER = 30
_FURTHEST = 2**53  # a place that JSON and PostgreSQL know, and more than there is


class Provisioning(ScimService):
    """What is done with a request, in a language; `say` renders an error of ours."""

    def __init__(
        self, settings: Settings, language: Language, say: Callable[[OkrError], Error]
    ) -> None:
        assert settings.api_key_secret is not None, "the service does not start without"
        super().__init__(provider_of(settings), secret=settings.api_key_secret.get_secret_value())
        self._language, self._say = language, say

    def read_search(
        self,
        resource_types: list[ResourceType],
        payload: Any,  # JSON, yet to be read
    ) -> tuple[SearchRequest[Any], Any]:
        """Read a search whose filter is not beyond reason."""
        if isinstance(payload, dict):
            for name, value in payload.items():
                if name.casefold() == "filter":
                    _require_reasonable(str(value))
        wanted, position = super().read_search(resource_types, payload)
        if wanted.start_index is not None:
            wanted.start_index = min(wanted.start_index, _FURTHEST)
        return wanted, position

    def read_patch(
        self, resource_type: ResourceType, body: bytes, content_type: str | None
    ) -> "PatchOp[Any]":
        """Read a PATCH, whose values may be said as Entra ID says them."""
        patch = super().read_patch(resource_type, body, content_type)
        for operation in patch.operations or ():
            operation.value = _plainly(operation)
        return patch

    def search_response(
        self,
        base_url: str,
        resource_types: list[ResourceType],
        page: SearchPage,
        search_request: SearchRequest[Any],
    ) -> ScimResponse:
        """Return a page, which lists nothing where nothing is found: clients look for the list."""
        answer = super().search_response(base_url, resource_types, page, search_request)
        if answer.body is not None:
            answer.body.setdefault("Resources", [])
        return answer

    def error_of(  # type: ignore[override] # what asks has an instance
        self, exception: Exception
    ) -> Error:
        """Return what is said of a failure that was foreseen; another goes on."""
        match exception:
            case OkrError():
                return self._say(exception)
            case SCIMException():
                return wording.of_protocol(exception, self._language)
            case RecursionError():
                return wording.of_protocol(too_deep(), self._language)
            case _:
                raise exception


def _plainly(operation: "PatchOperation[Any]") -> Any:  # JSON
    """Return an operation's value: of what it removes the ids alone, of a link an object."""
    value = operation.value
    if operation.op == PatchOperation.Op.remove and isinstance(value, list):
        return [_id_alone(each) for each in value]
    binding = operation.path.resolve() if operation.path else None
    kind = binding.field_type if binding and not binding.sub_field_name else None
    is_link = isinstance(kind, type) and issubclass(kind, Link)
    return {"value": value} if is_link and isinstance(value, str) else value


def _id_alone(entry: Any) -> Any:  # JSON
    """Leave out `"$ref": null`, and a name that may have changed since."""
    return {"value": entry["value"]} if isinstance(entry, dict) and "value" in entry else entry


def too_deep() -> SCIMException:
    """Return what is wrong with what nests beyond reason."""
    return InvalidSyntaxException(detail="The request nests too deep")


def _require_reasonable(filter_: str) -> None:
    if len(filter_) > _LONGEST_FILTER or filter_.count("(") > _DEEPEST_FILTER:
        raise InvalidFilterException(detail="The filter is too long or nests too deep")
