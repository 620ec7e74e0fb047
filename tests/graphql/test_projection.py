"""Whatever is selected, however it is written, is one statement; and is what was selected."""

from uuid import UUID

import httpx
import pytest
from tests.build import Build, Json
from tests.graphql.asking import answered, asked, everything_of, node, statements


@pytest.fixture
async def tree(build: Build) -> list[Json]:
    """Plant an objective with two beneath it, each with two key results."""
    top = await build.objective(title="Top")
    below = [await build.objective(title=f"Below {n}", parent_id=top["id"]) for n in (1, 2)]
    for objective in (top, *below):
        for n in (1, 2):
            key_result = await build.key_result(objective, title=f"{objective['title']}/{n}")
            await build.check_in(key_result, 10 * n)
    return [top, *below]


_SHAPES = {
    "page": "{ objectives { nodes { title keyResults { nodes { title } } } } }",
    "tree": """{ objectives(filter: {root: true}) { nodes { title children { nodes { title
        keyResults { nodes { title latestCheckIn { value } owner { name } } } } } } } }""",
    "several roots": """{ a: objectives { totalCount } b: keyResults { totalCount }
        units { totalCount } }""",
    "aliases": """{ objectives { nodes { a: title b: title c: children { totalCount }
        d: children(first: 1, orderBy: TITLE_DESC) { nodes { title } } } } }""",
    "edges": """{ objectives(first: 1) { edges { cursor node { title } }
        pageInfo { hasNextPage } } }""",
    "upwards": """{ checkIns { nodes { keyResult { objective { parent { parent { title } }
        unit { name } cycle { code } } } } } }""",
    "everything": f"{{ objectives {{ nodes {{ {everything_of(node('Objective'), 1)} }} }} }}",
}  # fmt: skip


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("shape", _SHAPES)
async def test_a_query_is_one_statement(
    rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    await answered(rest, _SHAPES[shape])  # whoever calls is known from now on
    with statements(monkeypatch) as noted:
        await answered(rest, _SHAPES[shape])
    (statement,) = noted
    assert "tenant_id = $1" in statement


@pytest.mark.usefixtures("tree")
async def test_questions_and_mixed_queries_are_a_few(
    rest: httpx.AsyncClient, tree: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "query($r: Ref!) { objective(ref: $r) { title } objectiveTree(ref: $r) { title } }"
    await answered(rest, query, r=tree[0]["id"])
    with statements(monkeypatch) as noted:
        await answered(rest, query, r=tree[0]["id"])
    assert 2 <= len(noted) <= 8


async def test_fragments_and_directives_select_as_they_say(
    rest: httpx.AsyncClient, tree: list[Json]
) -> None:
    query = """query($id: ID!, $yes: Boolean!, $no: Boolean = false) {
      node(id: $id) {
        __typename
        ... on Objective { ...Titled progress @include(if: $no) weight @skip(if: $yes) }
        ... on Unit { kind }
        ... @include(if: $yes) { id }
      }
    }
    fragment Titled on Objective { title children(first: 1) { nodes { ...Named } } }
    fragment Named on Node { id __typename ... on Objective { name: title } }"""
    first = (await answered(rest, "{ objectives(first: 1) { nodes { id } } }"))["objectives"]
    made = first["nodes"][0]["id"]
    found = (await answered(rest, query, id=made, yes=True))["node"]
    assert list(found) == ["__typename", "title", "children", "id"]
    assert found["title"] == "Top"
    (child,) = found["children"]["nodes"]
    assert child["__typename"] == "Objective"
    assert child["name"] == "Below 1"
    other = (await answered(rest, query, id=made, yes=False, no=True))["node"]
    assert list(other) == ["__typename", "title", "children", "progress", "weight"]
    assert len(tree) == 3


async def test_the_same_shape_with_other_values_answers_those(
    rest: httpx.AsyncClient, tree: list[Json]
) -> None:
    """What is kept of a query is its shape, nothing of what a caller gave or got."""
    query = """query($r: Ref!, $id: ID!, $ids: [ID!]!, $n: Int!, $f: ObjectiveFilter) {
      objective(ref: $r) { rowId keyResults(first: $n) { nodes { title } } }
      node(id: $id) { ... on Objective { rowId } }
      nodes(ids: $ids) { ... on Objective { rowId } }
      objectives(filter: $f) { totalCount nodes { title } }
    }"""
    listed = await answered(rest, "{ objectives { nodes { id rowId title } } }")
    ids = {row["rowId"]: row["id"] for row in listed["objectives"]["nodes"]}
    for n, row in enumerate(tree, 1):
        others = [other["id"] for other in tree if other is not row]
        found = await answered(
            rest, query, r=row["id"], id=ids[row["id"]], ids=[ids[other] for other in others],
            n=min(n, 2), f={"q": f'"{row["title"]}"'} if n > 1 else None,
        )  # fmt: skip
        assert found["objective"]["rowId"] == row["id"]
        assert len(found["objective"]["keyResults"]["nodes"]) == min(n, 2)
        assert found["node"] == {"rowId": row["id"]}
        assert [one["rowId"] for one in found["nodes"]] == others
        assert found["objectives"]["totalCount"] == (3 if n == 1 else 1)


async def test_a_shape_is_kept_for_no_other_caller(
    rest: httpx.AsyncClient, other_rest: httpx.AsyncClient, tree: list[Json]
) -> None:
    query = "{ objectives { totalCount nodes { title } } }"
    assert (await answered(rest, query))["objectives"]["totalCount"] == len(tree)
    assert (await answered(other_rest, query))["objectives"] == {"totalCount": 0, "nodes": []}


async def test_pages_of_an_edge_go_on_where_they_ended(
    rest: httpx.AsyncClient, tree: list[Json]
) -> None:
    query = """query($r: Ref!, $after: String) { objective(ref: $r) {
      keyResults(first: 1, after: $after) { totalCount edges { cursor node { title } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""
    first = (await answered(rest, query, r=tree[0]["id"]))["objective"]["keyResults"]
    assert first["totalCount"] == 2
    assert first["pageInfo"]["hasNextPage"]
    assert first["edges"][0]["cursor"] == first["pageInfo"]["endCursor"]
    end = first["pageInfo"]["endCursor"]
    second = (await answered(rest, query, r=tree[0]["id"], after=end))["objective"]["keyResults"]
    assert [one["node"]["title"] for one in second["edges"]] == ["Top/2"]
    assert second["totalCount"] == 2
    assert second["pageInfo"]["hasPreviousPage"]
    assert not second["pageInfo"]["hasNextPage"]


async def test_more_fields_than_a_function_takes_arguments(
    rest: httpx.AsyncClient, tree: list[Json]
) -> None:
    aliases = " ".join(f"a{n}: title" for n in range(45))
    inner = f"{aliases} {everything_of(node('Objective'), 0)}"
    query = f"query($r: Ref!) {{ objective(ref: $r) {{ {inner} }} }}"
    found = (await answered(rest, query, r=tree[0]["id"]))["objective"]
    assert found["a44"] == found["title"] == "Top"
    assert len(found) > 70
    assert UUID(found["rowId"]) == UUID(tree[0]["id"])


async def test_part_of_a_query_that_is_refused_leaves_the_rest(
    rest: httpx.AsyncClient, tree: list[Json]
) -> None:
    told = await asked(rest, '{ a: objective(ref: "external:none") { title } tenant { name } }')
    assert told["data"] == {"a": None, "tenant": {"name": "Test"}}
    assert told["errors"][0]["path"] == ["a"]
    assert tree
