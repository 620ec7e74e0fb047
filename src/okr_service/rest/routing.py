"""What the rooms' routers have in common."""

from typing import Annotated, Generic, TypeVar

from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, Field

from okr_service.kernel.fields import Ref, View
from okr_service.kernel.paging import plain_text
from okr_service.rest.endpoint import Endpoint

_V = TypeVar("_V", bound=View)

# `{ref:path}`, for a caller's own key may hold slashes. It takes all it can get: what is
# beneath a resource is declared before it, in its router and in `create_app`.
PathRef = Annotated[
    Ref,
    AfterValidator(plain_text),
    Path(
        max_length=220,
        description="An id, or `external:` and the external id.",
        examples=["external:MT-GACH-01"],
    ),
]
Patch = dict[str, object]


class PageInfo(BaseModel):
    """Where a page stands."""

    next_cursor: str | None = Field(description="Send it as `cursor` to go on; null at the end.")
    has_more: bool
    total: int | None = Field(default=None, description="Only with `count=exact`.")


class PageOf(BaseModel, Generic[_V]):
    """A page of a list."""

    data: list[_V]
    page: PageInfo


def room(tag: str, endpoint: type[Endpoint] = Endpoint) -> APIRouter:
    """Make a room's router."""
    return APIRouter(prefix="/v1", tags=[tag], route_class=endpoint)
