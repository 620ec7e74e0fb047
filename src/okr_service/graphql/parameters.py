"""What a request or a message asks, whichever way it comes."""

from collections.abc import Mapping
from dataclasses import dataclass

from okr_service.graphql.errors import BatchNotAccepted, InvalidParameters

_KNOWN = {"query", "operationName", "variables", "extensions", "documentId", "id"}


@dataclass(frozen=True)
class Parameters:
    """What a request asks (GraphQL over HTTP, request parameters)."""

    query: str | None
    operation_name: str | None
    variables: Mapping[str, object]
    document_id: str | None
    digest: str | None

    @classmethod
    def read(cls, given: object) -> "Parameters":
        """Return the parameters of a request.

        Raises:
            InvalidParameters, BatchNotAccepted.
        """
        if isinstance(given, list):
            raise BatchNotAccepted
        if not isinstance(given, dict) or not given.keys() <= _KNOWN:
            raise InvalidParameters
        extensions = _mapping(given.get("extensions"))
        persisted = _mapping(extensions.get("persistedQuery"))
        return cls(
            _text(given.get("query")),
            _text(given.get("operationName")),
            _mapping(given.get("variables")),
            _text(given.get("documentId") or given.get("id")),
            _text(persisted.get("sha256Hash")),
        )


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    raise InvalidParameters


def _mapping(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise InvalidParameters
