"""The schema, made of what the rooms say there is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import strawberry
from pydantic import BaseModel
from strawberry.annotation import StrawberryAnnotation
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from graphql import GraphQLSchema
from okr_service.access.policy import Permission
from okr_service.graphql.execution import (
    FollowedField,
    PassingFragments,
    ProjectedField,
    RootField,
)
from okr_service.graphql.kinds import Kind, Many
from okr_service.graphql.names import snake
from okr_service.graphql.projection.cost import FIRST, MOST
from okr_service.graphql.roots import Followed, Question, Room, Write
from okr_service.graphql.scalars import SCALARS
from okr_service.graphql.types import Hint, Types, argument, list_of
from okr_service.kernel.fields import Input, Ref

_WHICH = "Its `id`, its `rowId`, or `external:` and the caller's own key."
_MUTATION_ID = "Given back as it is."
_IDEMPOTENCY = "Sent again with the same input, it gets the first answer and does nothing twice."
_AFTER = "Go on after this cursor, of a payload or of the feed of events; from now on if absent."
_EXPECTED = "The version that the edit is meant for; refused if it has another by now."


@dataclass(frozen=True)
class Roots:
    """What there is, by name: kinds of node, and the root fields of the schema."""

    kinds: Mapping[str, Kind]
    single: Mapping[str, Kind]
    listed: Mapping[str, Kind]
    questions: Mapping[str, Question]
    writes: Mapping[str, Write]
    followed: Mapping[str, Followed]


@dataclass(frozen=True)
class Assembled:
    """A schema, and what its root fields are."""

    schema: strawberry.Schema
    roots: Roots

    @property
    def core(self) -> GraphQLSchema:
        """Return the schema as graphql-core has it."""
        return self.schema._schema  # noqa: SLF001 - there is no other way to it


class UndeclaredPermission(TypeError):
    """Something in the schema does not say which permission it takes."""


def _member(source: object, name: str) -> object:
    assert isinstance(source, Mapping)
    return source.get("id" if name == "row_id" else name)


@strawberry.interface(description="What has an id of its own (Relay).")
class Node:
    """What has a global id."""

    id: strawberry.ID = strawberry.field(description="Its global id.")


@strawberry.type(description="Where a page stands.")
class PageInfo:
    """Where a page stands (Relay)."""

    has_next_page: bool = strawberry.field(description="Whether there are more.")
    has_previous_page: bool = strawberry.field(description="Whether `after` was given.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first.")
    end_cursor: str | None = strawberry.field(description="Send it as `after` to go on.")


@strawberry.type(description="Why a mutation was not done.")
class UserError:
    """Something that whoever asked can put right."""

    code: str = strawberry.field(description="Never changes; `openapi/problems.md` lists them.")
    path: list[str] = strawberry.field(description="Which field of the input it is about.")
    message: str = strawberry.field(description="A sentence, by Accept-Language.")


class SchemaMaker:
    """Makes the schema of what the rooms have."""

    def __init__(self, rooms: Iterable[Room]) -> None:
        self._rooms = list(rooms)
        self._types = Types()
        self._kinds = [kind for room in self._rooms for kind in room.kinds]
        self._nodes = {kind.name: type(kind.name, (Node,), {}) for kind in self._kinds}
        self._connections = {
            kind.name: type(f"{kind.name}Connection", (), {}) for kind in self._kinds
        }
        self._payloads: dict[str, type] = {}

    def make(self) -> Assembled:
        """Return the schema.

        Raises:
            UndeclaredPermission: a kind, a question, a write or a subscription declares none.
        """
        self._require_permissions()
        for kind in self._kinds:
            self._fill_connection(kind)
            self._fill_node(kind)
        questions = {q.name: q for room in self._rooms for q in room.questions}
        writes = {write.name: write for room in self._rooms for write in room.writes}
        followed = {one.name: one for room in self._rooms for one in room.followed}
        schema = strawberry.Schema(
            query=self._query(questions),
            mutation=self._mutation(writes),
            subscription=self._subscription(followed) if followed else None,
            types=list(self._nodes.values()),
            config=StrawberryConfig(scalar_map=SCALARS, default_resolver=_member),
            execution_context_class=PassingFragments,
        )
        single = {kind.name[0].lower() + kind.name[1:]: kind for kind in self._kinds}
        listed = {kind.plural: kind for kind in self._kinds}
        kinds = {kind.name: kind for kind in self._kinds}
        return Assembled(schema, Roots(kinds, single, listed, questions, writes, followed))

    def _require_permissions(self) -> None:
        declared: list[Kind | Question | Write | Followed] = [*self._kinds]
        for room in self._rooms:
            declared += [*room.questions, *room.writes, *room.followed]
        for one in declared:
            if not isinstance(one.permission, Permission):
                raise UndeclaredPermission(one.name)

    def _fill_node(self, kind: Kind) -> None:
        fields = self._types.fields(kind.view, kind.members(), kind.new)
        for name, one in kind.ones.items():
            there: Hint = self._nodes[one.to.name]
            hint = there if one.required else there | None
            fields[name] = (hint, strawberry.field(description=one.about))
        for name, many in kind.many.items():
            fields[name] = (self._connections[many.to.name], self._many(many.to, many))
        self._types.fill(self._nodes[kind.name], fields, kind.view.__doc__)

    def _fill_connection(self, kind: Kind) -> None:
        node, edge = self._nodes[kind.name], type(f"{kind.name}Edge", (), {})
        about = strawberry.field
        self._types.fill(
            edge,
            {
                "cursor": (str, about(description="Its place; REST takes it too.")),
                "node": (node, about(description="The node.")),
            },
            "A node and its place in a list.",
        )
        self._types.fill(
            self._connections[kind.name],
            {
                "edges": (list_of(edge), about(description="The nodes with their places.")),
                "nodes": (list_of(node), about(description="The nodes.")),
                "page_info": (PageInfo, about(description="Where the page stands.")),
                "total_count": (int, about(description="How many there are in all.")),
            },
            "A page of a list.",
        )

    def _many(self, to: Kind, many: Many | None = None) -> StrawberryField:
        about = f"{to.plural[0].upper()}{to.plural[1:]}." if many is None else many.about
        made = RootField(
            graphql_name=None if many is not None else to.plural,
            type_annotation=StrawberryAnnotation(self._connections[to.name]),
            description=about,
        )
        order = self._order(to)
        wanted = [
            argument("first", int, f"How many at most, up to {MOST}.", FIRST),
            argument("after", str | None, "Go on after this cursor."),
            argument("order_by", order | None, "In which order."),
        ]
        narrowed = self._types.filter(f"{to.name}Filter", to.listing)
        if narrowed is not None:
            wanted.append(argument("filter", narrowed | None, "Only these."))
        made.arguments = wanted
        return made

    def _order(self, kind: Kind) -> type:
        names = ["id", *kind.collection.sorts]
        listed = {f"{name}_asc".upper(): name for name in names}
        listed |= {f"{name}_desc".upper(): f"-{name}" for name in names}
        about = f"Orders of {kind.plural}; what has no value comes last."
        return self._types.enumeration(f"{kind.name}Order", listed, about)

    def _query(self, questions: Mapping[str, Question]) -> type:
        fields: dict[str, StrawberryField] = {}
        for kind in self._kinds:
            name = kind.name[0].lower() + kind.name[1:]
            about = f"{kind.view.__doc__}"
            fields[name] = self._root(name, self._nodes[kind.name], about, [_ref_argument()])
            fields[kind.plural] = self._many(kind)
        node_about = "The thing with a global id, of whichever kind; null if there is none."
        node_id = argument("id", strawberry.ID, "The global id.")
        fields["node"] = self._root("node", Node, node_about, [node_id])
        ids = argument("ids", list[strawberry.ID], "The global ids, at most 100.")
        nodes_about = "Things by their global ids, in that order."
        fields["nodes"] = self._root("nodes", list[Node | None], nodes_about, [ids], null=False)
        for question in questions.values():
            fields[question.name] = self._question(question)
        return self._root_type("Query", fields, "What can be asked.")

    def _question(self, question: Question) -> StrawberryField:
        view = question.view
        shown: Hint = self._types.output(view) if issubclass(view, BaseModel) else view
        given = [argument(question.of, Ref, _WHICH)] if question.of else []
        if question.asked is not None:
            given += self._types.arguments(question.asked)
        return self._root(question.name, shown, question.about, given)

    def _mutation(self, writes: Mapping[str, Write]) -> type:
        fields = {}
        for write in writes.values():
            given = [argument("input", self._input(write), "What to do.")]
            payload = self._payload(write)
            fields[write.name] = self._root(write.name, payload, write.about, given, null=False)
        return self._root_type("Mutation", fields, "What can be done.")

    def _subscription(self, followed: Mapping[str, Followed]) -> type:
        fields: dict[str, StrawberryField] = {}
        for one in followed.values():
            fields[one.name] = made = FollowedField(
                graphql_name=one.name,
                type_annotation=StrawberryAnnotation(self._told(one)),
                description=one.about,
            )
            made.arguments = [*self._followed(one), argument("after", str | None, _AFTER)]
        return self._root_type("Subscription", fields, "What can be followed as it happens.")

    def _followed(self, one: Followed) -> Iterable[StrawberryArgument]:
        if one.of is not None:
            yield argument(one.of, Ref, _WHICH)
        if one.filter is not None:
            name = f"{one.name[0].upper()}{one.name[1:]}Filter"
            narrowed: Hint = self._types.input(name, one.filter)
            yield argument("filter", narrowed | None, "Only these.")

    def _told(self, one: Followed) -> type:
        node = self._nodes[one.shows.name]
        shown = ProjectedField(
            type_annotation=StrawberryAnnotation(node), description="As it is now."
        )
        about = strawberry.field
        fields: dict[str, tuple[Hint, object]] = {
            "cursor": (str, about(description="Send it as `after` to go on after this.")),
            "occurred_at": (datetime, about(description="When it was recorded.")),
            **(self._types.fields(one.also) if one.also is not None else {}),
            snake(one.shows.name): (node, shown),
        }
        made = type(f"{one.name[0].upper()}{one.name[1:]}", (), {})
        return self._types.fill(made, fields, one.about)

    def _input(self, write: Write) -> type:
        more: dict[str, tuple[Hint, str]] = {}
        if write.about_one:
            more["ref"] = (Ref, _WHICH)
        if write.versioned and write.about_one:
            more["expected_version"] = (int | None, _EXPECTED)
        if write.may_create:
            more["create_only"] = (bool | None, "Refuse to replace what is there already.")
        if write.ask is None:
            more["idempotency_key"] = (str | None, _IDEMPOTENCY)
        more["client_mutation_id"] = (str | None, _MUTATION_ID)
        name = f"{write.name[0].upper()}{write.name[1:]}Input"
        shape = write.shape or _Nothing
        if write.nested is None:
            return self._types.input(name, shape, partial=write.partial, more=more)
        suffix = "Changes" if write.partial else "Input"
        inner_name = shape.__name__.removeprefix("New") + suffix
        inner = self._types.input(inner_name, shape, partial=write.partial)
        about = "What is to change; null takes a value away." if write.partial else "What it is."
        return self._types.input(name, _Nothing, more={**more, write.nested: (inner, about)})

    def _payload(self, write: Write) -> type:
        name = f"{write.shows.name}Payload" if write.shows else ""
        if write.shows is None or write.also is not None:
            name = f"{write.name[0].upper()}{write.name[1:]}Payload"
        if name in self._payloads:
            return self._payloads[name]
        made = self._payloads[name] = type(name, (), {})
        fields: dict[str, tuple[Hint, object]] = {}
        if write.shows is not None:
            node = self._nodes[write.shows.name]
            shown = ProjectedField(
                type_annotation=StrawberryAnnotation(node | None),
                description="As it is now; null where it was not done, or nothing is left of it.",
            )
            fields[snake(write.shows.name)] = (node | None, shown)
        if write.also is not None:
            for member, (hint, field) in self._types.fields(write.also).items():
                fields[member] = (hint | None, field)
        about = strawberry.field
        fields["errors"] = (list[UserError], about(description="Why it was not done."))
        fields["client_mutation_id"] = (str | None, about(description="As it was given."))
        return self._types.fill(made, fields, "What came of it.")

    def _root(
        self,
        name: str,
        hint: Hint,
        about: str,
        given: list[StrawberryArgument],
        *,
        null: bool = True,
    ) -> StrawberryField:
        made = RootField(
            graphql_name=name,
            type_annotation=StrawberryAnnotation(hint | None if null else hint),
            description=about,
        )
        made.arguments = given
        return made

    def _root_type(self, name: str, fields: Mapping[str, StrawberryField], about: str) -> type:
        named: dict[str, tuple[Hint, object]] = {
            name: (field.type_annotation.annotation, field)  # type: ignore[union-attr]
            for name, field in fields.items()
        }
        return self._types.fill(type(name, (), {}), named, about)


class _Nothing(Input):
    """What the write takes."""


def _ref_argument() -> StrawberryArgument:
    return argument("ref", Ref, _WHICH)
