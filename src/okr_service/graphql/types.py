"""Strawberry types made of the rooms' pydantic shapes, so that there is one list of facts."""

import enum
import inspect
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import strawberry
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument

from okr_service.graphql.names import camel
from okr_service.graphql.scalars import SCALARS, Json
from okr_service.kernel.paging import Listing

_PAGING = frozenset(Listing.model_fields)
_OF_EVERYTHING = {
    "id": "The row's id: REST's `id`.",
    "row_id": "The row's id: REST's `id`.",
    "external_id": "The caller's own key.",
    "version": "Raised by one with each edit.",
    "created_at": "When it was made.",
    "updated_at": "When it was edited last.",
    "progress": "Completion, 0 to 1, 6 decimals; null: not measured.",
    "expected_progress": "Where progress should be by now.",
    "health": "How progress stands against what was expected by now.",
    "title": "What people call it.",
    "name": "What people call it.",
    "data": "The items.",
}
Hint = Any  # a type, as `typing` has them


@dataclass
class Types:
    """The types made so far, each once."""

    made: dict[str, type] = field(default_factory=dict)

    def output(self, view: type[BaseModel]) -> type:
        """Return the object type of a view that is no node; its `id` is called `rowId`."""
        name = view.__name__.removesuffix("View")
        if name not in self.made:
            made = self.made[name] = type(name, (), {})
            self.fill(made, self.fields(view), inspect.getdoc(view))
        return self.made[name]

    def fields(
        self, view: type[BaseModel], names: Iterable[str] | None = None, also: object = None
    ) -> dict[str, tuple[Hint, object]]:
        """Return the fields that a view's members become."""
        listed = view.model_fields if names is None else names
        made = {}
        for name in listed:
            given = view.model_fields[name]
            hint = self.hint(given.annotation, _place(view.__name__.removesuffix("View"), name))
            ours = "row_id" if name == "id" else name
            made[ours] = (hint, strawberry.field(description=described(ours, given, also)))
        return made

    def input(
        self,
        name: str,
        shape: type[BaseModel],
        *,
        partial: bool = False,
        without: Iterable[str] = (),
        more: Mapping[str, tuple[Hint, str]] | None = None,
    ) -> type:
        """Return the input type of a shape; a partial one requires nothing."""
        if name in self.made:
            return self.made[name]
        made = self.made[name] = type(name, (), {})
        fields: dict[str, tuple[Hint, object]] = {}
        for member, given in shape.model_fields.items():
            if member in without:
                continue
            hint = self.hint(given.annotation, _place(name, member), inputs=True)
            about = described(member, given)
            if given.is_required() and not partial:
                fields[member] = (hint, strawberry.field(description=about))
            else:
                fields[member] = (_optional(hint), _left_out(about))
        for member, (hint, about) in (more or {}).items():
            is_optional = _is_optional(hint)
            kept = _left_out(about) if is_optional else strawberry.field(description=about)
            fields[member] = (hint, kept)
        return self.fill(made, fields, inspect.getdoc(shape), is_input=True)

    def arguments(
        self, shape: type[BaseModel], without: Iterable[str] = ()
    ) -> list[StrawberryArgument]:
        """Return the arguments that a question's members become."""
        made = []
        for name, given in shape.model_fields.items():
            if name in without:
                continue
            hint = self.hint(given.annotation, _place(shape.__name__, name), inputs=True)
            required = given.is_required()
            about = described(name, given)
            made.append(argument(name, hint if required else _optional(hint), about))
        return made

    def filter(self, name: str, listing: type[BaseModel]) -> type | None:
        """Return the filter that a listing's members become, or None where it has none."""
        if not set(listing.model_fields) - _PAGING:
            return None
        return self.input(name, listing, without=_PAGING)

    def literal(self, name: str, members: Iterable[str], about: str) -> type[enum.Enum]:
        """Return an enumeration of texts."""
        listed = {re.sub(r"\W", "_", member).upper(): member for member in members}
        return self.enumeration(name, listed, about)

    def enumeration(self, name: str, listed: Mapping[str, str], about: str) -> type[enum.Enum]:
        """Return an enumeration of texts by their names."""
        if name not in self.made:
            made = enum.Enum(name, listed)  # type: ignore[misc] # its name is not a literal
            self.made[name] = strawberry.enum(made, description=about)
        return self.made[name]

    def hint(self, hint: Hint, place: str, *, inputs: bool = False) -> Hint:
        """Return a pydantic field's annotation as Strawberry takes it."""
        origin: object = get_origin(hint)
        if origin is None:
            return self._plain(hint, inputs=inputs)
        if origin is dict:
            return Json
        if origin is Literal:
            return self.literal(place, get_args(hint), "One of these.")
        of = next(part for part in get_args(hint) if part is not type(None))
        inner = self.hint(of, place, inputs=inputs)
        if origin is list:
            return list_of(inner)
        return inner if origin is Annotated else _optional(inner)

    def _plain(self, hint: Hint, *, inputs: bool) -> Hint:
        if hint is AwareDatetime:
            return datetime
        if hint in SCALARS or not isinstance(hint, type):
            return hint
        if issubclass(hint, enum.Enum):
            return self._enum(hint)
        if issubclass(hint, BaseModel):
            if not inputs:
                return self.output(hint)
            return self.input(f"{hint.__name__.removeprefix('New')}Input", hint)
        return hint

    def _enum(self, kind: type[enum.Enum]) -> type[enum.Enum]:
        if kind.__name__ not in self.made:
            self.made[kind.__name__] = strawberry.enum(kind, description=inspect.getdoc(kind))
        return kind

    def fill(
        self,
        made: type,
        fields: Mapping[str, tuple[Hint, object]],
        about: str | None,
        *,
        is_input: bool = False,
    ) -> type:
        """Make a Strawberry type of a class, once all it refers to is there."""
        made.__annotations__ = {name: hint for name, (hint, _) in fields.items()}
        made.__module__ = __name__
        for name, (_, given) in fields.items():
            setattr(made, name, given)
        decorate = strawberry.input if is_input else strawberry.type
        return decorate(made, description=about)


def list_of(hint: Hint) -> Hint:
    """Return the type of a list."""
    return list[hint]


def described(name: str, given: FieldInfo, also: object = None) -> str:
    """Return what there is to say of a field."""
    told = given.description
    if told is None and also is not None and name in (of := getattr(also, "model_fields", {})):
        told = of[name].description
    if told is None:
        told = _OF_EVERYTHING.get(name) or f"{name.replace('_', ' ').capitalize()}."
    return told


def argument(
    name: str, hint: Hint, about: str, default: object = strawberry.UNSET
) -> StrawberryArgument:
    """Make an argument."""
    return StrawberryArgument(
        python_name=name,
        graphql_name=camel(name),
        type_annotation=StrawberryAnnotation(hint),
        description=about,
        default=default,
    )


def _place(shape: str, member: str) -> str:
    """Return the name of an enumeration that stands in a shape without one of its own."""
    name = camel(member)
    return shape + name[0].upper() + name[1:]


def _left_out(about: str) -> object:
    return strawberry.field(description=about, default=strawberry.UNSET)


def _optional(hint: Hint) -> Hint:
    return hint if _is_optional(hint) else Union[hint, None]  # noqa: UP007 - of a value


def _is_optional(hint: Hint) -> bool:
    origin: object = get_origin(hint)
    return origin in (Union, types.UnionType) and type(None) in get_args(hint)
