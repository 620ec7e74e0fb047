"""How the executor comes to our answers, and lets through what PostgreSQL built."""

from typing import Any

from orjson import Fragment
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info


class RootField(StrawberryField):
    """A root field; whoever executes an operation says by its context how it is answered."""

    @property
    def is_basic_field(self) -> bool:
        """Say that it needs to know what is asked."""
        return False

    def get_result(self, source: Any, info: Info | None, args: list[Any], kwargs: Any) -> Any:
        """Have the operation's context answer it."""
        assert info is not None
        return info.context.answer(info)


class FollowedField(RootField):
    """A root field of a subscription; its context says which events there are."""

    def __init__(self, **given: Any) -> None:
        super().__init__(is_subscription=True, **given)


class ProjectedField(StrawberryField):
    """A part of a payload that PostgreSQL has shown already, by its response key."""

    @property
    def is_basic_field(self) -> bool:
        """Say that it needs to know under which key it is wanted."""
        return False

    def get_result(self, source: Any, info: Info | None, args: list[Any], kwargs: Any) -> Any:
        """Return what was shown."""
        assert info is not None
        return source["shown"].get(info.path.key)


class PassingFragments(StrawberryGraphQLCoreExecutionContext):
    """Executes as ever, but lets JSON that PostgreSQL built through as it is."""

    def complete_value(
        self, return_type: Any, fields: Any, info: Any, path: Any, result: Any, context: Any
    ) -> Any:
        """Complete a value."""
        if isinstance(result, Fragment):
            return result
        return super().complete_value(return_type, fields, info, path, result, context)
