"""What every list can be asked: which page, in which order, showing what."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from okr_service.kernel.documents import PageRequest
from okr_service.kernel.errors import FieldError, InvalidQuery
from okr_service.kernel.fields import Ref, ordinary_year


def plain_text(value: str) -> str:
    """Refuse what PostgreSQL cannot hold in a text."""
    if "\0" in value:
        raise InvalidQuery([FieldError("", "invalid-character")])
    return value


def _set(value: object) -> object:
    if not isinstance(value, list):
        return value
    texts = [plain_text(str(item)) for item in value]
    return [part for text in texts for part in _parts(text)]


def _parts(text: str) -> Iterable[str]:
    return [text] if text.startswith("external:") else text.split(",")


Set = BeforeValidator(_set)  # repeated parameters, or one with commas
Refs = Annotated[list[Ref], Set, Field(max_length=200)]


def _as_utc(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


# without an offset: UTC
Since = Annotated[datetime, AfterValidator(ordinary_year), AfterValidator(_as_utc)]
Month = Annotated[str, Field(pattern=r"^(19|20|21)\d\d-(0[1-9]|1[0-2])$")]
Names = Annotated[str, Field(max_length=500), AfterValidator(plain_text)]


class Shape(BaseModel):
    """How items are to look."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: Names = Field(default="", description="Only these fields, comma-separated.")
    include: Names = Field(default="", description="Related resources to embed, comma-separated.")

    def shape(self) -> PageRequest:
        """Return the part of a page request that a single resource has."""
        return PageRequest(fields=_split(self.fields), include=_split(self.include))


class Listing(Shape):
    """Which page of a list is wanted."""

    limit: int = Field(default=50, ge=1, le=200, description="Most items in the page.")
    cursor: Names | None = Field(default=None, description="Where to go on: `page.next_cursor`.")
    sort: Names | None = Field(
        default=None, description="What to sort by; a leading `-` sorts downwards."
    )
    count: Literal["none", "exact"] = Field(
        default="none", description="`exact` adds the number of all items as `page.total`."
    )

    def page(self) -> PageRequest:
        """Return what the kernel needs to know of it."""
        return PageRequest(
            limit=self.limit,
            cursor=self.cursor,
            sort=self.sort,
            fields=_split(self.fields),
            include=_split(self.include),
            exact_count=self.count == "exact",
        )


def _split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


def days_of(month: str) -> tuple[date, date]:
    """Return the first and last day of a month like `2026-09`."""
    first = date.fromisoformat(f"{month}-01")
    return first, first.replace(day=monthrange(first.year, first.month)[1])
