"""Names as GraphQL has them, and as we have them."""

import enum
import re
from collections.abc import Mapping


def camel(name: str) -> str:
    """Return a name of ours as GraphQL has it."""
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def snake(name: str) -> str:
    """Return a name of GraphQL's as we have it."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def as_ours(value: object) -> object:
    """Return an input with the names of its members as we have them."""
    if isinstance(value, Mapping):
        return {snake(str(name)): as_ours(member) for name, member in value.items()}
    if isinstance(value, list):
        return [as_ours(item) for item in value]
    return value.value if isinstance(value, enum.Enum) else value
