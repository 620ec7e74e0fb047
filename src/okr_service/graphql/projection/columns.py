"""Fields of a row itself, and JSON objects of fields."""

import enum
import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel

from graphql import FieldNode
from okr_service.graphql.names import snake
from okr_service.graphql.projection.levels import Level
from okr_service.graphql.projection.making import Making
from okr_service.graphql.projection.selections import inner
from okr_service.graphql.types import Hint

_MOST_PAIRS = 50  # of json_build_object: PostgreSQL's functions take 100 arguments


def column(making: Making, level: Level, name: str, nodes: Sequence[FieldNode]) -> str:
    """Return a member of a kind's view, as REST shows it but for names and enumerations."""
    collection = level.kind.collection
    masked = not making.sees_everything and name in collection.masks
    text = level.text((collection.masks if masked else collection.document)[name])
    of, is_list = _of(_hint(level.kind.view, name))
    if isinstance(of, type) and issubclass(of, enum.Enum):
        return f"upper({text}::text)::text[]" if is_list else f"upper({text})"
    if isinstance(of, type) and issubclass(of, BaseModel):
        return _items(making, of, text, nodes)
    return text


def _items(making: Making, view: type[BaseModel], text: str, nodes: Sequence[FieldNode]) -> str:
    """Return a list of objects with what is selected of each."""
    name = view.__name__.removesuffix("View")
    chosen = making.selecting.collect(name, inner(nodes))
    members = {
        key: f"'{name}'::text"
        if found[0].name.value == "__typename"
        else f"item.value -> '{snake(found[0].name.value)}'"
        for key, found in chosen.items()
    }
    return (
        f"(SELECT coalesce(json_agg({object_of(members)} ORDER BY item.place), '[]'::json) "
        f"FROM json_array_elements(({text})::json) WITH ORDINALITY AS item(value, place))"
    )


def object_of(members: Mapping[str, str]) -> str:
    """Return the JSON object of these; one of many is put together out of several."""
    pairs = [f"'{key}', {value}" for key, value in members.items()]
    parts = [pairs[start : start + _MOST_PAIRS] for start in range(0, len(pairs), _MOST_PAIRS)]
    built = [f"json_build_object({', '.join(part)})" for part in parts]
    if len(built) <= 1:
        return built[0] if built else "json_build_object()"
    within = " || ', ' || ".join(f"substr(left({part}::text, -1), 2)" for part in built)
    return f"('{{' || {within} || '}}')::json"


def _hint(view: type[BaseModel], name: str) -> Hint:
    return view.model_fields[name].annotation


@cache
def _of(annotation: Hint) -> tuple[object, bool]:
    """Return what a member's annotation is of at heart, and whether of several."""
    origin: object = get_origin(annotation)
    if origin is Annotated:
        return _of(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _of(next(p for p in get_args(annotation) if p is not type(None)))
    if origin is list:
        return _of(get_args(annotation)[0])[0], True
    return annotation, False
