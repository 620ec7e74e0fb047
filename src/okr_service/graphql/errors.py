"""What can go wrong in GraphQL itself."""

from dataclasses import dataclass

from okr_service.kernel.errors import (
    Invalid,
    Malformed,
    NotAcceptable,
    Throttled,
    UnsupportedMedia,
    WrongMethod,
)


class InvalidDocument(Malformed):
    """The document is not one that this schema can answer."""


class MissingDocument(Malformed):
    """Send a document as `query`, or the id of a persisted one."""


class InvalidParameters(Malformed):
    """The request's parameters are `query`, `operationName`, `variables` and `extensions`."""


class QueriesOnly(WrongMethod):
    """GET answers queries only; send mutations with POST."""


class BatchNotAccepted(Malformed):
    """Send one operation a request."""


class PersistedQueryNotFound(Malformed):
    """No document with this hash is known here; send its text as well."""


class DocumentNotTrusted(Malformed):
    """Only documents that are known here are answered; this is none of them."""


class IntrospectionOff(Malformed):
    """The schema cannot be asked for here."""


@dataclass(eq=False)
class TooDeep(Malformed):
    """The operation nests {depth} levels deep; {limit} are allowed."""

    depth: int
    limit: int


@dataclass(eq=False)
class TooManyAliases(Malformed):
    """The operation has {aliases} aliases; {limit} are allowed."""

    aliases: int
    limit: int


@dataclass(eq=False)
class TooManyTokens(Malformed):
    """The document has more than {limit} tokens."""

    limit: int


@dataclass(eq=False)
class TooCostly(Malformed):
    """The operation might show {cost} nodes; {limit} are allowed. Ask for fewer with `first`."""

    cost: int
    limit: int


@dataclass(eq=False)
class FirstOutOfRange(Invalid):
    """`first` is {given}; it must be from 1 to {limit}."""

    given: int
    limit: int


@dataclass(eq=False)
class TooManyIds(Invalid):
    """There are {given} ids; {limit} are allowed."""

    given: int
    limit: int


class ExpectsJson(UnsupportedMedia):
    """Send the request as application/json."""


class NotAcceptableHere(NotAcceptable):
    """Answers are application/graphql-response+json or application/json."""


class FollowedByStreams(NotAcceptable):
    """Subscriptions are answered as text/event-stream or over a WebSocket."""


@dataclass(eq=False)
class TooManySubscriptions(Malformed):
    """There are {limit} operations on this connection already."""

    limit: int


@dataclass(eq=False)
class TooManyConnections(Throttled):
    """There are {limit} connections for subscriptions already; try again in {retry_after} s."""

    limit: int
