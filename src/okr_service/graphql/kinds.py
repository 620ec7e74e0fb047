"""Kinds of node, each described once: how it is shown, listed, seen and linked.

The room that owns a link's column says what it links, in both directions; so a unit
learns of its objectives from the objectives' room, and rooms go on leaning one way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, SQLColumnExpression

from okr_service.access.policy import Permission, Principal
from okr_service.kernel.documents import Collection
from okr_service.kernel.errors import NotFound
from okr_service.kernel.fields import Input, Ref, View
from okr_service.kernel.paging import Listing

Wanted = Callable[[Principal, Listing], list[ColumnElement[bool]]]
Column = SQLColumnExpression[object]


@dataclass(frozen=True)
class One:
    """An edge to one node: the row of `to` whose `target` equals `link` of the row at hand."""

    to: "Kind"
    link: Column
    target: Column
    about: str
    required: bool = False
    only: Sequence[ColumnElement[bool]] = ()
    order: Sequence[Column] = ()  # of several, the first


@dataclass(frozen=True)
class Many:
    """A connection: the rows of `to` whose `target` is the id of the row at hand."""

    to: "Kind"
    target: Column
    about: str
    sort: str  # the order where none is asked for


@dataclass(eq=False)
class Kind:
    """One kind of node."""

    name: str
    plural: str
    collection: Collection
    view: type[View]
    permission: Permission
    listing: type[Listing]
    wanted: Wanted
    absent: Callable[[Ref], NotFound]
    new: type[Input] | None = None  # whose descriptions stand where the view has none
    own: Callable[[Principal], Sequence[ColumnElement[bool]]] | None = None  # what is theirs
    ones: dict[str, One] = field(default_factory=dict)
    many: dict[str, Many] = field(default_factory=dict)

    @property
    def table(self) -> str:
        """Return the name of its table."""
        return str(self.collection.model.__tablename__)

    def link(
        self,
        name: str,
        column: Column,
        to: "Kind",
        about: str,
        *,
        back: str | None = None,
        about_back: str = "",
        sort: str = "id",
        required: bool = False,
    ) -> None:
        """Say what a column of this kind links to, and what that is called from there."""
        there: Column = to.collection.model.id
        self.ones[name] = One(to, column, there, about, required)
        if back is not None:
            to.many[back] = Many(self, column, about_back, sort)

    def members(self) -> list[str]:
        """Return what of the view is shown as fields of the node itself."""
        return [name for name in self.view.model_fields if name in self.collection.document]
