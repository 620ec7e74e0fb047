"""Root fields: what can be asked and done, each with the permission it takes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from okr_service.access.policy import Permission, Principal
from okr_service.events.happenings import Happening
from okr_service.events.shapes import EventType
from okr_service.graphql.kinds import Kind
from okr_service.kernel.database import Reading, Transaction
from okr_service.kernel.errors import MissingIfMatch
from okr_service.kernel.fields import Ref
from okr_service.kernel.messages import Language
from okr_service.kernel.reach import Reach
from okr_service.kernel.references import Versions
from okr_service.serving import Exchange, Service


@dataclass(frozen=True)
class ReadCall:
    """A question, in a reading connection of its own."""

    who: Principal
    tx: Reading
    language: Language


@dataclass(frozen=True)
class AskingCall:
    """A write that asks somebody else over the network, and holds no connection meanwhile."""

    who: Principal
    service: Service
    given: Mapping[str, Any]  # the input, with our names
    exchange: Exchange

    @property
    def versions(self) -> Versions:
        """Return the versions that the edit is meant for; raises MissingIfMatch."""
        expected = self.given.get("expected_version")
        if expected is None:
            if self.service.settings.require_if_match:
                raise MissingIfMatch
            return None
        return frozenset({int(expected)})

    @property
    def ref(self) -> Ref:
        """Return what the input says the write is about."""
        return Ref(str(self.given["ref"]))


@dataclass(frozen=True)
class WriteCall(AskingCall):
    """A write, in a transaction of its own."""

    tx: Transaction
    afterwards: list[Callable[[], None]] = field(default_factory=list)  # to do once committed


@dataclass(frozen=True)
class Question:
    """A root field of its own kind, answered with JSON that a read has PostgreSQL build."""

    name: str
    about: str
    permission: Permission
    view: type[BaseModel] | type[str]
    ask: Callable[[ReadCall, Ref, Any], Awaitable[str]]
    asked: type[BaseModel] | None = None
    of: str | None = "ref"  # what the thing in question is called; None where there is none


@dataclass(frozen=True)
class Done:
    """What came of a write: the row to show, or what else is to be said of it."""

    row_id: Any = None
    told: Mapping[str, object] = field(default_factory=dict)


Wanted = Callable[[Happening, Reach], bool]


@dataclass(frozen=True)
class Followed:
    """A subscription: which events are told, to whom, and as what.

    What happened is told with the row that it happened to. Who subscribes names with `of` what
    to follow, or with a filter, or both; `choose` looks that up once, and says of each event
    that the caller sees whether it is wanted.
    """

    name: str
    about: str
    permission: Permission
    event: EventType
    shows: Kind
    choose: Callable[[ReadCall, Ref, Any], Awaitable[Wanted]]
    tell: Callable[[Happening], Mapping[str, object]] = lambda _: {}
    also: type[BaseModel] | None = None  # what is told besides
    of: str | None = None
    filter: type[BaseModel] | None = None


Perform = Callable[[WriteCall, Any], Awaitable[Done]]
Ask = Callable[[AskingCall, Any], Awaitable[Done]]


@dataclass(frozen=True)
class Write:
    """A mutation: its input is a shape, a reference and what every write takes."""

    name: str
    about: str
    permission: Permission
    perform: Perform | None
    shape: type[BaseModel] | None = None
    partial: bool = False  # the shape's members are what is to change
    about_one: bool = True  # it names what it is about, and takes the version it is meant for
    versioned: bool = True
    shows: Kind | None = None  # what the payload has of its kind
    also: type[BaseModel] | None = None  # what else it has
    may_create: bool = False
    nested: str | None = None  # the member in which the shape stands; else it is the input
    shows_secret: bool = False  # once: it is not kept for who repeats the write
    ask: Ask | None = None  # what performs it instead; done again it comes to the same


@dataclass
class Room:
    """What one room adds to the schema."""

    kinds: list[Kind] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    followed: list[Followed] = field(default_factory=list)
