"""Whatever does not say which permission it takes is not there."""

from dataclasses import replace

import pytest
from fastapi import FastAPI
from tests.graphql.asking import SCHEMA

from okr_service.access.policy import Permission
from okr_service.graphql.kinds import Kind, Many, One
from okr_service.graphql.names import camel
from okr_service.graphql.operations import Operations
from okr_service.graphql.roots import Followed, Question, Room, Write
from okr_service.graphql.schema import Roots, SchemaMaker, UndeclaredPermission
from okr_service.identity.graphql import Issuers
from okr_service.main import graphql_schema
from okr_service.objectives.graphql import ROOM as OBJECTIVES
from okr_service.organisation import graphql as organisation
from okr_service.settings import Settings
from okr_service.webhooks.secrets import Secrets

_UNSAID: Permission = None  # type: ignore[assignment] # what the type forbids
_ROOM = organisation.ROOM


def _kind() -> Room:
    unit = organisation.UNIT
    given = (unit.view, _UNSAID, unit.listing, unit.wanted, unit.absent)
    return Room([Kind("Nameless", "nameless", unit.collection, *given)])


def _question() -> Room:
    found: Question = replace(_ROOM.questions[0], name="other", permission=_UNSAID)
    return Room(questions=[found])


def _write() -> Room:
    found: Write = replace(_ROOM.writes[0], name="createOther", permission=_UNSAID)
    return Room(writes=[found])


def _followed() -> Room:
    found: Followed = replace(OBJECTIVES.followed[0], name="other", permission=_UNSAID)
    return Room(followed=[found])


_ROOMS = {
    "kind": _kind(),
    "field": _question(),
    "write": _write(),
    "subscription": _followed(),
}


@pytest.mark.parametrize("room", _ROOMS.values(), ids=_ROOMS)
def test_nothing_starts_that_declares_no_permission(room: Room) -> None:
    with pytest.raises(UndeclaredPermission):
        SchemaMaker([_ROOM, room]).make()


def test_every_edge_takes_the_permission_of_the_kind_that_it_leads_to(
    app: FastAPI, settings: Settings
) -> None:
    made = graphql_schema(
        Issuers(app.state.keys, app.state.tokens), Secrets.of(app.state.service.settings)
    )
    operations = Operations(made.core, made.roots, settings)
    edges: list[tuple[Kind, str, One | Many]] = []
    for kind in made.roots.kinds.values():
        edges += [(kind, name, one) for name, one in kind.ones.items()]
        edges += [(kind, name, many) for name, many in kind.many.items()]
    for kind, name, edge in edges:
        inner = "totalCount" if isinstance(edge, Many) else "id"
        query = f"{{ {kind.plural} {{ nodes {{ {camel(name)} {{ {inner} }} }} }} }}"
        prepared = operations.prepare(query, None)
        nothing = operations.variables(prepared, {})
        statement = operations.plan(prepared, nothing, sees_everything=True).statement
        assert statement is not None
        assert statement.needs == {kind.permission, edge.to.permission}, query
    assert len(edges) >= 40


@pytest.mark.parametrize("query", ["{ units { totalCount } }", '{ unit(ref: "x") { name } }'])
def test_a_field_of_the_schema_that_no_room_declares_is_not_answered(
    settings: Settings, query: str
) -> None:
    """A schema that has more than its rooms say there is has no way to it."""
    operations = Operations(SCHEMA, Roots({}, {}, {}, {}, {}, {}), settings)
    prepared = operations.prepare(query, None)
    assert not prepared.is_projectable
    making = operations.projection(
        prepared, operations.variables(prepared, {}), sees_everything=True
    )
    with pytest.raises(KeyError):
        operations.column(
            making, making.selecting.all_fields("Query", [prepared.operation.selection_set])
        )
