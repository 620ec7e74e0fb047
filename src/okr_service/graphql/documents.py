"""Documents known by an id: trusted ones that an operator gives, and registered ones."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from okr_service.graphql.errors import (
    DocumentNotTrusted,
    InvalidParameters,
    MissingDocument,
    PersistedQueryNotFound,
)
from okr_service.settings import Settings

_REGISTERED = 1000
_LONGEST_REGISTERED = 20_000


class Documents:
    """Says which document a request means."""

    def __init__(self, settings: Settings) -> None:
        self._trusted = _trusted(settings.graphql_documents)
        self._only_trusted = settings.graphql_only_persisted
        self._registers = settings.graphql_register
        self._registered: dict[str, str] = {}

    def document(self, query: str | None, document_id: str | None, digest: str | None) -> str:
        """Return the text of the document that a request means.

        `document_id` names a trusted one; `digest` is the SHA-256 of automatic persisted
        queries, which names one as well, or registers `query` where that is let.

        Raises:
            MissingDocument, DocumentNotTrusted, PersistedQueryNotFound, InvalidParameters.
        """
        named = document_id or digest
        if named is not None and named.removeprefix("sha256:") in self._trusted:
            return self._trusted[named.removeprefix("sha256:")]
        if self._only_trusted:
            raise DocumentNotTrusted
        if query is None:
            return self._known(named)
        if digest is not None and self._registers:
            self._register(query, digest)
        return query

    def _known(self, named: str | None) -> str:
        if named is None:
            raise MissingDocument
        if named not in self._registered:
            raise PersistedQueryNotFound
        return self._registered[named]

    def _register(self, query: str, digest: str) -> None:
        if hashlib.sha256(query.encode()).hexdigest() != digest:
            raise InvalidParameters
        if len(query) > _LONGEST_REGISTERED:
            return
        if len(self._registered) >= _REGISTERED:
            self._registered.clear()
        self._registered[digest] = query


def _trusted(place: Path | None) -> Mapping[str, str]:
    """Return the documents of a file or folder by their names and their SHA-256."""
    if place is None:
        return {}
    if place.is_dir():
        found = {file.stem: file.read_text("utf-8") for file in sorted(place.glob("*.graphql"))}
    else:
        found = json.loads(place.read_text("utf-8"))
    by_digest = {hashlib.sha256(text.encode()).hexdigest(): text for text in found.values()}
    return {**found, **by_digest}
