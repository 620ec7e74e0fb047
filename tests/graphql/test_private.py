"""What is private shows by no path: no edge, alias, id, filter, cursor or count."""

import base64
from collections.abc import Iterator

import httpx
import pytest
from tests.graphql.asking import Json, answered, asked, everything_of, node
from tests.group import BELONGING, UNIT_OF, Group, sees

_LISTS = {
    "objectives": "Objective",
    "keyResults": "KeyResult",
    "actionPlans": "ActionPlan",
    "actions": "Action",
    "checkIns": "CheckIn",
    "units": "Unit",
    "people": "Person",
    "cycles": "Cycle",
}


def _kinds(group: Group, name: str) -> Iterator[tuple[str, Json]]:
    kinds = ("Objective", "KeyResult", "ActionPlan", "Action", "CheckIn")
    yield from zip(kinds, group.of(name), strict=True)


def _global(kind: str, row_id: str) -> str:
    return base64.b64encode(f"{kind}:{row_id}".encode()).decode()


def _tells(group: Group, name: str) -> list[str]:
    rows = [*_kinds(group, name)]
    if name == "board":
        rows.append(("KeyResult", group.key_results["board sum"]))
    ids = [text for kind, row in rows for text in (row["id"], _global(kind, row["id"]))]
    return [*ids, f" of {name}", f"O-{name}"]


@pytest.mark.parametrize("person", UNIT_OF)
async def test_no_list_or_edge_gives_away_what_is_not_seen(group: Group, person: str) -> None:
    hidden = [name for name in BELONGING if not sees(person, name)]
    shown = [name for name in BELONGING if sees(person, name)]
    async with group.calling(person) as calling:
        told = ""
        for name, kind in _LISTS.items():
            inner = everything_of(node(kind), 1)
            query = f"{{ {name}(first: 20) {{ totalCount nodes {{ {inner} }} }} }}"
            response = await calling.post("/graphql", json={"query": query})
            assert "errors" not in response.json(), response.text
            told += response.text
    for name in hidden:
        for text in _tells(group, name):
            assert text not in told, (name, text)
    for name in shown:
        assert f"Comment of {name}" in told


@pytest.mark.parametrize("person", UNIT_OF)
async def test_what_is_not_seen_has_no_id_and_no_reference(group: Group, person: str) -> None:
    async with group.calling(person) as calling:
        for name in BELONGING:
            for kind, row in _kinds(group, name):
                await _is_there(calling, kind, row, there=sees(person, name))


async def _is_there(calling: httpx.AsyncClient, kind: str, row: Json, *, there: bool) -> None:
    field = kind[0].lower() + kind[1:]
    query = (
        "query($id: ID!, $ref: Ref!) { node(id: $id) { id } nodes(ids: [$id]) { id } "
        f"{field}(ref: $ref) {{ rowId }} }}"
    )
    made = _global(kind, row["id"])
    for ref in (made, row["id"]):
        told = await asked(calling, query, id=made, ref=ref)
        found = {"id": made} if there else None
        assert told["data"]["node"] == found
        assert told["data"]["nodes"] == [found]
        assert told["data"][field] == ({"rowId": row["id"]} if there else None)
        assert ("errors" in told) == (not there)


async def test_counts_are_of_what_is_seen(group: Group) -> None:
    query = """{
      objectives { totalCount nodes { rowId children { totalCount } } }
      filtered: objectives(filter: {health: [AHEAD, ON_TRACK, BEHIND, AT_RISK, UNMEASURED]}) {
        totalCount
      }
      units { nodes { objectives { totalCount } } }
    }"""
    for person in UNIT_OF:
        seen = {group.objectives[name]["id"] for name in BELONGING if sees(person, name)}
        async with group.calling(person) as calling:
            data = await answered(calling, query)
        assert data["objectives"]["totalCount"] == data["filtered"]["totalCount"] == len(seen)
        assert {one["rowId"] for one in data["objectives"]["nodes"]} == seen
        assert sum(u["objectives"]["totalCount"] for u in data["units"]["nodes"]) == len(seen)


async def test_links_to_what_is_not_seen_are_null(group: Group) -> None:
    query = """query($o: Ref!, $k: Ref!) {
      objective(ref: $o) { parentId parent { title } }
      keyResult(ref: $k) { feedsId feeds { title } }
    }"""
    of = {"o": group.objectives["under board"]["id"], "k": group.key_results["under board"]["id"]}
    async with group.calling("guest") as calling:
        data = await answered(calling, query, **of)
    assert data["objective"] == {"parentId": None, "parent": None}
    assert data["keyResult"] == {"feedsId": None, "feeds": None}


async def test_what_is_not_seen_cannot_be_filtered_by(group: Group) -> None:
    query = "query($p: Ref!) { objectives(filter: {parentId: [$p]}) { totalCount } }"
    async with group.calling("guest") as calling:
        data = await answered(calling, query, p=group.objectives["board"]["id"])
    assert data["objectives"]["totalCount"] == 0


async def test_another_tenant_has_none_of_it(group: Group, other_rest: httpx.AsyncClient) -> None:
    for name in BELONGING:
        for kind, row in _kinds(group, name):
            await _is_there(other_rest, kind, row, there=False)
    data = await answered(other_rest, "{ objectives { totalCount } people { totalCount } }")
    assert data == {"objectives": {"totalCount": 0}, "people": {"totalCount": 0}}


async def test_kinds_beyond_the_permission_are_not_reached_by_an_edge(group: Group) -> None:
    async with group.calling("admin", "organisation") as calling:
        told = await asked(calling, "{ units { nodes { name objectives { totalCount } } } }")
        fine = await answered(calling, "{ units { nodes { name people { totalCount } } } }")
    assert told["errors"][0]["extensions"]["code"] == "not-permitted"
    assert told["data"] is None
    assert fine["units"]["nodes"]
    async with group.calling("mai") as calling:
        told = await asked(calling, "{ auditEvents { totalCount } }")
    assert told["errors"][0]["extensions"]["code"] == "not-permitted"


async def test_a_feed_sees_of_its_check_in_only_that(group: Group) -> None:
    report = "mutation($k: Ref!) { recordCheckIn(input: {keyResultId: $k, value: 1}) {"
    key_result = group.key_results["open"]["id"]
    async with group.calling("admin", "check_in") as calling:
        own = await answered(calling, f"{report} checkIn {{ value }} }} }}", k=key_result)
        before = await asked(
            calling, f"{report} checkIn {{ keyResult {{ title }} }} }} }}", k=key_result
        )
    assert own["recordCheckIn"]["checkIn"] == {"value": "1"}
    assert before["errors"][0]["extensions"]["code"] == "not-permitted"
    async with group.calling("admin") as calling:
        counted = "query($k: Ref!) { keyResult(ref: $k) { checkIns { totalCount } } }"
        data = await answered(calling, counted, k=key_result)
    assert data["keyResult"]["checkIns"]["totalCount"] == 2  # the refused one was not written
