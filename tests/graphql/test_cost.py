"""What a query is estimated to show, and which estimates are too much."""

import pytest
from fastapi import FastAPI

from okr_service.graphql.errors import TooCostly
from okr_service.graphql.operations import Operations
from okr_service.identity.graphql import Issuers
from okr_service.main import graphql_schema
from okr_service.settings import Settings
from okr_service.webhooks.secrets import Secrets

_OF_EACH = """title progress owner { name }
  keyResults { nodes { title progress latestCheckIn { value } } }"""


def _tree(depth: int) -> str:
    """Return a selection of children so deep, each with key results, owner, latest check-in."""
    below = f"children {{ nodes {{ {_tree(depth - 1)} }} }}" if depth else ""
    return f"{_OF_EACH} {below}"


@pytest.fixture
def operations(app: FastAPI, settings: Settings) -> Operations:
    made = graphql_schema(
        Issuers(app.state.keys, app.state.tokens), Secrets.of(app.state.service.settings)
    )
    return Operations(made.core, made.roots, settings)


def _cost(operations: Operations, query: str) -> int:
    prepared = operations.prepare(query, None)
    variables = operations.variables(prepared, {})
    statement = operations.plan(prepared, variables, sees_everything=True).statement
    assert statement is not None
    return statement.cost


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ units { nodes { name } } }", 50),
        ("{ units(first: 200) { nodes { name } } }", 200),
        ('{ a: unit(ref: "x") { name } b: unit(ref: "y") { name } }', 2),
        ("{ units { nodes { parent { name } people { nodes { name } } } } }", 50 + 50 + 250),
        ("{ units { nodes { people(first: 2) { totalCount } } } }", 50 + 100),
        ("{ units { nodes { people(first: 200) { totalCount } } } }", 50 + 250),
        # One row has one parent; of fifty, some are shown again, with all beneath them.
        ('{ person(ref: "x") { unit { people { totalCount } } } }', 1 + 1 + 5),
        ("{ people { nodes { unit { people { totalCount } } } } }", 50 + 50 + 2500),
        # No two have the same latest check-in.
        ("{ keyResults { nodes { latestCheckIn { value } } } }", 50 + 50),
        (f'{{ objective(ref: "x") {{ {_tree(4)} }} }}', 781 * 12),
        (f"{{ objectives(filter: {{root: true}}) {{ nodes {{ {_tree(4)} }} }} }}", 50 * 781 * 12),
    ],
)
def test_a_query_costs_about_what_it_shows(operations: Operations, query: str, cost: int) -> None:
    assert _cost(operations, query) == cost


def test_what_multiplies_without_end_is_refused(operations: Operations) -> None:
    query = "totalCount"
    for _ in range(3):
        query = f"nodes {{ owner {{ objectives {{ {query} }} }} }}"
    assert _cost(operations, f"{{ objectives(first: 3) {{ {query} }} }}") < 500_000
    with pytest.raises(TooCostly):
        _cost(operations, f"{{ objectives {{ {query} }} }}")


def test_what_is_asked_again_by_another_name_is_counted_again(operations: Operations) -> None:
    once = f"objectives {{ nodes {{ {_tree(4)} }} }}"
    assert _cost(operations, f"{{ {once} }}") < 500_000
    with pytest.raises(TooCostly):
        _cost(operations, f"{{ {once} again: {once} }}")
