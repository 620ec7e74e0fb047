"""A year of a group from one end to the other, each request to whichever replica is next."""

import asyncio
from collections import Counter

import httpx
from tests.build import Build, Json

_FILE = (
    "unit,cycle,objective,objective_title,key_result,key_result_title,start,target,current\n"
    "TD,2026,MT-1,Doanh thu,KR1,Doanh thu,0,100,40\n"
    "TD,2026,MT-2,Sản lượng,KR1,Sản lượng,0,200,50\n"
)
_TREE = """
    query($id: Ref!) { objective(ref: $id) {
        title progress keyResults(first: 10) { nodes { title progress } } } }
"""


class Alternating:
    """Calls through HAProxy, and counts which replica answered."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self.client = client
        self.client.headers["Authorization"] = f"Bearer {key}"
        self.served: Counter[str] = Counter()
        client.event_hooks["response"] = [self._count]

    async def _count(self, response: httpx.Response) -> None:
        self.served[response.headers.get("served-by", "")] += 1


async def accepted(rest: httpx.AsyncClient) -> None:
    """Go through what a group does in a year; whatever one replica did, the other knows."""
    build = Build(rest)
    year = await build.cycle(code="2026", external_id="Y")
    group = await build.unit(external_id="TD", kind="group")
    person = await build.person(unit_id=group["id"], email="mai@sao.vn")
    root = await build.objective(
        external_id="ROOT", unit_id=group["id"], cycle_id=year["id"], owner_id=person["id"]
    )
    child = await build.objective(
        parent_id="external:ROOT", unit_id=group["id"], cycle_id=year["id"]
    )
    key_result = await build.key_result(child, external_id="KR")
    await _reported_once(rest, key_result)
    assert await build.progress(root) == 0.4
    await _edited(rest, child)
    await _imported(rest, build)
    await _asked_by_graphql(rest, root)
    await _followed(build)
    await _listed(build)
    await _keys(rest, build)
    await build.post(f"objectives/{child['id']}:close", final_score="0.5")
    assert (await build.get("units/external:TD/scorecard?cycle_id=external:Y"))["objectives"]


async def _reported_once(rest: httpx.AsyncClient, key_result: Json) -> None:
    """A retried report is the same report, whoever answers."""
    body = {"key_result_id": key_result["id"], "value": "40"}
    ids = set()
    for _ in range(4):
        answer = await rest.post("/v1/check-ins", json=body, headers={"Idempotency-Key": "once"})
        assert answer.status_code == 201, answer.text
        ids.add(answer.json()["id"])
    assert len(ids) == 1


async def _edited(rest: httpx.AsyncClient, objective: Json) -> None:
    """A version that one replica gave is one that the other refuses once it is old."""
    path = f"/v1/objectives/{objective['id']}"
    old = (await rest.get(path)).headers["etag"]
    for status in (200, 412):
        answer = await rest.patch(path, json={"title": "Mới"}, headers={"If-Match": old})
        assert answer.status_code == status, answer.text
    shown = [await rest.get(path) for _ in range(2)]
    assert len({(each.headers["etag"], each.text) for each in shown}) == 1


async def _imported(rest: httpx.AsyncClient, build: Build) -> None:
    headers = {"Content-Type": "text/csv", "Prefer": "respond-async"}
    answer = await rest.post("/v1/imports?mode=commit", content=_FILE, headers=headers)
    assert answer.status_code == 202, answer.text
    async with asyncio.timeout(60):
        while (job := await build.get(f"imports/{answer.json()['id']}"))["state"] != "done":
            assert job["state"] in {"queued", "running"}, job
            await asyncio.sleep(0.5)
    assert (await build.get("objectives/external:MT-1"))["progress"] == 0.4
    exported = await rest.get("/v1/exports/plan.csv?cycle_id=2026")
    assert exported.status_code == 200, exported.text
    assert "MT-2" in exported.text


async def _asked_by_graphql(rest: httpx.AsyncClient, root: Json) -> None:
    answers = [
        await rest.post("/graphql", json={"query": _TREE, "variables": {"id": root["id"]}})
        for _ in range(2)
    ]
    assert len({answer.text for answer in answers}) == 1, answers[0].text
    assert answers[0].json()["data"]["objective"]["progress"] == 0.4, answers[0].text


async def _followed(build: Build) -> None:
    """A cursor of one replica goes on at the other."""
    seen: list[str] = []
    cursor = None
    while True:
        query = f"events?limit=5&wait=0{f'&after={cursor}' if cursor else ''}"
        page = await build.get(query)
        seen += [event["id"] for event in page["data"]]
        cursor = page["page"]["next_cursor"]
        if not page["page"]["has_more"] and not page["data"]:
            break
    assert len(seen) == len(set(seen)) > 15


async def _listed(build: Build) -> None:
    first = await build.get("objectives?limit=2&sort=title")
    more = await build.get(f"objectives?limit=200&sort=title&cursor={first['page']['next_cursor']}")
    whole = await build.get("objectives?limit=200&sort=title")
    assert first["data"] + more["data"] == whole["data"]


async def _keys(rest: httpx.AsyncClient, build: Build) -> None:
    """A key works everywhere as soon as it is made, and nowhere some seconds after it is gone."""
    made = await build.post("api-keys", name="BI", scopes=["read"])
    headers = {"Authorization": f"Bearer {made['key']}"}
    for _ in range(4):
        assert (await rest.get("/v1/units", headers=headers)).status_code == 200
    await build.post(f"api-keys/{made['id']}:revoke")
    async with asyncio.timeout(30):
        refused = 0
        while refused < 4:
            answer = await rest.get("/v1/units", headers=headers)
            refused = refused + 1 if answer.status_code == 401 else 0
            await asyncio.sleep(0.5)
